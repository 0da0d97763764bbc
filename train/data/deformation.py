"""Rotation and elastic transformation of a training picture: one resampling for the image and all of its masks."""

from __future__ import annotations

import math

import cv2
import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from edge.types import Floats, Image
from train.data.augment import SMALLEST_VISIBLE, Example, background

STEEPEST = 0.6  # of the displacement: below 1 nothing folds, so that what was one piece stays one
SMALLEST_PX = 16  # a cell of fewer pixels is not taught as a cell, as in `train.data.augment.look`


def rotate(example: Example, degrees: float) -> Example:
    """Turn a picture counter-clockwise about its middle; its size stays.

    A rotation that would cut a cell into several pieces at the picture's edge is left out.
    """
    height, width = example.image.shape[:2]
    angle = math.radians(degrees)
    y, x = np.mgrid[:height, :width].astype(np.float64)
    middle_x, middle_y = (width - 1) / 2, (height - 1) / 2
    x, y = x - middle_x, y - middle_y
    columns = math.cos(angle) * x - math.sin(angle) * y + middle_x
    rows = math.sin(angle) * x + math.cos(angle) * y + middle_y
    return resample(example, columns.astype(np.float32), rows.astype(np.float32)) or example


def elastic(example: Example, alpha_px: float, sigma_px: float, rng: Generator) -> Example:
    """Elastic transformation of Simard et al. 2003; see `displacement` for alpha and sigma.

    A transformation that would tear a cell, at a bridge of one pixel or at the picture's edge, is halved, and left out
    if that does not help.
    """
    height, width = example.image.shape[:2]
    y, x = np.mgrid[:height, :width].astype(np.float32)
    field = displacement(height, width, alpha_px, sigma_px, rng)
    for strength in (1.0, 0.5, 0.25):
        moved = resample(example, x + strength * field[0], y + strength * field[1])
        if moved is not None:
            return moved
    return example


def elastic_scale(displacement_px: float, sigma_px: float) -> float:
    """Simard's alpha, px, that displaces pixels by `displacement_px` (root mean square, each axis) at this sigma.

    Uniform noise in -1..1 has a variance of 1/3, of which a Gaussian of sigma leaves 1 / (4 pi sigma^2). Simard's
    sigma 4 and alpha 34 on 29 px are a displacement of 1.4 px.
    """
    return displacement_px * sigma_px * 2 * math.sqrt(3 * math.pi)


def displacement(height: int, width: int, alpha_px: float, sigma_px: float, rng: Generator) -> Floats:
    """Random displacement in x and y, px, float32 [2, height, width].

    Uniform noise in -1..1, smoothed by a Gaussian of `sigma_px`, times `alpha_px`; made weaker as a whole where a slope
    would exceed `STEEPEST`.
    """
    noise = rng.uniform(-1, 1, (2, height, width)).astype(np.float32)
    field = np.stack([cv2.GaussianBlur(axis, (0, 0), sigma_px) * np.float32(alpha_px) for axis in noise])
    slopes = np.gradient(field, axis=(1, 2)) if min(height, width) > 1 else [np.zeros_like(field)]
    steepest = float(np.sqrt(sum((slope**2).sum(axis=0) for slope in slopes)).max())  # bounds the Jacobian's norm
    return np.asarray(field * np.float32(min(1.0, STEEPEST / max(steepest, 1e-9))), np.float32)


def resample(example: Example, columns: Floats, rows: Floats) -> Example | None:
    """The picture whose pixel (i, j) shows the old one at `rows[i, j]`, `columns[i, j]` (0 is a pixel's centre).

    Beyond its edge the picture goes on as its mirror image, the cells painted over in the colour of the empty slide: a
    mirrored cell would have to be labelled. Cells of which almost nothing is left are dropped. None if a cell that was
    one piece comes apart.
    """
    masks = []
    for mask in example.masks:
        moved = _looked_up(mask, columns, rows, cv2.BORDER_CONSTANT)
        if moved.sum() < SMALLEST_VISIBLE * mask.sum() or (moved > 127).sum() < SMALLEST_PX:
            continue
        if _pieces(moved) > 1 and _pieces(mask) == 1:
            return None
        masks.append(moved)
    image = _looked_up(example.image, columns, rows, cv2.BORDER_REFLECT_101)
    if example.masks:
        image = _without_mirrored_cells(image, example, columns, rows)
    return Example(image=image, masks=masks)


def _looked_up(picture: NDArray[np.uint8], columns: Floats, rows: Floats, border: int) -> NDArray[np.uint8]:
    return np.asarray(cv2.remap(picture, columns, rows, cv2.INTER_LINEAR, borderMode=border, borderValue=0), np.uint8)


def _without_mirrored_cells(image: Image, source: Example, columns: Floats, rows: Floats) -> Image:
    height, width = image.shape[:2]
    slack = 1e-3  # float32 coordinates of a rotation by 90 degrees miss the outermost pixels by less
    beyond = (columns < -slack) | (columns > width - 1 + slack) | (rows < -slack) | (rows > height - 1 + slack)
    cells = np.max(source.masks, axis=0)
    mirrored = _looked_up(cells, columns, rows, cv2.BORDER_REFLECT_101)
    if not mirrored[beyond].any():
        return image
    reach = max(2, round(0.03 * min(height, width)))  # outlines are drawn tight: the cell's blurred rim goes too
    disc = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * reach + 1, 2 * reach + 1))
    cover = cv2.GaussianBlur(cv2.dilate(mirrored, disc), (0, 0), reach / 3).astype(np.float32) / 255
    cover = (cover * beyond)[:, :, None]
    return np.asarray(np.rint(image * (1 - cover) + background(source.image) * cover), np.uint8)


def _pieces(mask: NDArray[np.uint8]) -> int:
    """Connected pieces of a soft mask at half height; pixels that touch at a corner are connected."""
    return int(cv2.connectedComponents((mask > 127).astype(np.uint8), connectivity=8)[0]) - 1
