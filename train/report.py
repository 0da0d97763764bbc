"""Results of many pictures as a CSV, a JSON summary and a printed table."""

from __future__ import annotations

import csv
import json
import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from train.judge import ImageResult
from train.metrics import Estimate, SixMetrics, count_interval, mean_interval, wilson_interval

CSV_NAME = "images.csv"
CELLS_NAME = "cells.csv"
CELL_COLUMNS = ("picture", "dataset", "complete", "score", "true")
SUMMARY_NAME = "summary.json"
KINDS_NAME = "kinds.json"
METRICS = tuple(field.name for field in fields(SixMetrics))


@dataclass(frozen=True, slots=True, kw_only=True)
class Summary:
    """One data set.

    Attributes
    ----------
    dataset : its name
    images : pictures with at least one cell
    metrics : mean of each of the six measures over those pictures
    cells, found : true cells in all pictures, and those matched at IoU 0.5
    recall : found / cells (Wilson)
    complete_images, false_cells : pictures in which every cell is labelled, and predicted cells there that match none
    false_per_image : false_cells / complete_images (Poisson)
    matched_iou, matched_dice : means over the matched cells
    empty_images, empty_with_cells : pictures without a cell, and those of them where one was predicted
    truncated : pictures with more cells than the model has slots
    """

    dataset: str
    images: int
    metrics: dict[str, Estimate]
    cells: int
    found: int
    recall: Estimate
    complete_images: int
    false_cells: int
    false_per_image: Estimate
    matched_iou: Estimate
    matched_dice: Estimate
    empty_images: int
    empty_with_cells: int
    truncated: int


def summarise(results: Sequence[ImageResult]) -> dict[str, Summary]:
    """One summary per data set, in the order of their names."""
    names = sorted({result.dataset for result in results})
    return {name: _summary(name, [result for result in results if result.dataset == name]) for name in names}


def summarise_kinds(results: Sequence[ImageResult]) -> dict[str, Summary]:
    """One summary per kind of cell within each data set, named "set: kind"; pictures of unknown kind are left out."""
    groups: dict[tuple[str, str], list[ImageResult]] = {}
    for result in results:
        if result.kind is not None:
            groups.setdefault((result.dataset, result.kind), []).append(result)
    return {f"{dataset}: {kind}": _summary(dataset, groups[dataset, kind]) for dataset, kind in sorted(groups)}


def _summary(name: str, results: list[ImageResult]) -> Summary:
    shown = [result for result in results if result.cells > 0]
    empty = [result for result in results if result.cells == 0]
    complete = [result for result in results if result.complete]
    cells = sum(result.cells for result in results)
    found = sum(result.found for result in results)
    false_cells = sum(result.false_cells for result in complete)
    ious = [iou for result in results for iou in result.matched_ious]
    return Summary(
        dataset=name,
        images=len(shown),
        metrics={metric: mean_interval([getattr(r.metrics, metric) for r in shown]) for metric in METRICS},
        cells=cells,
        found=found,
        recall=wilson_interval(found, cells),
        complete_images=len(complete),
        false_cells=false_cells,
        false_per_image=count_interval(false_cells, len(complete)),
        matched_iou=mean_interval(ious),
        matched_dice=mean_interval([2 * iou / (1 + iou) for iou in ious]),
        empty_images=len(empty),
        empty_with_cells=sum(1 for result in empty if result.false_cells > 0),
        truncated=sum(result.truncated for result in results),
    )


def write_images(results: Sequence[ImageResult], path: Path) -> None:
    """One row per picture."""
    columns = ("picture", "dataset", "kind", "complete", *METRICS, "cells", "found", "false_cells", "mean_matched_iou")
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow((*columns, "truncated"))
        for result in results:
            six = [f"{getattr(result.metrics, metric):.6f}" for metric in METRICS]
            ious = result.matched_ious
            mean = f"{sum(ious) / len(ious):.6f}" if ious else ""
            counts = (result.cells, result.found, result.false_cells, mean, int(result.truncated))
            writer.writerow((result.key, result.dataset, result.kind or "", int(result.complete), *six, *counts))


def write_cells(results: Sequence[ImageResult], path: Path) -> None:
    """One row per predicted cell: is it a true one (1), none (0), or where nobody knows (empty)?"""
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(CELL_COLUMNS)
        for result in results:
            for score, verdict in result.scored:
                true = "" if verdict is None else int(verdict)
                writer.writerow((result.key, result.dataset, int(result.complete), f"{score:.6f}", true))


def write_summary(summaries: dict[str, Summary], path: Path) -> None:
    """The summaries as JSON; what is not defined (a mean of nothing) is null."""
    content = {name: _finite(asdict(summary)) for name, summary in summaries.items()}
    path.write_text(json.dumps(content, indent=1, allow_nan=False) + "\n", encoding="utf-8")


def print_table(summaries: dict[str, Summary], console: Console) -> None:
    """The six measures, then the cells, each with its 95 % interval."""
    six = Table(title="Union of masks, mean over pictures with a cell (95 % interval)")
    for column in ("data set", "pictures", *METRICS):
        six.add_column(column, justify="left" if column == "data set" else "right")
    cells = Table(title="Cells at IoU 0.5 (95 % interval)")
    for column in (
        "data set",
        "found",
        "recall",
        "false cells",
        "false per picture",
        "matched IoU",
        "matched Dice",
        "empty",
    ):
        cells.add_column(column, justify="left" if column == "data set" else "right")
    for name, s in summaries.items():
        six.add_row(name, str(s.images), *(_text(s.metrics[metric], 4) for metric in METRICS))
        cells.add_row(
            name,
            f"{s.found} of {s.cells}",
            _text(s.recall, 3),
            f"{s.false_cells} in {s.complete_images}" if s.complete_images else "-",
            _text(s.false_per_image, 2),
            _text(s.matched_iou, 3),
            _text(s.matched_dice, 3),
            f"{s.empty_with_cells} of {s.empty_images} wrong" if s.empty_images else "-",
        )
    console.print(six)
    console.print(cells)
    for name, s in summaries.items():
        if s.truncated:
            console.print(f"{name}: {s.truncated} pictures have more cells than the model has slots")


def print_kinds(summaries: dict[str, Summary], console: Console) -> None:
    """What was found of each kind of cell, and how well its outlines fit."""
    table = Table(title="By kind of cell (95 % interval)")
    for column in ("data set: kind", "pictures", "found", "recall", "miou", "matched IoU", "empty"):
        table.add_column(column, justify="left" if column == "data set: kind" else "right")
    for name, s in summaries.items():
        table.add_row(
            name,
            str(s.images + s.empty_images),
            f"{s.found} of {s.cells}",
            _text(s.recall, 3),
            _text(s.metrics["miou"], 4),
            _text(s.matched_iou, 3),
            f"{s.empty_with_cells} of {s.empty_images} wrong" if s.empty_images else "-",
        )
    console.print(table)


def _text(estimate: Estimate, digits: int) -> str:
    if math.isnan(estimate.value):
        return "-"
    if math.isnan(estimate.low):
        return f"{estimate.value:.{digits}f}"
    return f"{estimate.value:.{digits}f}\n{estimate.low:.{digits}f} to {estimate.high:.{digits}f}"


def _finite(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _finite(item) for key, item in value.items()}
    return None if isinstance(value, float) and not math.isfinite(value) else value
