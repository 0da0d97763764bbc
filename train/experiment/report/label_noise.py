"""What one pixel of outline is worth: the metrics of the truth grown and shrunk by one pixel against itself.

A pixel is the finest step of a drawn outline: a label may well be off by that much.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from train.data.sample import LoadedSample
from train.experiment.report.cases import CaseReader
from train.experiment.report.measured import Measured, mean_measured
from train.experiment.report.results import Results
from train.metrics import SixMetrics, six_metrics

NOISE_NAME = "label_noise.csv"
CHANGES = ("shrunk", "grown")
_NEIGHBOURS = cv2.getStructuringElement(cv2.MORPH_CROSS, (3, 3))  # above, below, left, right


def move_outline(truth: NDArray[np.bool_], change: str) -> NDArray[np.bool_]:
    """The mask bool [H, W] shrunk or grown by one pixel; a cell cut by the picture's border stays cut there."""
    move = cv2.erode if change == "shrunk" else cv2.dilate
    return np.asarray(move(truth.astype(np.uint8), _NEIGHBOURS), np.uint8) > 0


def measure_label_noise(results: Results, reader: CaseReader) -> list[Measured]:
    """Shrink and grow the truth of each picture that any method was tested on."""
    found = []
    for dataset in results.datasets():
        keys = {row.key for method in results.methods(dataset) for row in results.rows(dataset, method)}
        pairs = [_both(reader.load(key)) for key in sorted(keys)]
        columns = zip(CHANGES, zip(*pairs, strict=True), strict=True)
        found += [mean_measured(dataset, change, column) for change, column in columns]
    return found


def _both(loaded: LoadedSample) -> tuple[SixMetrics, ...]:
    truth = loaded.instances > 0
    return tuple(six_metrics(truth, move_outline(truth, change), loaded.ignore) for change in CHANGES)
