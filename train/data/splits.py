"""Train, validation and test parts of the data, by source picture, seeded, kept in a JSON file.

The file names samples by their keys (`dataset/source_id`), so it holds on any machine, wherever the data lie.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import msgspec
import numpy as np

from edge.errors import ConfigurationError
from train.data.duplicates import group_duplicates
from train.data.sample import Sample

Side = Literal["train", "validation", "test"]
SIDES: tuple[Side, ...] = ("train", "validation", "test")
HELD_OUT: tuple[Side, ...] = ("validation", "test")
PAPER_FRACTIONS = (0.6, 0.2, 0.2)


@dataclass(frozen=True, slots=True, kw_only=True)
class Split:
    """The annotated samples of each side; a group lies on one side only."""

    seed: int
    fractions: tuple[float, float, float]
    train: tuple[Sample, ...]
    validation: tuple[Sample, ...]
    test: tuple[Sample, ...]

    def side(self, name: Side) -> tuple[Sample, ...]:
        return {"train": self.train, "validation": self.validation, "test": self.test}[name]

    def counts(self) -> dict[str, dict[Side, int]]:
        """Samples per data set and side."""
        table = {side: Counter(sample.dataset for sample in self.side(side)) for side in SIDES}
        datasets = sorted(set().union(*table.values()))
        return {dataset: {side: table[side][dataset] for side in SIDES} for dataset in datasets}


def split_samples(samples: list[Sample], seed: int, fractions: tuple[float, float, float] = PAPER_FRACTIONS) -> Split:
    """Divide the annotated samples, duplicates kept together (reads every picture once)."""
    return divide(group_duplicates([sample for sample in samples if sample.annotated]), seed, fractions)


def divide(samples: list[Sample], seed: int, fractions: tuple[float, float, float] = PAPER_FRACTIONS) -> Split:
    """Divide samples by group, each data set and each class within it in the same proportions as far as groups allow.

    Groups come in random order, large ones first, and each goes to the side that lacks its kind of samples most. What
    the publisher trained on stays in training; what the publisher held out goes to validation or test.
    """
    if min(fractions) < 0 or abs(sum(fractions) - 1) > 1e-6:
        raise ConfigurationError(
            f"the fractions {', '.join(map(str, fractions))} do not add up to 1; give train, validation and test shares"
        )
    groups: dict[str, list[Sample]] = defaultdict(list)
    for sample in sorted(samples, key=lambda sample: sample.key):
        groups[sample.group].append(sample)
    ledger = _Ledger(fractions)
    sides: dict[str, Side] = {}
    names = sorted(groups)
    order = np.random.default_rng(seed).permutation(len(names))
    for i in sorted(order, key=lambda i: -len(groups[names[i]])):
        sides[names[i]] = ledger.place(groups[names[i]])
    return _build(samples, {s.key: sides[s.group] for s in samples}, seed, fractions)


class _Ledger:
    """What each side has and what it should have by now, per data set and per class."""

    def __init__(self, fractions: tuple[float, float, float]) -> None:
        self._fractions = dict(zip(SIDES, fractions, strict=True))
        self._due: Counter[tuple[str, ...]] = Counter()
        self._have: dict[Side, Counter[tuple[str, ...]]] = {side: Counter() for side in SIDES}

    def place(self, group: list[Sample]) -> Side:
        """Choose a group's side and enter it."""
        parts = {sample.published_part for sample in group}
        allowed = HELD_OUT if "valid" in parts else ("train",) if "train" in parts else SIDES
        bins: list[tuple[str, ...]] = []
        for sample in group:
            stratum = (sample.dataset, str(sample.published_part))
            bins += [stratum, (*stratum, str(sample.kind))]
        self._due.update(bins)
        share = sum(self._fractions[side] for side in allowed)
        side = max(allowed, key=lambda side: self._lack(side, bins, share or 1.0))
        self._have[side].update(bins)
        return side

    def _lack(self, side: Side, bins: list[tuple[str, ...]], share: float) -> float:
        fraction = self._fractions[side] / share
        return sum(fraction * self._due[key] - self._have[side][key] for key in bins)


class _Fractions(msgspec.Struct):
    train: float
    validation: float
    test: float


class _SplitFile(msgspec.Struct, forbid_unknown_fields=True):
    """What a split file holds; `counts` is for people who read it."""

    version: Literal[1]
    seed: int
    fractions: _Fractions
    counts: dict[str, dict[Side, int]]
    samples: dict[str, Side]


def write_split(split: Split, path: Path) -> None:
    """Write a split; `read_split` gives it back."""
    sides: dict[str, Side] = {sample.key: side for side in SIDES for sample in split.side(side)}
    content = _SplitFile(
        version=1,
        seed=split.seed,
        fractions=_Fractions(*split.fractions),
        counts=split.counts(),
        samples=dict(sorted(sides.items())),
    )
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(msgspec.json.format(msgspec.json.encode(content), indent=1) + b"\n")


def read_split(path: Path, samples: list[Sample]) -> Split:
    """Give the samples the sides that a file says.

    The file may know whole data sets that `samples` lack, but of a data set that is there it must name each annotated
    picture and no other; ConfigurationError otherwise.
    """
    content = _read_file(path)
    sides = content.samples
    annotated = [sample for sample in samples if sample.annotated]
    datasets = {sample.dataset for sample in annotated}
    here = {sample.key for sample in annotated}
    unknown = sorted(here - sides.keys())
    missing = sorted(key for key in sides.keys() - here if key.partition("/")[0] in datasets)
    if unknown or missing:
        raise ConfigurationError(
            f"the split {path} does not fit the data: {_some(unknown)} of the data not in the split, "
            f"{_some(missing)} of the split not in the data; use the data that it was made from or make a new split"
        )
    fractions = content.fractions
    return _build(annotated, sides, content.seed, (fractions.train, fractions.validation, fractions.test))


def _build(samples: list[Sample], sides: dict[str, Side], seed: int, fractions: tuple[float, float, float]) -> Split:
    chosen = {side: tuple(sample for sample in samples if sides[sample.key] == side) for side in SIDES}
    return Split(
        seed=seed, fractions=fractions, train=chosen["train"], validation=chosen["validation"], test=chosen["test"]
    )


def _some(keys: list[str]) -> str:
    return f"{len(keys)} pictures ({', '.join(keys[:2])}, ...)" if keys else "no picture"


def _read_file(path: Path) -> _SplitFile:
    try:
        return msgspec.json.decode(path.read_bytes(), type=_SplitFile)
    except OSError as error:
        raise ConfigurationError(f"the split {path} cannot be read ({error.strerror}); check the path") from error
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise ConfigurationError(f"{path} is not a split file of this program ({error}); make one anew") from error
