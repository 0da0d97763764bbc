"""Five-fold cross-validation with 60/20/20 inside (section 3.3), kept in a JSON file that names pictures by their keys.

The pictures are dealt into five parts. In fold k part k is the test part, part k + 1 validates and the others train, so
every picture is tested once and validates once.
"""

from __future__ import annotations

import hashlib
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import msgspec
import numpy as np

from edge.errors import ConfigurationError
from train.data.duplicates import group_duplicates
from train.data.sample import Sample

FOLDS = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Fold:
    """One fold: its number 0..4 and the pictures of its three sides."""

    number: int
    train: tuple[Sample, ...]
    validation: tuple[Sample, ...]
    test: tuple[Sample, ...]

    def first(self, count: int) -> Fold:
        """The same fold with at most `count` pictures on each side."""
        return Fold(
            number=self.number,
            train=self.train[:count],
            validation=self.validation[:count],
            test=self.test[:count],
        )


def deal(samples: Sequence[Sample], seed: int) -> dict[str, int]:
    """Key of each picture -> its part 0..4.

    Groups never part. They come in random order, large ones first, and each goes to the part that lacks pictures, and
    pictures of its kinds, most. Raises ConfigurationError if there are fewer than five groups.
    """
    groups: dict[str, list[Sample]] = defaultdict(list)
    for sample in sorted(samples, key=lambda sample: sample.key):
        groups[sample.group].append(sample)
    if len(groups) < FOLDS:
        raise ConfigurationError(
            f"{len(samples)} labelled pictures show {len(groups)} different scenes but {FOLDS} folds need as many; "
            "give more labelled pictures"
        )
    names = sorted(groups)
    order = np.random.default_rng(seed).permutation(len(names))
    due: Counter[str] = Counter()
    have = [Counter[str]() for _ in range(FOLDS)]
    parts: dict[str, int] = {}
    for i in sorted(order, key=lambda i: -len(groups[names[i]])):
        members = groups[names[i]]
        bins = [name for sample in members for name in ("all", f"kind {sample.kind}")]
        due.update(bins)
        lack = [sum(due[name] / FOLDS - part[name] for name in bins) for part in have]
        chosen = int(np.argmax(lack))
        have[chosen].update(bins)
        parts |= {sample.key: chosen for sample in members}
    return parts


def folds_of(samples: Sequence[Sample], parts: dict[str, int]) -> tuple[Fold, ...]:
    """The five folds of pictures dealt into parts; each side keeps the order of `samples`."""
    folds = []
    for number in range(FOLDS):
        validation = (number + 1) % FOLDS
        sides: dict[str, list[Sample]] = {"train": [], "validation": [], "test": []}
        for sample in samples:
            part = parts[sample.key]
            sides["test" if part == number else "validation" if part == validation else "train"].append(sample)
        folds.append(Fold(number=number, **{name: tuple(side) for name, side in sides.items()}))
    return tuple(folds)


def prepare_folds(path: Path, dataset: str, samples: Sequence[Sample], seed: int) -> tuple[Fold, ...]:
    """Read the folds of a data set, or draw them (reads every picture once) and write them down.

    Raises ConfigurationError if the file was made from other pictures or with another seed.
    """
    if not path.exists():
        parts = deal(group_duplicates(list(samples)), seed)
        _write(path, dataset, folds_of(samples, parts), seed)
    return _read(path, dataset, samples, seed)


def hash_of(path: Path) -> str:
    """SHA-256 of a folds file, for the records of the runs that used it."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


class _Sides(msgspec.Struct, forbid_unknown_fields=True):
    train: list[str]
    validation: list[str]
    test: list[str]


class _FoldsFile(msgspec.Struct, forbid_unknown_fields=True):
    version: Literal[1]
    dataset: str
    seed: int
    folds: list[_Sides]


def _write(path: Path, dataset: str, folds: tuple[Fold, ...], seed: int) -> None:
    sides = [_Sides(*([sample.key for sample in side] for side in (f.train, f.validation, f.test))) for f in folds]
    content = _FoldsFile(version=1, dataset=dataset, seed=seed, folds=sides)
    temporary = path.with_suffix(".tmp")
    temporary.write_bytes(msgspec.json.format(msgspec.json.encode(content), indent=1) + b"\n")
    temporary.replace(path)


def _read(path: Path, dataset: str, samples: Sequence[Sample], seed: int) -> tuple[Fold, ...]:
    try:
        content = msgspec.json.decode(path.read_bytes(), type=_FoldsFile)
    except OSError as error:
        raise ConfigurationError(f"the folds {path} cannot be read ({error.strerror}); check the path") from error
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise ConfigurationError(
            f"{path} is not a folds file of this program ({error}); delete it to draw new folds"
        ) from error
    if (content.dataset, content.seed) != (dataset, seed):
        raise ConfigurationError(
            f"the folds {path} are of {content.dataset} with seed {content.seed} but {dataset} with seed {seed} was "
            "asked for; choose another --out"
        )
    parts = _parts_of(path, content)
    here = {sample.key for sample in samples}
    unknown, missing = sorted(here - parts.keys()), sorted(parts.keys() - here)
    if unknown or missing:
        raise ConfigurationError(
            f"the folds {path} were made from other data: {len(unknown)} pictures of the data are not in it and "
            f"{len(missing)} of its pictures are not in the data (such as {(unknown or missing)[0]}); give the same "
            "--data or choose another --out"
        )
    return folds_of(samples, parts)


def _parts_of(path: Path, content: _FoldsFile) -> dict[str, int]:
    """The part of each key, after checking that the five folds are those of one dealing."""
    parts = {key: number for number, sides in enumerate(content.folds) for key in sides.test}
    expected = [
        {
            "test": {key for key, part in parts.items() if part == number},
            "validation": {key for key, part in parts.items() if part == (number + 1) % FOLDS},
            "train": {key for key, part in parts.items() if part not in (number, (number + 1) % FOLDS)},
        }
        for number in range(FOLDS)
    ]
    found = [{name: set(getattr(sides, name)) for name in ("test", "validation", "train")} for sides in content.folds]
    listed = sum(len(sides.test) for sides in content.folds)
    if found != expected or listed != len(parts):
        raise ConfigurationError(
            f"the folds in {path} are not five parts that take turns as test and validation; delete it to draw new ones"
        )
    return parts
