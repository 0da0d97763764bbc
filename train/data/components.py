"""Masks as files hold them -> one id per cell."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from edge.types import Ints
from train.data.sample import decode

SPECK_SHARE = 0.02  # of the largest part; in the published sets specks stay below 0.3 %, cut-off cells above 8 %


def read_mask(path: Path) -> NDArray:
    """One value per pixel [H, W], 8 or 16 bit; of a file with several channels the brightest one, alpha left out."""
    mask = decode(path, cv2.IMREAD_UNCHANGED)
    return mask if mask.ndim == 2 else np.asarray(mask[:, :, :3].max(axis=2))


def foreground(mask: NDArray) -> NDArray[np.bool_]:
    """Pixels in the upper half of the mask's range: serves 0/1 and 0/255 and outlives a lossy re-encoding."""
    return np.asarray(mask > int(mask.max()) // 2)


def number_parts(mask: NDArray[np.bool_], smallest_share: float = SPECK_SHARE) -> Ints:
    """Give each connected part (8 neighbours) of a mask [H, W] an id 1..N, the largest first.

    Parts smaller than `smallest_share` of the largest one become background.
    """
    count, parts, stats, _ = cv2.connectedComponentsWithStats(mask.astype(np.uint8), connectivity=8)
    areas = stats[1:count, cv2.CC_STAT_AREA]
    ids = np.zeros(count, np.int32)
    if count > 1:
        order = np.argsort(-areas, kind="stable")
        kept = order[areas[order] >= smallest_share * areas.max()]
        ids[kept + 1] = np.arange(1, len(kept) + 1)
    return np.asarray(ids[parts], np.int32)


def number_masks(masks: list[NDArray[np.bool_]]) -> Ints:
    """Stack masks [H, W] of single cells into ids 1..N; a pixel that two masks claim belongs to the earlier one."""
    instances = np.zeros(masks[0].shape, np.int32)
    for number, mask in enumerate(masks, start=1):
        instances[mask & (instances == 0)] = number
    return instances
