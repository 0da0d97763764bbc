"""INT8 against FP32: the same cells, with the same outlines?"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

import numpy as np

from calib.int8.amax import Method
from calib.int8.ranges import MethodFigures
from edge.geometry import MaskPatch, paste_mask
from edge.postprocess import postprocess
from edge.preprocess import preprocess
from edge.segmenters.protocol import RawOutputs
from edge.spec import ModelSpec
from edge.types import Floats, Image

MATCH_IOU = 0.5

Cells = list[MaskPatch]
"""The cells of one picture at its own resolution."""


def find_cells(segment: Callable[[Floats], RawOutputs], image: Image, spec: ModelSpec) -> Cells:
    """The cells at or above the model's threshold in a uint8 BGR picture."""
    tensor, letterbox = preprocess(image, spec)
    found = postprocess(segment(tensor), letterbox, spec)
    height, width = image.shape[:2]
    return [paste_mask(mask, box, width, height) for mask, box in zip(found.masks, found.mask_boxes, strict=True)]


def compare(method: Method, wanted: Sequence[Cells], given: Iterable[Cells], mask_threshold: float) -> MethodFigures:
    """Match the cells of each picture, the best IoU first, each at most once, none below `MATCH_IOU`."""
    ious: list[float] = []
    cells = found = 0
    for expected, actual in zip(wanted, given, strict=True):
        cells += len(expected)
        found += len(actual)
        ious += matched_ious(expected, actual, mask_threshold)
    return MethodFigures(
        method=method,
        cells=cells,
        lost=cells - len(ious),
        invented=found - len(ious),
        mean_iou=float(np.mean(ious)) if ious else None,
    )


def best(figures: Sequence[MethodFigures]) -> MethodFigures:
    """The method that finds most of FP32's cells, of those the one with the truest outlines; the first of equals."""
    return max(figures, key=lambda item: (item.recall, item.mean_iou or 0.0))


def matched_ious(a: Cells, b: Cells, mask_threshold: float) -> list[float]:
    """Mask IoU of each pair that was matched, best first."""
    table = np.array([[mask_iou(one, other, mask_threshold) for other in b] for one in a], np.float64)
    ious = []
    while table.size and table.max() >= MATCH_IOU:
        row, column = np.unravel_index(int(table.argmax()), table.shape)
        ious.append(float(table[row, column]))
        table[row, :] = -1
        table[:, column] = -1
    return ious


def mask_iou(a: MaskPatch, b: MaskPatch, mask_threshold: float) -> float:
    """IoU of two soft masks cut at `mask_threshold`; 0 if both are empty."""
    inside_a, inside_b = a.values >= mask_threshold, b.values >= mask_threshold
    top, left = max(a.y, b.y), max(a.x, b.x)
    bottom = min(a.y + a.values.shape[0], b.y + b.values.shape[0])
    right = min(a.x + a.values.shape[1], b.x + b.values.shape[1])
    both = 0
    if bottom > top and right > left:
        window_a = inside_a[top - a.y : bottom - a.y, left - a.x : right - a.x]
        window_b = inside_b[top - b.y : bottom - b.y, left - b.x : right - b.x]
        both = int((window_a & window_b).sum())
    union = int(inside_a.sum()) + int(inside_b.sum()) - both
    return both / union if union else 0.0
