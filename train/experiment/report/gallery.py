"""Pictures of cells with what the methods made of them: Figures 8, 12 and 13 of the paper.

Red solid lines are predictions, blue dashed lines the truth, as there. These show cells of the data sets.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from train.experiment.report.cases import Case
from train.experiment.report.picture_file import new_figure, save_figure
from train.experiment.report.published import BETTER_HIGH, METHOD_TITLES
from train.experiment.report.results import ImageRow
from train.metrics import SixMetrics
from train.report import METRICS

SHOWN = 3
TILE_PX = 150
PREDICTION, TRUTH = "#FF0000", "#0000FF"


@dataclass(frozen=True, slots=True, kw_only=True)
class GalleryRow:
    """The cases of one method from left to right, each with the words above it."""

    method: str
    cases: Sequence[Case]
    words: Sequence[str]


def highest(rows: Sequence[ImageRow], metric: str) -> list[ImageRow]:
    """The pictures with the highest value of one metric, highest first."""
    return sorted(rows, key=lambda row: (-getattr(row.metrics, metric), row.key))[:SHOWN]


def mean_of_six(metrics: SixMetrics) -> float:
    """The average of the six metrics, with 1 - value for those that are better near 0 (the ranking of Figure 13)."""
    values = asdict(metrics)
    return sum(values[metric] if metric in BETTER_HIGH else 1 - values[metric] for metric in METRICS) / len(METRICS)


def best_and_worst(rows: Sequence[ImageRow]) -> tuple[list[ImageRow], list[ImageRow]]:
    """The top three, best first, and the bottom three, worst first."""
    best_first = sorted(rows, key=lambda row: (-mean_of_six(row.metrics), row.key))
    return best_first[:SHOWN], best_first[::-1][:SHOWN]


def draw_gallery(title: str, rows: Sequence[GalleryRow], path: Path) -> Path:
    """One row of pictures per method."""
    columns = max(len(row.cases) for row in rows)
    with new_figure(TILE_PX * columns + 60, (TILE_PX + 28) * len(rows) + 40) as figure:
        figure.suptitle(title, fontsize=10)
        panels = figure.subplots(len(rows), columns, squeeze=False)
        for row, line in zip(rows, panels, strict=True):
            for panel in line:
                panel.set_axis_off()
            for panel, case, words in zip(line, row.cases, row.words, strict=False):
                draw_outlines(panel, case)
                panel.set_title(words, fontsize=7, pad=2)
            line[0].set_axis_on()  # for the label
            line[0].set(xticks=[], yticks=[], frame_on=False)
            line[0].set_ylabel(METHOD_TITLES[row.method].replace(" (", "\n("), fontsize=8)
        return save_figure(figure, path, [[row.method, *row.words] for row in rows])


def draw_outlines(panel: Any, case: Case) -> None:
    """The picture with the outlines of prediction and truth."""
    panel.imshow(case.image[:, :, ::-1], interpolation="nearest")
    _outline(panel, case.prediction, PREDICTION, "solid")
    _outline(panel, case.truth, TRUTH, "dashed")


def draw_soft_mask(case: Case, method: str, path: Path) -> Path:
    """Figure 8: the picture and its soft mask in colour, with the colour bar."""
    with new_figure(900, 430) as figure:
        left, right = figure.subplots(1, 2)
        draw_outlines(left, case)
        left.set_title(f"{case.row.key} (red: prediction, blue dashed: truth)", fontsize=9)
        drawn = right.imshow(case.soft, cmap="viridis", vmin=0, vmax=1, interpolation="nearest")
        right.set(xlim=left.get_xlim(), ylim=left.get_ylim())
        right.set_title(f"soft mask of {METHOD_TITLES[method]}", fontsize=9)
        figure.colorbar(drawn, ax=right, label="confidence that the pixel is of a white cell", shrink=0.9)
        for panel in (left, right):
            panel.set_axis_off()
        return save_figure(figure, path, [case.row.key, method], colours=None)


def _outline(panel: Any, mask: NDArray[np.bool_], colour: str, line: str) -> None:
    if not mask.any():  # there is nothing to outline, and matplotlib warns
        return
    closed = np.pad(mask, 1).astype(np.float32)  # a cell cut by the border is outlined there too
    rows, columns = np.arange(closed.shape[0]) - 1, np.arange(closed.shape[1]) - 1
    panel.contour(columns, rows, closed, levels=[0.5], colors=colour, linestyles=line, linewidths=1)
    panel.set_xlim(-1, mask.shape[1])
    panel.set_ylim(mask.shape[0], -1)
