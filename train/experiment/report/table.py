"""The counterpart of Table 1: our means with 95 % intervals, the paper's figures, the differences."""

from __future__ import annotations

import csv
import io
import math
from dataclasses import dataclass
from itertools import pairwise
from statistics import fmean

from train.experiment.report.published import (
    BETTER_HIGH,
    DATASET_TITLES,
    FOLDS,
    METHOD_TITLES,
    METRIC_TITLES,
    PUBLISHED,
    contradicts_itself,
    highest_dice,
)
from train.experiment.report.recipe import describe
from train.experiment.report.results import Results
from train.metrics import Estimate, SixMetrics, mean_interval
from train.report import METRICS

COMMAND = "python -m train crossval --config train/configs/experiment/cpu.toml --dataset {dataset} --method {method}"
NOT_RUN = "not run"
ALIKE = "\u2248"  # almost equal
MISSING = "Not run, or not in all folds; each is one command"
TARGET_METHOD, TARGET_METRICS, TARGET_GAP = "leukocytemask-aug-et", ("precision", "miou", "me"), 0.005
TABLE_HEADER = ("Method", "", *METRIC_TITLES.values(), "Images", "Folds")


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One method on one data set.

    Attributes
    ----------
    images : test pictures of all folds run
    folds : the folds run, of 0..4
    means : mean and interval of each metric over those pictures; empty if the method was not run
    pictures : key -> metrics of each of those pictures
    recipe : how the runs were made, in words; empty where that is not known
    smoke : true for a trial on a few pictures
    """

    dataset: str
    method: str
    images: int
    folds: tuple[int, ...]
    means: dict[str, Estimate]
    pictures: dict[str, SixMetrics]
    recipe: str
    smoke: bool

    @property
    def command(self) -> str:
        """The command that runs what was not run of this method on this data set; empty if all folds were."""
        missing = [str(fold) for fold in range(FOLDS) if fold not in self.folds]
        if not missing:
            return ""
        command = COMMAND.format(dataset=self.dataset, method=self.method)
        return command if not self.folds else f"{command} --fold {' '.join(missing)}"

    @property
    def in_paper(self) -> bool:
        """False for crops of the simulator."""
        return self.dataset in PUBLISHED

    def published(self, metric: str) -> float:
        """The paper's figure."""
        value: float = getattr(PUBLISHED[self.dataset].rows[self.method], metric)
        return value

    def difference(self, metric: str) -> float:
        """Our mean less the paper's figure."""
        return self.means[metric].value - self.published(metric)


def entries_of(results: Results) -> dict[str, list[Entry]]:
    """Data set -> its six entries, also of what was not run; simulated crops only where they were."""
    datasets = [*PUBLISHED, *(dataset for dataset in results.datasets() if dataset not in PUBLISHED)]
    return {dataset: [_entry(results, dataset, method) for method in METHOD_TITLES] for dataset in datasets}


def _entry(results: Results, dataset: str, method: str) -> Entry:
    rows, runs = results.rows(dataset, method), results.of(dataset, method)
    given = runs[0].given if runs else {}
    means = {metric: mean_interval([getattr(row.metrics, metric) for row in rows]) for metric in METRICS}
    return Entry(
        dataset=dataset,
        method=method,
        images=len(rows),
        folds=tuple(run.fold for run in runs),
        means=means if rows else {},
        pictures={row.key: row.metrics for row in rows},
        recipe=describe(given),
        smoke=bool(given.get("smoke", False)),
    )


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


def remarks(entries: list[Entry]) -> list[str]:
    """Sentences below the table of one data set: the target, the orders found, the paper's contradictions."""
    if not entries[0].in_paper:
        return [
            "No data set of the paper: a trial of the programs, whose figures say nothing about the methods.",
            *_recipes(entries),
        ]
    return [*_recipes(entries), *_target(entries), *_orders(entries), *_contradictions(entries)]


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


def _recipes(entries: list[Entry]) -> list[str]:
    """How the runs were made, methods that were made alike together."""
    groups: dict[str, list[str]] = {}
    for entry in entries:
        if entry.recipe:
            groups.setdefault(entry.recipe, []).append(METHOD_TITLES[entry.method])
    lines = [f"{', '.join(titles)}: {recipe}." for recipe, titles in groups.items()]
    trials = [METHOD_TITLES[entry.method] for entry in entries if entry.smoke]
    if trials:
        lines.append(f"A smoke run on a few pictures, whose figures say nothing: {', '.join(trials)}.")
    return lines


def _target(entries: list[Entry]) -> list[str]:
    entry = next(entry for entry in entries if entry.method == TARGET_METHOD)
    if not entry.means:
        return []
    parts = []
    for metric in TARGET_METRICS:
        ahead = entry.difference(metric) * (1 if metric in BETTER_HIGH else -1)
        verdict = "met" if ahead >= -TARGET_GAP else "missed"
        side = "better" if ahead >= 0 else "worse"
        parts.append(f"{METRIC_TITLES[metric]} {verdict} ({100 * abs(ahead):.2f} points {side} than the paper)")
    return [
        f"Target of {METHOD_TITLES[TARGET_METHOD]} (at most {100 * TARGET_GAP:g} points behind the paper): "
        f"{', '.join(parts)}."
    ]


def _orders(entries: list[Entry]) -> list[str]:
    """Best first on the pictures that all methods were tested on, beside the paper's order of the same methods."""
    run = [entry for entry in entries if entry.means]
    if len(run) < 2:
        return []
    shared = sorted(set.intersection(*(set(entry.pictures) for entry in run)))
    if not shared:
        return ["The methods share no test picture, so they have no order."]
    lines = [
        f"The orders are those on the {len(shared)} pictures that all methods run were tested on; {ALIKE} stands "
        "between two that these pictures do not tell apart (the 95 % interval of their paired difference contains 0)."
    ]
    for metric in METRICS:
        sign = -1 if metric in BETTER_HIGH else 1
        values = {entry.method: [getattr(entry.pictures[key], metric) for key in shared] for entry in run}
        ours = sorted(run, key=lambda entry: sign * fmean(values[entry.method]))
        paper = sorted(run, key=lambda entry: sign * entry.published(metric))
        found = METHOD_TITLES[ours[0].method]
        for better, worse in pairwise(ours):
            paired = mean_interval([a - b for a, b in zip(values[better.method], values[worse.method], strict=True)])
            found += f" {'>' if paired.low * paired.high > 0 else ALIKE} {METHOD_TITLES[worse.method]}"
        printed = " > ".join(METHOD_TITLES[entry.method] for entry in paper)
        same = "as in the paper" if ours == paper else f"the paper has {printed}"
        lines.append(f"Order by {METRIC_TITLES[metric]}, best first: {found}; {same}.")
    return lines


def _contradictions(entries: list[Entry]) -> list[str]:
    rows = {entry.method: PUBLISHED[entry.dataset].rows[entry.method] for entry in entries}
    faults = [
        f"{METHOD_TITLES[method]} (Dice {row.dice:.5f}, at most {highest_dice(row):.5f})"
        for method, row in rows.items()
        if contradicts_itself(row)
    ]
    if not faults:
        return []
    return [
        "The paper's own rows contradict themselves, a mean Dice cannot exceed 2PR/(P+R) of the mean precision P and "
        f"recall R = 1 - FNR: {'; '.join(faults)}."
    ]
