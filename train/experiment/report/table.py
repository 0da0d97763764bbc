"""The counterpart of Table 1: our means with 95 % intervals, the paper's figures, the differences."""

from __future__ import annotations

import csv
import io
import math

from train.experiment.report.entries import Entry
from train.experiment.report.published import DATASET_TITLES, FOLDS, METHOD_TITLES, METRIC_TITLES, PUBLISHED
from train.experiment.report.remarks import remarks
from train.metrics import Estimate
from train.report import METRICS

NOT_RUN = "not run"
MISSING = "Not run, or not in all folds; each is one command"
TABLE_HEADER = ("Method", "", *METRIC_TITLES.values(), "Images", "Folds")


def table_csv(entries: dict[str, list[Entry]]) -> str:
    """A line per data set, method and metric; what was not run has no figures; the command runs what is missing."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(
        ("dataset", "method", "metric", "images", "folds", "mean", "low", "high", "paper", "difference", "command")
    )
    for entry in (entry for group in entries.values() for entry in group):
        folds = " ".join(map(str, entry.folds))
        for metric in METRICS:
            ours, paper, difference = [NOT_RUN, "", ""], "", ""
            if entry.means:
                mean = entry.means[metric]
                ours = ["" if math.isnan(value) else f"{value:.6f}" for value in (mean.value, mean.low, mean.high)]
            if entry.in_paper:
                paper = f"{entry.published(metric):.5f}"
                difference = f"{entry.difference(metric):.6f}" if entry.means else ""
            place = (entry.dataset, entry.method, metric, entry.images, folds)
            writer.writerow((*place, *ours, paper, difference, entry.command))
    return out.getvalue()


def table_rows(entries: list[Entry]) -> list[tuple[str, ...]]:
    """The cells of one data set below `TABLE_HEADER`: for each method ours, the paper's and the difference."""
    rows: list[tuple[str, ...]] = []
    for entry in entries:
        title = METHOD_TITLES[entry.method]
        ours = [_text(entry.means[metric]) if entry.means else NOT_RUN for metric in METRICS]
        folds = f"{len(entry.folds)} of {FOLDS}"
        rows.append((title, "ours", *ours, str(entry.images), folds))
        if not entry.in_paper:
            continue
        paper = [f"{entry.published(metric):.5f}" for metric in METRICS]
        rows.append(("", "paper", *paper, str(PUBLISHED[entry.dataset].images), ""))
        if entry.means:
            rows.append(("", "difference", *(f"{entry.difference(metric):+.5f}" for metric in METRICS), "", ""))
    return rows


def table_markdown(entries: dict[str, list[Entry]]) -> str:
    """One table per data set, with the order of the methods and the commands for what was not run."""
    lines = ["# The paper's Table 1 and ours", "", *(f"{line}\n" for line in explanation())]
    for dataset, group in entries.items():
        lines += [f"## {DATASET_TITLES[dataset]} (`{dataset}`)", ""]
        lines += ["| " + " | ".join(TABLE_HEADER) + " |", "|---|---|" + "---:|" * (len(TABLE_HEADER) - 2)]
        lines += ["| " + " | ".join(row) + " |" for row in table_rows(group)]
        lines += ["", *(f"- {remark}" for remark in remarks(group)), ""]
        commands = commands_of(group)
        if commands:
            lines += [f"{MISSING}:", ""]
            lines += ["```sh", *commands, "```", ""]
    return "\n".join(lines)


def commands_of(entries: list[Entry]) -> list[str]:
    """What runs all that was not run."""
    return [entry.command for entry in entries if entry.command]


def explanation() -> list[str]:
    """What the figures are."""
    return [
        "Ours: the mean over all test pictures of all folds run, in brackets its 95 % interval (bootstrap over the "
        "pictures, which does not contain the spread between trainings). Difference: ours less the paper's figure. "
        "Images: ours, the pictures tested; the paper's, the size of its data set.",
        "Precision, Dice and mIoU are better near 1; FPR, FNR and ME are better near 0.",
    ]


def _text(mean: Estimate) -> str:
    return f"{mean.value:.5f}" + ("" if math.isnan(mean.low) else f" ({mean.low:.5f} to {mean.high:.5f})")
