"""Is a score a probability, and which threshold serves? From an evaluation with a low threshold.

    python -m train evaluate model.onnx --data DATA --split SPLIT --side validation --threshold 0.05 --out runs/scores
    python -m train reliability runs/scores

Writes `reliability.csv` (bins of scores), `thresholds.csv` (what each finds and invents) and `reliability.png`
beside the evaluation's files. Cells count whose verdict is known: of pictures in which every cell is
labelled, so that a cell without a label is a false one.
"""

from __future__ import annotations

import argparse
import csv
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console

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


def add_reliability_arguments(parser: argparse.ArgumentParser) -> None:
    """The command line of `python -m train reliability`."""
    parser.add_argument("judged", type=Path, metavar="DIR", help="--out of `train evaluate --threshold 0.05`")


def run_reliability(args: argparse.Namespace) -> int:
    """Run the command; returns the exit code."""
    scores = read_scores(args.judged)
    bins, rows = bins_of(scores), at_thresholds(scores)
    _write(
        args.judged / "reliability.csv",
        ("low", "high", "cells", "mean_score", "true_share", "true_low", "true_high"),
        [
            (one.low, one.high, one.count, one.mean_score, one.true.value, one.true.low, one.true.high)
            for one in bins
            if one.count
        ],
    )
    _write(
        args.judged / "thresholds.csv",
        ("threshold", "found", "cells", "recall", "false_cells", "pictures", "false_per_picture"),
        [
            (
                r.threshold,
                r.found,
                scores.cells,
                r.recall.value,
                r.false_cells,
                scores.pictures,
                r.false_per_picture.value,
            )
            for r in rows
        ],
    )
    _draw(bins, rows, args.judged / "reliability.png")
    console = Console()
    console.print(f"{len(scores.predicted)} predicted cells in {scores.pictures} pictures with {scores.cells} cells")
    console.print(f"expected calibration error {expected_calibration_error(bins):.4f}")
    for r in rows:
        console.print(f"threshold {r.threshold:.2f}: {r.found} of {scores.cells} found, {r.false_cells} false")
    return 0


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


def _write(path: Path, header: Sequence[str], rows: Sequence[Sequence[float]]) -> None:
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(header)
        writer.writerows([f"{value:.6g}" for value in row] for row in rows)


def _draw(bins: Sequence[Bin], rows: Sequence[AtThreshold], path: Path) -> None:
    """Left: share of true cells against the score. Right: what each threshold finds and invents."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot as plt

    shown = [one for one in bins if one.count]
    figure, (left, right) = plt.subplots(1, 2, figsize=(11, 4.6), layout="constrained")
    left.plot([0, 1], [0, 1], color="#999999", linestyle="dashed", linewidth=1, label="a score that is a probability")
    means, shares = [one.mean_score for one in shown], [one.true.value for one in shown]
    below = [one.true.value - one.true.low for one in shown]
    above = [one.true.high - one.true.value for one in shown]
    left.errorbar(
        means, shares, yerr=[below, above], fmt="o", color="#0072B2", capsize=3, label="predicted cells, 95 %"
    )
    for one in shown:
        left.annotate(
            str(one.count), (one.mean_score, one.true.value), (4, -12), textcoords="offset points", fontsize=7
        )
    left.set(xlim=(0, 1.02), ylim=(-0.03, 1.05), xlabel="score", ylabel="share of true cells")
    left.legend(fontsize=8, loc="upper left")
    thresholds = [row.threshold for row in rows]
    right.plot(thresholds, [row.recall.value for row in rows], "o-", color="#0072B2", label="true cells found (share)")
    right.plot(
        thresholds,
        [row.false_per_picture.value for row in rows],
        "s-",
        color="#D55E00",
        label="false cells per picture",
    )
    right.set(xlim=(0, 1.02), ylim=(-0.03, None), xlabel="score threshold")
    right.grid(alpha=0.3)
    right.legend(fontsize=8)
    figure.savefig(path, dpi=110)
    plt.close(figure)
