"""Boxes, letterboxes and masks as pure functions of arrays.

All boxes are x0 y0 x1 y1 in continuous pixels (see `edge.types`).
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from edge.types import Floats

AT_EDGE_PX = 0.5  # a box that ends this near to the picture's edge is taken to reach it


@dataclass(frozen=True, slots=True, kw_only=True)
class Letterbox:
    """How a source picture lies in the network's input: x_network = x_source * scale_x + pad_x.

    `scale_x` and `scale_y` differ by less than a pixel's rounding; `pad_*` is the border at the left and top in px.
    """

    scale_x: float
    scale_y: float
    pad_x: int
    pad_y: int
    source_width: int
    source_height: int

    def to_network(self, boxes: Floats) -> Floats:
        """Source boxes [N, 4] -> network boxes [N, 4]."""
        scale = np.array([self.scale_x, self.scale_y] * 2, np.float32)
        return np.asarray(boxes, np.float32) * scale + np.array([self.pad_x, self.pad_y] * 2, np.float32)

    def to_source(self, boxes: Floats) -> Floats:
        """Network boxes [N, 4] -> source boxes [N, 4]; not clipped."""
        scale = np.array([self.scale_x, self.scale_y] * 2, np.float32)
        return (np.asarray(boxes, np.float32) - np.array([self.pad_x, self.pad_y] * 2, np.float32)) / scale


def fit_letterbox(
    source_width: int, source_height: int, input_width: int, input_height: int, max_upscale: float
) -> Letterbox:
    """Centre a source picture in the network's input, whole, never enlarged more than `max_upscale` times."""
    scale = min(input_width / source_width, input_height / source_height, max_upscale)
    width = max(1, round(source_width * scale))
    height = max(1, round(source_height * scale))
    return Letterbox(
        scale_x=width / source_width,
        scale_y=height / source_height,
        pad_x=(input_width - width) // 2,
        pad_y=(input_height - height) // 2,
        source_width=source_width,
        source_height=source_height,
    )


def clip_boxes(boxes: Floats, width: float, height: float) -> Floats:
    """Boxes [N, 4] cut to the picture."""
    limits = np.array([width, height, width, height], np.float32)
    return np.clip(np.asarray(boxes, np.float32), 0, limits)


def grow_boxes(boxes: Floats, margin: float) -> Floats:
    """Boxes [N, 4] grown by `margin` times their width and height on each side."""
    boxes = np.asarray(boxes, np.float32)
    size = boxes[:, 2:] - boxes[:, :2]
    return np.concatenate([boxes[:, :2] - margin * size, boxes[:, 2:] + margin * size], axis=1)


def box_iou(a: Floats, b: Floats) -> Floats:
    """IoU of each pair of boxes [N, 4] and [M, 4] -> [N, M]; 0 where both are empty."""
    low = np.maximum(a[:, None, :2], b[None, :, :2])
    high = np.minimum(a[:, None, 2:], b[None, :, 2:])
    intersection = np.clip(high - low, 0, None).prod(axis=2)
    area_a = np.clip(a[:, 2:] - a[:, :2], 0, None).prod(axis=1)
    area_b = np.clip(b[:, 2:] - b[:, :2], 0, None).prod(axis=1)
    union = area_a[:, None] + area_b[None] - intersection
    iou: Floats = np.divide(intersection, union, out=np.zeros_like(union), where=union > 0).astype(np.float32)
    return iou


@dataclass(frozen=True, slots=True, kw_only=True)
class MaskPatch:
    """A soft mask at the picture's own resolution: `values` float32 [h, w] with its top-left pixel at (x, y)."""

    x: int
    y: int
    values: Floats

    @property
    def window(self) -> tuple[slice, slice]:
        """Rows and columns of the picture that the patch covers."""
        height, width = self.values.shape
        return slice(self.y, self.y + height), slice(self.x, self.x + width)


def paste_mask(mask: Floats, mask_box: Floats, width: int, height: int) -> MaskPatch:
    """Sample a soft mask [m, m] that covers `mask_box` at each pixel centre of the picture inside the box.

    Bilinear between the centres of the mask's bins, and beyond the outermost ones falling to 0 within one bin, as in
    Mask R-CNN: what a box cuts through ends at the box. Where the box reaches the picture's own edge the cell may go
    on, and the outermost bins do so too. The patch is empty (0 rows or columns) if the box has no area, lies off the
    picture or is not finite.
    """
    if not np.isfinite(mask_box).all():
        return MaskPatch(x=0, y=0, values=np.zeros((0, 0), np.float32))
    x0, y0, x1, y1 = (float(v) for v in mask_box)
    left, top = max(0, int(np.floor(x0))), max(0, int(np.floor(y0)))
    right, bottom = min(width, int(np.ceil(x1))), min(height, int(np.ceil(y1)))
    if not (x1 > x0 and y1 > y0 and right > left and bottom > top):
        return MaskPatch(x=min(left, width), y=min(top, height), values=np.zeros((0, 0), np.float32))
    size = mask.shape[0]
    rimmed = np.pad(np.asarray(mask, np.float32), 1)
    for axis, rim, inner, at_edge in (
        (rimmed.T, 0, 1, x0 < AT_EDGE_PX),
        (rimmed.T, -1, -2, x1 > width - AT_EDGE_PX),
        (rimmed, 0, 1, y0 < AT_EDGE_PX),
        (rimmed, -1, -2, y1 > height - AT_EDGE_PX),
    ):
        if at_edge:
            axis[rim] = axis[inner]
    step_x, step_y = size / (x1 - x0), size / (y1 - y0)
    to_mask = np.array(
        [
            [step_x, 0, (left + 0.5 - x0) * step_x + 0.5],
            [0, step_y, (top + 0.5 - y0) * step_y + 0.5],
        ]
    )
    values = cv2.warpAffine(
        rimmed,
        to_mask,
        (right - left, bottom - top),
        flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
        borderMode=cv2.BORDER_REPLICATE,
    )
    return MaskPatch(x=left, y=top, values=np.asarray(values, np.float32))


def union_of_masks(patches: list[MaskPatch], width: int, height: int, threshold: float) -> NDArray[np.bool_]:
    """The pixels [height, width] that belong to any of the cells."""
    union = np.zeros((height, width), bool)
    for patch in patches:
        union[patch.window] |= patch.values >= threshold
    return union
