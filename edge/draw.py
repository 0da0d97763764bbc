"""Cells drawn over a picture: pure functions, no window."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal, get_args

import cv2
import numpy as np

from edge.draw_text import HALO_COLOUR, TEXT_COLOUR, Colour, draw_texts, line_width, put_text, text_scale, text_size
from edge.errors import ConfigurationError
from edge.geometry import paste_mask
from edge.types import Floats, Image, Instances, SegmentedFrame

Layer = Literal["mask", "box", "label", "score", "id", "scalebar"]
LAYERS: tuple[Layer, ...] = get_args(Layer)

CELL_COLOUR: Colour = (60, 255, 190)
"""Yellow-green, BGR: the complement of the purples and pinks of a Giemsa smear."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OverlayStyle:
    """What is drawn, and how.

    Attributes
    ----------
    layers : which of `LAYERS` are drawn; empty for the bare picture
    alpha : opacity, 0..1, of the tint where the mask is 1
    um_per_px : size of a pixel of the source picture; the scale bar needs it and is left out without
    classes : names of the labels, as in the model's spec
    """

    layers: frozenset[Layer] = frozenset(("mask", "score", "scalebar"))
    alpha: float = 0.45
    um_per_px: float | None = None
    classes: tuple[str, ...] = ("wbc",)


def parse_layers(text: str) -> frozenset[Layer]:
    """Read "mask,box,score" or "none"; raises ConfigurationError on any other word."""
    words = [word.strip() for word in text.split(",") if word.strip()]
    if words == ["none"]:
        return frozenset()
    unknown = [word for word in words if word not in LAYERS]
    if unknown or not words:
        raise ConfigurationError(
            f"the overlay layers '{text}' cannot be drawn; give any of {','.join(LAYERS)} separated by commas, or none"
        )
    return frozenset(layer for layer in LAYERS if layer in words)


def draw_result(image: Image, result: SegmentedFrame, style: OverlayStyle) -> Image:
    """Draw the cells of `result` over a copy of `image`.

    Parameters
    ----------
    image : uint8 BGR [H, W, 3], the picture of `result.frame` at its own or at any other size; the cells are scaled
        to it, so that a small picture is cheap to draw on and lines keep their width

    Returns
    -------
    uint8 BGR [H, W, 3]
    """
    canvas: Image = image.copy()
    cells = result.instances
    height, width = canvas.shape[:2]
    source_height, source_width = result.frame.image.shape[:2]
    scale = np.array([width / source_width, height / source_height] * 2, np.float32)
    boxes = np.asarray(cells.boxes * scale, np.float32)
    mask_boxes = np.asarray(cells.mask_boxes * scale, np.float32)
    if "mask" in style.layers:
        for mask, mask_box in zip(cells.masks, mask_boxes, strict=True):
            _draw_mask(canvas, mask, mask_box, style.alpha)
    if "box" in style.layers:
        for box in boxes:
            _draw_box(canvas, box)
    draw_texts(canvas, boxes, _texts(cells, style))
    if "scalebar" in style.layers and style.um_per_px is not None:
        _draw_scale_bar(canvas, style.um_per_px / float(scale[0]))
    return canvas


def nice_length(longest: float) -> float:
    """The longest of 1, 2 or 5 times a power of ten that is not above `longest` (> 0)."""
    power = 10.0 ** math.floor(math.log10(longest))
    return max(step * power for step in (1, 2, 5, 10) if step * power <= longest * (1 + 1e-9))


def _draw_mask(canvas: Image, mask: Floats, mask_box: Floats, alpha: float) -> None:
    height, width = canvas.shape[:2]
    patch = paste_mask(mask, mask_box, width, height)
    if patch.values.size == 0:
        return
    window = canvas[patch.window].astype(np.float32)
    window += (np.array(CELL_COLOUR, np.float32) - window) * (alpha * patch.values[:, :, None])
    canvas[patch.window] = np.rint(window)
    inside = (patch.values >= 0.5).astype(np.uint8)
    contours, _ = cv2.findContours(inside, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE, offset=(patch.x, patch.y))
    thickness = line_width(canvas)
    for colour, thick in ((HALO_COLOUR, thickness + 2), (CELL_COLOUR, thickness)):
        cv2.drawContours(canvas, contours, -1, colour, thick, cv2.LINE_AA)


def _draw_box(canvas: Image, box: Floats) -> None:
    left, top = (int(np.floor(v)) for v in box[:2])
    right, bottom = (int(np.ceil(v)) - 1 for v in box[2:])
    thickness = line_width(canvas)
    for colour, thick in ((HALO_COLOUR, thickness + 2), (CELL_COLOUR, thickness)):
        cv2.rectangle(canvas, (left, top), (right, bottom), colour, thick)


def _texts(cells: Instances, style: OverlayStyle) -> list[str]:
    """What is written beside each cell, e.g. "#2 wbc 0.97"; empty where no layer asks for a word."""
    texts = []
    for index, (label, score) in enumerate(zip(cells.labels, cells.scores, strict=True)):
        words = []
        if "id" in style.layers:
            words.append(f"#{index}")
        if "label" in style.layers:
            words.append(style.classes[label])
        if "score" in style.layers:
            words.append(f"{score:.2f}")
        texts.append(" ".join(words))
    return texts


def _draw_scale_bar(canvas: Image, um_per_px: float) -> None:
    """A bar of a round length, at most a fifth of the width, in the bottom right corner; `um_per_px` of `canvas`."""
    height, width = canvas.shape[:2]
    length_um = nice_length(width / 5 * um_per_px)
    length_px = max(1, round(length_um / um_per_px))
    margin, thickness = max(4, width // 50), 2 * line_width(canvas) + 1
    right, bottom = width - margin, height - margin
    for colour, rim in ((HALO_COLOUR, 2), (TEXT_COLOUR, 0)):
        low, high = (right - length_px - rim, bottom - thickness - rim), (right - 1 + rim, bottom - 1 + rim)
        cv2.rectangle(canvas, low, high, colour, cv2.FILLED)
    text, scale = f"{length_um:g} um", text_scale(canvas)
    text_width, _, descent = text_size(text, scale)
    left = min(right - (length_px + text_width) // 2, width - text_width - 2)
    put_text(canvas, text, (left, bottom - thickness - descent - 4), scale)
