"""Is a score a probability, and what does each threshold find and invent?"""

from __future__ import annotations

import csv
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from edge.errors import ConfigurationError
from train.metrics import Estimate, count_interval, wilson_interval
from train.report import CELL_COLUMNS, CELLS_NAME, CSV_NAME

BINS = 10
THRESHOLDS = (0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.75, 0.8, 0.85, 0.9, 0.93, 0.95, 0.97, 0.98, 0.99)


@dataclass(frozen=True, slots=True, kw_only=True)
class ScoredCell:
    """A predicted cell and whether it is a true one."""

    score: float
    true: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Scores:
    """An evaluation: predicted cells of completely labelled pictures, these pictures and their true cells."""

    predicted: tuple[ScoredCell, ...]
    pictures: int
    cells: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Bin:
    """Cells whose scores lie in low <= score < high (the last bin holds 1 too): mean score and share of true ones."""

    low: float
    high: float
    count: int
    mean_score: float
    true: Estimate


@dataclass(frozen=True, slots=True, kw_only=True)
class AtThreshold:
    """What a threshold keeps: true cells found (recall) and false ones (per picture)."""

    threshold: float
    found: int
    recall: Estimate
    false_cells: int
    false_per_picture: Estimate


def read_scores(folder: Path) -> Scores:
    """What `train evaluate` left in `folder`; raises ConfigurationError saying which file is missing or broken."""
    predicted = []
    for row in _rows(folder / CELLS_NAME, CELL_COLUMNS):
        if row["complete"] == "1" and row["true"]:
            predicted.append(ScoredCell(score=float(row["score"]), true=row["true"] == "1"))
    complete = [row for row in _rows(folder / CSV_NAME, ("complete", "cells")) if row["complete"] == "1"]
    if not complete:
        raise ConfigurationError(
            f"{folder} judges no picture in which every cell is labelled; evaluate on a data set that has such pictures"
        )
    return Scores(predicted=tuple(predicted), pictures=len(complete), cells=sum(int(row["cells"]) for row in complete))


def bins_of(scores: Scores) -> list[Bin]:
    """Ten equal bins; an empty one has no mean."""
    bins = []
    for i in range(BINS):
        low, high = i / BINS, (i + 1) / BINS
        inside = [one for one in scores.predicted if low <= one.score < high or (i == BINS - 1 and one.score == 1)]
        mean = sum(one.score for one in inside) / len(inside) if inside else float("nan")
        true = wilson_interval(sum(one.true for one in inside), len(inside))
        bins.append(Bin(low=low, high=high, count=len(inside), mean_score=mean, true=true))
    return bins


def expected_calibration_error(bins: Sequence[Bin]) -> float:
    """Mean distance between score and share of true cells, weighted by the bins' counts (Naeini et al. 2015)."""
    total = sum(one.count for one in bins)
    return sum(one.count * abs(one.mean_score - one.true.value) for one in bins if one.count) / total if total else 0.0


def at_thresholds(scores: Scores) -> list[AtThreshold]:
    """What each of `THRESHOLDS` keeps."""
    rows = []
    for threshold in THRESHOLDS:
        kept = [one for one in scores.predicted if one.score >= threshold]
        found = sum(one.true for one in kept)
        rows.append(
            AtThreshold(
                threshold=threshold,
                found=found,
                recall=wilson_interval(found, scores.cells),
                false_cells=len(kept) - found,
                false_per_picture=count_interval(len(kept) - found, scores.pictures),
            )
        )
    return rows


def _rows(path: Path, columns: Sequence[str]) -> list[dict[str, str]]:
    try:
        with path.open(newline="", encoding="utf-8") as file:
            reader = csv.DictReader(file, strict=True)
            missing = set(columns) - set(reader.fieldnames or ())
            if missing:
                raise ValueError(f"it has no column {', '.join(sorted(missing))}")
            return list(reader)
    except (OSError, ValueError, csv.Error) as error:
        raise ConfigurationError(
            f"{path} cannot be used ({error}); write it with `python -m train evaluate --out {path.parent}`"
        ) from error
