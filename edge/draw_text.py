"""Words on a picture: readable on any stain, beside the cells and not on them."""

from __future__ import annotations

import math

import cv2
import numpy as np
from numpy.typing import NDArray

from edge.types import Floats, Image

Rectangle = NDArray[np.float64]
"""x0 y0 x1 y1 in px."""

Colour = tuple[int, int, int]
TEXT_COLOUR: Colour = (255, 255, 255)
HALO_COLOUR: Colour = (20, 20, 20)
FONT = cv2.FONT_HERSHEY_SIMPLEX


def line_width(image: Image) -> int:
    """Width in px of an outline: thin, and about the same share of every picture."""
    longest = int(max(image.shape[:2]))
    return max(1 if longest < 300 else 2, round(longest / 550))


def text_scale(image: Image) -> float:
    """OpenCV's font scale for a picture: about 9 px high in the smallest, 2 % of the height in large ones."""
    height, width = image.shape[:2]
    return max(0.4, float(min(height, width)) / 1400)


def put_text(image: Image, text: str, origin: tuple[int, int], scale: float, colour: Colour = TEXT_COLOUR) -> None:
    """Write `text` (ASCII, nothing if empty) on a dark plate, in place; `origin` is the left end of its base line.

    A plate and not a halo of thicker letters: from OpenCV 5 on, thickness chooses a bolder font with other spacing.
    """
    if not text:
        return
    width, ascent, descent = text_size(text, scale)
    rim = max(2, round(4 * scale))
    left, top = max(0, origin[0] - rim), max(0, origin[1] - ascent - rim)
    right, bottom = max(0, origin[0] + width + rim), max(0, origin[1] + descent + 1)
    plate = image[top:bottom, left:right]
    plate[:] = plate // 4
    cv2.putText(image, text, origin, FONT, scale, colour, _thickness(scale), cv2.LINE_AA)


def text_size(text: str, scale: float) -> tuple[int, int, int]:
    """Width, height above and height below the base line, in px."""
    (width, ascent), descent = cv2.getTextSize(text, FONT, scale, _thickness(scale))
    return width, ascent, descent


def _thickness(scale: float) -> int:
    return max(1, round(scale * 1.5))


def draw_texts(canvas: Image, boxes: Floats, texts: list[str]) -> None:
    """Write each text outside its cell, where it hides the least of all cells and of the texts before it."""
    height, width = canvas.shape[:2]
    scale = text_scale(canvas)
    taken = [box.astype(float) for box in boxes]
    for box, text in zip(boxes, texts, strict=True):
        if not text:
            continue
        text_width, ascent, descent = text_size(text, scale)
        place = _text_place(box, (text_width, ascent + descent), (width, height), taken)
        put_text(canvas, text, (round(place[0]), round(place[1]) + ascent), scale)
        taken.append(place)


def _text_place(box: Floats, size: tuple[int, int], limits: tuple[int, int], taken: list[Rectangle]) -> Rectangle:
    """The rectangle (x0 y0 x1 y1) beside `box` for a text of `size` px that hides the least of `taken`."""
    x0, y0, x1, y1 = (float(v) for v in box)
    text_width, text_height = size
    gap = text_height / 3
    corners = [
        (x0, y0 - gap - text_height),
        (x0, y1 + gap),
        (x1 + gap, y0),
        (x0 - gap - text_width, y0),
        (x1 + gap, y1 - text_height),
        (x0 - gap - text_width, y1 - text_height),
    ]
    best, least = np.zeros(4), math.inf
    for corner in corners:
        low = np.clip(corner, 0, np.maximum(np.array(limits) - size, 0))
        place = np.concatenate([low, low + size])
        hidden = sum(_overlap_px(place, other) for other in taken)
        if hidden < least:
            best, least = place, hidden
    return best


def _overlap_px(a: Rectangle, b: Rectangle) -> float:
    shared = np.minimum(a[2:], b[2:]) - np.maximum(a[:2], b[:2])
    return float(np.clip(shared, 0, None).prod())
