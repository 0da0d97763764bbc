"""What the grid of the soft masks costs alone: the true masks in the network's bins over their own boxes, pasted back.

That is the target that the mask branch is trained with; a network that learnt it perfectly would score this.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from edge.geometry import grow_boxes, paste_mask, union_of_masks
from train.data.batches import to_target
from train.data.sample import LoadedSample
from train.experiment.report.cases import CaseReader
from train.experiment.report.entries import TARGET_METHOD
from train.experiment.report.measured import Measured, mean_measured
from train.experiment.report.results import Results
from train.experiment.square import to_square, to_square_example
from train.judge import MASK_THRESHOLD
from train.losses import mask_targets
from train.metrics import six_metrics
from train.model.config import PAPER

GRID_NAME = "mask_grid.csv"
GRID = f"{PAPER.mask_size}x{PAPER.mask_size}"


def measure_mask_grid(results: Results, reader: CaseReader) -> list[Measured]:
    """The metrics of the truth after its way through the grid, on each data set with runs of LeukocyteMask."""
    found = []
    for dataset in results.datasets():
        runs = results.of(dataset, TARGET_METHOD)
        if not runs or "input_px" not in runs[0].given:
            continue
        input_px = int(runs[0].given["input_px"])
        judged = []
        for row in results.rows(dataset, TARGET_METHOD):
            loaded = reader.load(row.key)
            judged.append(six_metrics(loaded.instances > 0, through_grid(loaded, input_px), loaded.ignore))
        found.append(mean_measured(dataset, GRID, judged))
    return found


def through_grid(loaded: LoadedSample, input_px: int) -> NDArray[np.bool_]:
    """All cells of a picture bool [H, W] as a network that learnt its target perfectly would give them."""
    letterbox = to_square(loaded.image, input_px).letterbox
    target = to_target(to_square_example(loaded, input_px))
    height, width = loaded.instances.shape
    if len(target.boxes) == 0:
        return np.zeros((height, width), bool)
    masks = mask_targets(target.masks, target.boxes, PAPER.mask_margin, PAPER.mask_size).numpy()
    boxes = letterbox.to_source(grow_boxes(target.boxes.numpy(), PAPER.mask_margin))
    patches = [paste_mask(mask, box, width, height) for mask, box in zip(masks, boxes, strict=True)]
    return union_of_masks(patches, width, height, MASK_THRESHOLD)
