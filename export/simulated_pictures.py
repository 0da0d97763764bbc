"""Simulated fields with their truth, for judging an engine where no labelled pictures are at hand."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np

from edge.simulator import SmearParameters, draw_field
from train.data.folder import read
from train.data.sample import Sample

COUNT = 40
WIDTH, HEIGHT = 1024, 768
FIRST_SEED = 9000
"""Far from the seeds of training and of the demo."""
_LOOKS = (
    SmearParameters(density=0.0, red_cover=0.5),
    SmearParameters(density=2.0, white_cell_px=70, stain="random"),
    SmearParameters(density=4.0, white_cell_px=90),
    SmearParameters(density=8.0, white_cell_px=80, stain="random", defocus_px=1.0),
    SmearParameters(density=16.0, white_cell_px=100, touching=0.25),
)


def simulated_samples(folder: Path) -> list[Sample]:
    """Draw the fields into `folder`, as pictures and masks, and list them; the same ones every time."""
    for part in ("images", "masks"):
        (folder / part).mkdir(parents=True)
    for number in range(COUNT):
        image, truth = draw_field(replace(_LOOKS[number % len(_LOOKS)], seed=FIRST_SEED + number), WIDTH, HEIGHT)
        mask = np.zeros(image.shape[:2], np.uint8)
        for value, cell in enumerate(truth, start=1):
            x0, y0, x1, y1 = cell.bbox
            mask[y0:y1, x0:x1][cell.mask > 0] = value
        cv2.imwrite(str(folder / "images" / f"{number:03d}.png"), image)
        cv2.imwrite(str(folder / "masks" / f"{number:03d}.png"), mask)
    return read(folder)
