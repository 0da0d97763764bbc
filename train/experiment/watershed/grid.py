"""The settings that are tried, and how one is changed into its neighbours."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import fields, replace
from typing import Any

import numpy as np

from train.experiment.watershed.settings import WatershedSettings

VALUES: dict[str, tuple[Any, ...]] = {
    "background_percentile": (50.0, 65.0, 80.0, 90.0, 97.0),
    "blue_weight": (0.0, 0.25, 0.5, 0.75, 0.9, 1.0, 1.2, 1.4, 1.6),
    "nucleus_level": (0.0, 0.25, 0.5, 0.75, 1.0),
    "cell_level": (0.05, 0.1, 0.15, 0.2, 0.25, 0.3, 0.4, 0.5, 0.65, 0.8),
    "doubt": (0.0, 0.2, 0.4, 0.6),
    "shape_weight": (0.0, 0.25, 0.5, 1.0, 2.0),
    "convex": (False, True),
}
DIAMETERS: dict[str, tuple[float, ...]] = {
    "smoothing_px": (0.0, 0.01, 0.02, 0.03, 0.05),
    "lobe_gap_px": (0.0, 0.03, 0.06, 0.12),
    "marker_depth_px": (0.01, 0.03, 0.06, 0.1),
    "reach_px": (0.05, 0.1, 0.15, 0.2, 0.25, 0.3, 0.4, 0.5, 0.7),
    "circle_radius_px": (0.05, 0.1, 0.15, 0.2, 0.25, 0.3, 0.35, 0.4),
    "majority_px": (0.0, 0.02, 0.04, 0.06, 0.1),
}
"""Lengths in diameters of a typical cell, so that one grid fits crops of any size."""

WHOLE = ("lobe_gap_px", "majority_px")
DEFAULT_DIAMETER_PX = 60.0  # of the cells that the default settings were written for


class Grid:
    """The values of each setting for cells of one size, each list ascending and without repeats."""

    def __init__(self, diameter_px: float) -> None:
        self._diameter_px = diameter_px
        self.values: dict[str, list[Any]] = {name: list(values) for name, values in VALUES.items()}
        for name, lengths in DIAMETERS.items():
            self.values[name] = sorted({self._length(name, length) for length in lengths})

    def start(self) -> WatershedSettings:
        """The default settings, their lengths scaled to the size of the cells."""
        default = WatershedSettings()
        scaled: dict[str, Any] = {
            name: self._length(name, getattr(default, name) / DEFAULT_DIAMETER_PX) for name in DIAMETERS
        }
        return replace(default, **scaled)

    def draw(self, generator: np.random.Generator) -> WatershedSettings:
        """Any settings of the grid, each as likely as the other."""
        names = [field.name for field in fields(WatershedSettings)]
        chosen = {name: self.values[name][int(generator.integers(len(self.values[name])))] for name in names}
        return WatershedSettings(**chosen)

    def neighbours(self, settings: WatershedSettings, name: str) -> Iterator[WatershedSettings]:
        """The settings with the next smaller and the next larger value of one setting, where there are such."""
        value = getattr(settings, name)
        below = [other for other in self.values[name] if other < value]
        above = [other for other in self.values[name] if other > value]
        for other in (*below[-1:], *above[:1]):
            yield replace(settings, **{name: other})

    def _length(self, name: str, diameters: float) -> float | int:
        length_px = diameters * self._diameter_px
        return round(length_px) if name in WHOLE else round(length_px, 2)
