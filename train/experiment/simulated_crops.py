"""Crops of single white cells drawn by the simulator: a data set for trying the experiment out where no other lies."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from edge.simulator import SmearParameters, draw_field
from edge.types import Image, Ints
from train.data.open import read_dataset
from train.data.sample import Sample
from train.experiment.crop_files import write_crop

COUNT = 30
SIDE_PX = 120
WHITE_CELL_PX = 60.0


def simulated_samples(folder: Path) -> list[Sample]:
    """Read the crops, or draw them first: `images` and `masks` side by side."""
    done = folder / "masks" / f"{COUNT - 1}.png"  # written last
    if not done.exists():
        for number in range(COUNT):
            image, instances = _draw(number)
            write_crop(folder / "images" / f"{number}.png", image)
            write_crop(folder / "masks" / f"{number}.png", instances.astype(np.uint8))
    return read_dataset(folder)


def _draw(number: int) -> tuple[Image, Ints]:
    """The first picture of a row of seeds that shows a white cell well inside."""
    for attempt in range(1000):
        parameters = SmearParameters(
            seed=1000 * number + attempt, density=8.0, white_cell_px=WHITE_CELL_PX, stain="random", touching=0.0
        )
        image, truth = draw_field(parameters, SIDE_PX, SIDE_PX)
        instances = np.zeros((SIDE_PX, SIDE_PX), np.int32)
        for cell_number, cell in enumerate(truth, start=1):
            x0, y0, x1, y1 = cell.bbox
            instances[y0:y1, x0:x1][cell.mask] = cell_number
        if (instances > 0).sum() > WHITE_CELL_PX**2 / 2:
            break
    return image, instances
