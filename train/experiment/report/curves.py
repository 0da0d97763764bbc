"""Figure 10: the validation loss of LeukocyteMask under the three augmentations on one data set."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np

from edge.errors import ConfigurationError
from train.curves import read_rows
from train.experiment.report.picture_file import COLOURS, new_figure, save_figure
from train.experiment.report.published import DATASET_TITLES, METHOD_TITLES, OWN_METHODS
from train.experiment.report.results import Results, Run

LOSS = "loss"
STYLES = {"leukocytemask-noaug": ":", "leukocytemask-aug-noet": "--", "leukocytemask-aug-et": "-"}

Curve = list[tuple[float, float]]
"""(epoch, validation loss) of one fold; folds of a few pictures more or less have other numbers of steps."""


def read_curve(run: Run) -> Curve:
    """The validation loss of a run; empty if it has no curve file. Raises ConfigurationError for a broken one."""
    try:
        curve = [(float(row["epoch"]), float(row[LOSS])) for row in read_rows(run.validation)]
    except (KeyError, ValueError, TypeError) as error:
        raise ConfigurationError(
            f"{run.validation} is not a curve file with the columns epoch and {LOSS} ({error}); run this fold again"
        ) from error
    broken = [epoch for epoch, loss in curve if not (math.isfinite(epoch) and math.isfinite(loss))]
    if broken:
        raise ConfigurationError(f"{run.validation} has a loss that is no number at epoch {broken[0]:g}; run it again")
    return curve


def draw_learning_curves(results: Results, dataset: str, path: Path) -> Path | None:
    """A thin line per fold and, of several folds of as many epochs, their mean; None if there is no curve."""
    curves = {method: [read_curve(run) for run in results.of(dataset, method)] for method in OWN_METHODS}
    curves = {method: [curve for curve in group if curve] for method, group in curves.items()}
    if not any(curves.values()):
        return None
    from matplotlib.ticker import MaxNLocator, StrMethodFormatter

    with new_figure(760, 460) as figure:
        panel = figure.subplots()
        for method, group in curves.items():
            if not group:
                continue
            look: dict[str, Any] = {"color": COLOURS[method], "linestyle": STYLES[method]}
            mean = mean_curve(group)
            label = f"{METHOD_TITLES[method]}, {len(group)} fold{'s' if len(group) > 1 else ''}"
            for i, curve in enumerate(group):
                alone = not mean and i == 0
                panel.plot(*zip(*curve, strict=True), **look, marker=".", linewidth=1, alpha=0.45 if mean else 1.0)
                if alone:
                    panel.lines[-1].set_label(label)
            if mean:
                panel.plot(*zip(*mean, strict=True), **look, linewidth=2, label=label)
        panel.set_title(f"{DATASET_TITLES[dataset]}: validation loss", fontsize=11)
        panel.set_xlabel("epoch")
        panel.set_ylabel("validation loss (logarithmic)")
        panel.set_yscale("log")  # the first epochs would hide all that differs at the end
        panel.yaxis.set_major_formatter(StrMethodFormatter("{x:g}"))
        panel.yaxis.set_minor_formatter(StrMethodFormatter("{x:g}"))
        panel.xaxis.set_major_locator(MaxNLocator(integer=True))
        panel.grid(alpha=0.3, which="both")
        panel.legend(fontsize=9)
        return save_figure(figure, path, curves)


def mean_curve(curves: list[Curve]) -> Curve:
    """The mean over folds at each epoch; empty unless there are several folds, all of the same epochs."""
    epochs = [[epoch for epoch, _ in curve] for curve in curves]
    if len(curves) < 2 or any(other != epochs[0] for other in epochs):
        return []
    means = np.mean([[loss for _, loss in curve] for curve in curves], axis=0)
    return list(zip(epochs[0], means.tolist(), strict=True))
