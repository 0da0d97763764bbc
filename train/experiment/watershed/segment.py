"""The marker-controlled watershed itself and the cleaning after it."""

from __future__ import annotations

import cv2
import numpy as np
from skimage.segmentation import watershed

from edge.types import Floats, Image, Ints
from train.experiment.watershed.settings import WatershedSettings
from train.experiment.watershed.transformations import (
    Mask,
    cell_map,
    find_nuclei,
    inner_distance,
    nucleus_map,
    outer_distance,
    part_nuclei,
    whiten,
)


def segment_watershed(image: Image, settings: WatershedSettings) -> Floats:
    """Mark the white cells of a picture uint8 BGR [H, W, 3]: float32 [H, W], 1 in a cell, 0 elsewhere."""
    return (label_cells(image, settings) > 0).astype(np.float32)


def label_cells(image: Image, settings: WatershedSettings) -> Ints:
    """The white cells of a picture uint8 BGR [H, W, 3]: int32 [H, W], 0 ground, else one number per cell."""
    white = whiten(image, settings)
    nuclei = find_nuclei(nucleus_map(white), settings)
    if not nuclei.any():
        return np.zeros(image.shape[:2], np.int32)
    cells = _flood(cell_map(white, settings.blue_weight), part_nuclei(nuclei, settings.marker_depth_px), settings)
    return _clean(cells, settings)


def _flood(stain: Floats, nuclei: Ints, settings: WatershedSettings) -> Ints:
    """Grow each nucleus into its cell: first through what is stained enough, then by the watershed where in doubt."""
    inside = nuclei > 0
    level = settings.cell_level * float(np.median(stain[inside]))
    far = outer_distance(inside)
    near = far <= settings.reach_px
    certain = np.asarray(watershed(far, nuclei, mask=inside | (near & (stain >= level))), np.int32)
    if settings.doubt == 0:
        return certain
    ground = (certain == 0) & (~near | (stain < level * (1 - settings.doubt)))
    ground_number = int(nuclei.max()) + 1
    surface = _edges(stain) + settings.shape_weight * far / settings.reach_px
    rim = cv2.dilate((~ground).astype(np.uint8), np.ones((3, 3), np.uint8)) > 0  # ground further off decides nothing
    cells = np.asarray(watershed(surface, np.where(ground, ground_number, certain), mask=rim), np.int32)
    cells[cells == ground_number] = 0
    return cells


def _edges(stain: Floats) -> Floats:
    """Gradient of a map float32 [H, W], 1 where it is steepest."""
    gradient = np.hypot(cv2.Sobel(stain, cv2.CV_32F, 1, 0), cv2.Sobel(stain, cv2.CV_32F, 0, 1))
    return np.asarray(gradient / max(float(gradient.max()), 1e-6), np.float32)


def _clean(cells: Ints, settings: WatershedSettings) -> Ints:
    """Fill each cell's holes, smooth its outline, drop what is too narrow for a cell; later cells give way."""
    cleaned = np.zeros_like(cells)
    for number in range(1, int(cells.max()) + 1):
        cell = _filled(cells == number, settings.convex)
        if settings.majority_px > 0:
            side = 2 * settings.majority_px + 1
            cell = cv2.blur(cell.astype(np.float32), (side, side), borderType=cv2.BORDER_REPLICATE) > 0.5
        if cell.any() and float(inner_distance(cell).max()) >= settings.circle_radius_px:
            cleaned[cell & (cleaned == 0)] = number
    return cleaned


def _filled(cell: Mask, convex: bool) -> Mask:
    """A cell with its holes, or all of its convex hull, filled."""
    outlines, _ = cv2.findContours(cell.astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    if convex and outlines:
        outlines = [cv2.convexHull(np.concatenate(outlines))]
    filled = cv2.drawContours(np.zeros(cell.shape, np.uint8), outlines, -1, 1, cv2.FILLED)
    return np.asarray(filled) > 0
