"""Soft masks without small islands: what lies apart from a cell is a platelet or a neighbour, not the cell."""

from __future__ import annotations

import cv2
import numpy as np

from edge.types import Floats

LARGEST_ISLAND = 0.25
"""Of the main part's area; a larger one may be the other half of a cell on which something lies."""


def without_islands(masks: Floats, threshold: float) -> Floats:
    """Soft masks [N, m, m] in 0..1 with 0 where a part above `threshold` is small beside the largest and apart from it.

    Parts touch by their sides, not by their corners. Returns the array given if there is nothing to take away.
    """
    cleaned = masks
    for i, mask in enumerate(masks):
        count, parts, facts, _ = cv2.connectedComponentsWithStats((mask > threshold).astype(np.uint8), connectivity=4)
        if count <= 2:  # background and one part
            continue
        areas = facts[:, cv2.CC_STAT_AREA].copy()
        areas[0] = 0
        islands = (areas > 0) & (areas < LARGEST_ISLAND * areas.max())
        if islands.any():
            if cleaned is masks:
                cleaned = masks.copy()
            cleaned[i][islands[parts]] = 0
    return cleaned
