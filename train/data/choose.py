"""Samples by the name of their data set."""

from __future__ import annotations

from collections.abc import Sequence

from edge.errors import UsageError
from train.data.sample import Sample


def leave_out(samples: Sequence[Sample], datasets: Sequence[str], option: str) -> list[Sample]:
    """The samples of all other data sets; raises UsageError for a name that no sample has."""
    _check(samples, datasets, option)
    return [sample for sample in samples if sample.dataset not in datasets]


def only(samples: Sequence[Sample], datasets: Sequence[str], option: str) -> list[Sample]:
    """The samples of these data sets, of all if none is named; raises UsageError for a name that no sample has."""
    _check(samples, datasets, option)
    return [sample for sample in samples if sample.dataset in datasets or not datasets]


def _check(samples: Sequence[Sample], datasets: Sequence[str], option: str) -> None:
    known = sorted({sample.dataset for sample in samples})
    for name in datasets:
        if name not in known:
            raise UsageError(f"{option} {name}: no labelled picture is of it; the sets given are {', '.join(known)}")
