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
from pathlib import Path

from rich.console import Console

from train.reliability import AtThreshold, Bin, at_thresholds, bins_of, expected_calibration_error, read_scores


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
