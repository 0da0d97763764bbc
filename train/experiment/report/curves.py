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
"""(step, validation loss) of one fold."""


def read_curve(run: Run) -> Curve:
    """The validation loss of a run; empty if it has no curve file. Raises ConfigurationError for a broken one."""
    try:
        curve = [(float(row["step"]), float(row[LOSS])) for row in read_rows(run.validation)]
    except (KeyError, ValueError, TypeError) as error:
        raise ConfigurationError(
            f"{run.validation} is not a curve file with the columns step and {LOSS} ({error}); run this fold again"
        ) from error
    broken = [step for step, loss in curve if not (math.isfinite(step) and math.isfinite(loss))]
    if broken:
        raise ConfigurationError(f"{run.validation} has a loss that is no number at step {broken[0]:g}; run it again")
    return curve


def draw_learning_curves(results: Results, dataset: str, path: Path) -> Path | None:
    """A thin line per fold and, of several folds validated at the same steps, their mean; None if there is no curve."""
    curves = {method: [read_curve(run) for run in results.of(dataset, method)] for method in OWN_METHODS}
    curves = {method: [curve for curve in group if curve] for method, group in curves.items()}
    if not any(curves.values()):
        return None
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
        panel.set_xlabel("training step")
        panel.set_ylabel("validation loss")
        panel.grid(alpha=0.3)
        panel.legend(fontsize=9)
        return save_figure(figure, path, curves)


def mean_curve(curves: list[Curve]) -> Curve:
    """The mean over folds at each step; empty unless there are several folds, all validated at the same steps."""
    steps = [[step for step, _ in curve] for curve in curves]
    if len(curves) < 2 or any(other != steps[0] for other in steps):
        return []
    means = np.mean([[loss for _, loss in curve] for curve in curves], axis=0)
    return list(zip(steps[0], means.tolist(), strict=True))
