"""Figure 9: what each operation of the augmentation does to one picture of each data set."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np

from edge.types import Image
from train.data.augment import Example
from train.data.deformation import elastic, elastic_scale, rotate
from train.experiment.augmentation import blur, flip_horizontal, flip_vertical, gamma
from train.experiment.report.picture_file import new_figure, save_figure

OUTLINE_RGB = (0, 200, 0)
SHOWN_PX = 240  # every picture is shown this high
SEED = 80  # of the deformation shown


def draw_augmentations(examples: dict[str, Example], path: Path) -> Path:
    """Draw Figure 9: a column per entry of `examples` (at least one), a row per operation, cells outlined in green.

    Angle, deformation, blur and gamma are fixed, so that the same examples give the same picture.
    """
    with new_figure(190 * len(examples) + 40, 190 * len(ROWS) + 30) as figure:
        panels = figure.subplots(len(ROWS), len(examples), squeeze=False)
        for column, (name, example) in enumerate(examples.items()):
            panels[0, column].set_title(name, fontsize=9)
            for row, (label, operation) in enumerate(ROWS.items()):
                panel = panels[row, column]
                panel.imshow(outlined(operation(example)))
                panel.set(xticks=[], yticks=[])
                if column == 0:
                    panel.set_ylabel(label, fontsize=9)
        return save_figure(figure, path, [list(examples), list(ROWS)], colours=None)


def outlined(example: Example) -> Image:
    """The picture `SHOWN_PX` high as uint8 RGB, a thin line around each cell."""
    height, width = example.image.shape[:2]
    size = (max(1, round(width * SHOWN_PX / height)), SHOWN_PX)
    image = np.ascontiguousarray(cv2.resize(example.image, size, interpolation=cv2.INTER_LINEAR)[:, :, ::-1])
    for mask in example.masks:
        grown = (cv2.resize(mask, size, interpolation=cv2.INTER_LINEAR) > 127).astype(np.uint8)
        lines, _ = cv2.findContours(grown, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
        cv2.drawContours(image, lines, -1, OUTLINE_RGB, 1, cv2.LINE_AA)
    return np.asarray(image, np.uint8)


def _shown_elastic(example: Example) -> Example:
    side = min(example.image.shape[:2])
    sigma_px = 0.1 * side
    return elastic(example, elastic_scale(0.03 * side, sigma_px), sigma_px, np.random.default_rng(SEED))


def _shown_blur(example: Example) -> Example:
    return blur(example, 0.01 * min(example.image.shape[:2]))


ROWS: dict[str, Callable[[Example], Example]] = {
    "Original": lambda example: example,
    "FlipH": flip_horizontal,
    "FlipV": flip_vertical,
    "Rotation": lambda example: rotate(example, 40.0),
    "ET": _shown_elastic,
    "GB": _shown_blur,
    "GT": lambda example: gamma(example, 1.5),
}
