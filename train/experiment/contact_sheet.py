"""Figure 9: what each operation of the augmentation does to one picture of each data set."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np

from edge.errors import ConfigurationError
from edge.simulator import SmearParameters, draw_field
from edge.types import Image
from train.data.augment import Example
from train.experiment.augmentation import blur, flip_horizontal, flip_vertical, gamma
from train.experiment.deformation import elastic, elastic_scale, rotate

OUTLINE_RGB = (0, 200, 0)
SHOWN_PX = 240  # every picture is shown this high
SEED = 80  # of the fields and of the deformation shown: a cell that lies free in each of the four fields


def draw_augmentations(examples: dict[str, Example], out: Path) -> None:
    """Draw Figure 9 as a PNG: a column per entry of `examples`, a row per operation, cells outlined in green.

    Angle, deformation, blur and gamma are fixed, so that the same examples give the same picture. Raises
    ConfigurationError if there is no example.
    """
    if not examples:
        raise ConfigurationError("there is no picture to show the augmentation on; name at least one data set")
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot as plt

    size = (1.7 * len(examples) + 0.4, 1.7 * len(ROWS) + 0.3)
    figure, panels = plt.subplots(len(ROWS), len(examples), figsize=size, squeeze=False, layout="constrained")
    for column, (name, example) in enumerate(examples.items()):
        panels[0, column].set_title(name, fontsize=9)
        for row, (label, operation) in enumerate(ROWS.items()):
            panel = panels[row, column]
            panel.imshow(outlined(operation(example)))
            panel.set_xticks([])
            panel.set_yticks([])
            if column == 0:
                panel.set_ylabel(label, fontsize=9)
    figure.savefig(out, dpi=110)
    plt.close(figure)


def simulated_crops() -> dict[str, Example]:
    """A simulated cell at the size of each data set's pictures, for sheets that may be shown to anybody."""
    sides = {"Dataset1": 120, "Dataset2": 300, "BCISC": 256, "LISC": 256}
    return {name: _simulated_crop(side, SEED + index) for index, (name, side) in enumerate(sides.items())}


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


def _simulated_crop(side_px: int, seed: int) -> Example:
    """The square around the cell nearest to the middle of a simulated field."""
    width, height = 4 * side_px, 3 * side_px
    parameters = SmearParameters(
        seed=seed, density=5.0, white_cell_px=0.55 * side_px, red_cover=0.4, touching=0.0, stain="random"
    )
    image, truth = draw_field(parameters, width, height)
    middles = [((cell.bbox[0] + cell.bbox[2]) // 2, (cell.bbox[1] + cell.bbox[3]) // 2) for cell in truth]
    x, y = min(middles, key=lambda middle: (middle[0] - width // 2) ** 2 + (middle[1] - height // 2) ** 2)
    left = min(max(x - side_px // 2, 0), width - side_px)
    top = min(max(y - side_px // 2, 0), height - side_px)
    square = (slice(top, top + side_px), slice(left, left + side_px))
    masks = []
    for cell in truth:
        whole = np.zeros((height, width), np.uint8)
        whole[cell.bbox[1] : cell.bbox[3], cell.bbox[0] : cell.bbox[2]] = cell.mask * np.uint8(255)
        if whole[square].any():
            masks.append(np.ascontiguousarray(whole[square]))
    return Example(image=np.ascontiguousarray(image[square]), masks=masks)
