"""A result and the picture of the same frame, brought together and drawn. Pure; needs OpenCV."""

from __future__ import annotations

from collections import OrderedDict
from typing import TypeVar

import cv2
import numpy as np

from edge.draw import OverlayStyle, draw_result
from edge.link.errors import LinkError
from edge.link.messages import Cell, Image, Message, Result, decode_mask
from edge.types import Floats, Frame, Instances, SegmentedFrame
from edge.types import Image as Pixels

MASK_GRID = 64
"""Masks are brought to this many samples a side, over their bounding box, before they are drawn."""
_KEPT = 32
"""Frames that wait for their other half; results and pictures come on two sockets and in any order."""

T = TypeVar("T")


class PictureMatcher:
    """Waits until both the result and the picture of a frame are there."""

    def __init__(self) -> None:
        self._results: OrderedDict[tuple[str, int | None], Result] = OrderedDict()
        self._images: OrderedDict[tuple[str, int | None], Image] = OrderedDict()

    def match(self, message: Message) -> tuple[Image, Result] | None:
        """The pair that `message` completes, if it completes one."""
        key = (message.header.session, message.header.frame)
        if isinstance(message, Result):
            _keep(self._results, key, message)
        elif isinstance(message, Image):
            _keep(self._images, key, message)
        if key not in self._results or key not in self._images:
            return None
        return self._images.pop(key), self._results.pop(key)


def _keep(waiting: OrderedDict[tuple[str, int | None], T], key: tuple[str, int | None], item: T) -> None:
    waiting[key] = item
    while len(waiting) > _KEPT:
        waiting.popitem(last=False)


def draw_message(image: Image, result: Result) -> Pixels:
    """The picture, uint8 BGR [h, w, 3] at the size it was published, with the outlines and scores of its cells."""
    pixels = cv2.imdecode(np.frombuffer(image.jpeg, np.uint8), cv2.IMREAD_COLOR)
    if pixels is None:
        raise LinkError(f"the picture of frame {image.header.frame} is no JPEG file; the message is damaged")
    size = result.body.image
    # The drawing needs the source picture's size and none of its pixels: one zero, repeated without memory.
    canvas = np.broadcast_to(np.zeros((1, 1, 1), np.uint8), (size.height, size.width, 3))
    frame = Frame(
        image=canvas,
        index=image.header.frame or 0,
        source=result.body.source,
        capture_t_ns=image.header.t_capture_ns,
        capture_mono_ns=image.header.t_mono_ns,
    )
    drawn = SegmentedFrame(frame=frame, instances=instances_of(result.cells))
    return draw_result(np.asarray(pixels, np.uint8), drawn, OverlayStyle(um_per_px=size.um_per_px))


def instances_of(cells: tuple[Cell, ...]) -> Instances:
    """Cells from the wire as the arrays that the drawing takes; a mask covers the bounding box of its own pixels."""
    boxes = np.array([cell.bbox for cell in cells], np.float32).reshape(-1, 4)
    boxes[:, 2:] += boxes[:, :2]
    sampled = [_sample(cell) for cell in cells]
    return Instances(
        boxes=boxes,
        scores=np.array([cell.score for cell in cells], np.float32),
        labels=np.zeros(len(cells), np.int32),
        masks=np.array([mask for mask, _ in sampled], np.float32).reshape(-1, MASK_GRID, MASK_GRID),
        mask_boxes=np.array([box for _, box in sampled], np.float32).reshape(-1, 4),
    )


def _sample(cell: Cell) -> tuple[Floats, tuple[int, int, int, int]]:
    """A mask on a regular grid [m, m] and the rectangle x0 y0 x1 y1, px, that the grid covers; empty without pixels."""
    bitmap = decode_mask(cell)
    rows, columns = np.flatnonzero(bitmap.any(axis=1)), np.flatnonzero(bitmap.any(axis=0))
    if len(rows) == 0:
        return np.zeros((MASK_GRID, MASK_GRID), np.float32), (0, 0, 0, 0)
    # One pixel of nothing around the mask lets its outline close.
    crop = np.pad(bitmap[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1].astype(np.float32), 1)
    grid = cv2.resize(crop, (MASK_GRID, MASK_GRID), interpolation=cv2.INTER_AREA)
    return np.asarray(grid, np.float32), (columns[0] - 1, rows[0] - 1, columns[-1] + 2, rows[-1] + 2)
