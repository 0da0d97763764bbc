"""Recognise the layout of a folder or file and list its samples."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from edge.errors import ConfigurationError
from train.data import bcisc, coco, dranet, folder, lisc, segmentation_wbc
from train.data.sample import Sample


@dataclass(frozen=True, slots=True, kw_only=True)
class Reader:
    """One layout: how it is called, recognised and read."""

    layout: str
    recognise: Callable[[Path], bool]
    read: Callable[[Path], list[Sample]]


READERS = tuple(
    Reader(layout=module.LAYOUT, recognise=module.recognise, read=module.read)
    for module in (segmentation_wbc, bcisc, dranet, lisc, coco, folder)
)


def read_dataset(path: Path) -> list[Sample]:
    """List the samples of a data set, or of all data sets in a folder that holds several.

    Raises ConfigurationError if the path is none of the known layouts.
    """
    if not path.exists():
        raise ConfigurationError(f"the data set {path} does not exist; check the path")
    samples = _read_one(path)
    if samples is None and path.is_dir():
        parts = [_read_one(inner) for inner in sorted(path.iterdir()) if inner.is_dir()]
        samples = [sample for part in parts if part is not None for sample in part]
    if not samples:
        layouts = "; ".join(reader.layout for reader in READERS)
        raise ConfigurationError(f"{path} holds no data set that can be read; give one of these: {layouts}")
    return samples


def read_datasets(paths: list[Path]) -> list[Sample]:
    """`read_dataset` of several paths; raises ConfigurationError if a picture comes twice."""
    samples = [sample for path in paths for sample in read_dataset(path)]
    twice = [key for key, count in Counter(sample.key for sample in samples).items() if count > 1]
    if twice:
        raise ConfigurationError(
            f"{len(twice)} pictures come twice in the data sets given, among them {twice[0]}; name each data set once"
        )
    return samples


def _read_one(path: Path) -> list[Sample] | None:
    found = next((reader for reader in READERS if reader.recognise(path)), None)
    return None if found is None else found.read(path)
