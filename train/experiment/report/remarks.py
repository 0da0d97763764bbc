"""Sentences below a data set's table: recipes, the target, the orders found, the paper's contradictions."""

from __future__ import annotations

from itertools import pairwise
from statistics import fmean

from train.experiment.report.entries import TARGET_METHOD, Entry
from train.experiment.report.published import (
    BETTER_HIGH,
    METHOD_TITLES,
    METRIC_TITLES,
    PUBLISHED,
    contradicts_itself,
    highest_dice,
)
from train.metrics import mean_interval
from train.report import METRICS

ALIKE = "\u2248"  # almost equal
TARGET_METRICS, TARGET_GAP = ("precision", "miou", "me"), 0.005


def remarks(entries: list[Entry]) -> list[str]:
    """Sentences below the table of one data set: the target, the orders found, the paper's contradictions."""
    if not entries[0].in_paper:
        return [
            "No data set of the paper: a trial of the programs, whose figures say nothing about the methods.",
            *_recipes(entries),
        ]
    return [*_recipes(entries), *_target(entries), *_orders(entries), *_contradictions(entries)]


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
