"""Figure 11: box-and-whisker plots of the six metrics of each method on one data set."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from train.experiment.report.picture_file import COLOURS, new_figure, save_figure
from train.experiment.report.published import BETTER_HIGH, DATASET_TITLES, METHOD_TITLES, METRIC_TITLES
from train.experiment.report.results import Results
from train.report import METRICS

LINEAR_TO = 0.01  # errors below this stand on a linear axis, above it on a logarithmic one
TICKS = (0.0, 0.01, 0.03, 0.1, 0.3, 1.0)


def draw_boxplots(results: Results, dataset: str, path: Path) -> Path:
    """Median, quartiles, whiskers at 1.5 interquartile ranges, every picture beyond them as a dot.

    One row of the table lies at 0.6, the others at 0.97: the axis is stretched near the perfect value, so that both
    can be read. Below each method stands its median.
    """
    methods = results.methods(dataset)
    values = {
        metric: [[getattr(row.metrics, metric) for row in results.rows(dataset, method)] for method in methods]
        for metric in METRICS
    }
    with new_figure(1200, 860) as figure:
        images = " / ".join(str(len(results.rows(dataset, method))) for method in methods)
        figure.suptitle(f"{DATASET_TITLES[dataset]}, test pictures of each method: {images}", fontsize=11)
        for panel, metric in zip(figure.subplots(2, 3).ravel(), METRICS, strict=True):
            _draw_metric(panel, metric, methods, values[metric])
        return save_figure(figure, path, values | {"methods": methods})


def _draw_metric(panel: Any, metric: str, methods: list[str], values: list[list[float]]) -> None:
    drawn = panel.boxplot(
        values,
        widths=0.6,
        patch_artist=True,
        medianprops={"color": "black", "linewidth": 1.5},
        flierprops={"marker": ".", "markersize": 4, "markeredgecolor": "none", "markerfacecolor": "#444444"},
    )
    for box, method in zip(drawn["boxes"], methods, strict=True):
        box.set_facecolor(COLOURS[method])
    _stretch(panel, metric in BETTER_HIGH)
    labels = [
        f"{METHOD_TITLES[method].replace(' (', chr(10) + '(')}\n{np.median(column):.4f}"
        for method, column in zip(methods, values, strict=True)
    ]
    labels = [label.replace("LeukocyteMask", "Leukocyte-\nMask") for label in labels]
    panel.set_xticks(range(1, len(methods) + 1), labels, fontsize=7)
    panel.set_title(f"{METRIC_TITLES[metric]} ({'high' if metric in BETTER_HIGH else 'low'} is good)", fontsize=10)
    panel.grid(axis="y", alpha=0.35)
    panel.set_axisbelow(True)


def _stretch(panel: Any, high_is_good: bool) -> None:
    """An axis of 0 to 1 that spreads what lies near the perfect value."""
    if high_is_good:
        panel.set_yscale("function", functions=(lambda y: -_spread(1 - y), lambda s: 1 - _gather(-s)))
        panel.set_yticks([1 - tick for tick in TICKS], [f"{1 - tick:g}" for tick in TICKS])
        panel.set_ylim(-0.06, 1.0015)  # a little more than 0 to 1, so that no dot is cut
    else:
        panel.set_yscale("function", functions=(_spread, _gather))
        panel.set_yticks(list(TICKS), [f"{tick:g}" for tick in TICKS])
        panel.set_ylim(-0.0015, 1.06)
    panel.minorticks_off()


def _spread(error: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.arcsinh(np.asarray(error) / LINEAR_TO)


def _gather(spread: NDArray[np.float64]) -> NDArray[np.float64]:
    return LINEAR_TO * np.sinh(spread)
