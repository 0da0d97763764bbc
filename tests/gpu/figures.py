"""Pure arithmetic of the measurements: medians, and how many bytes a pooling has to move."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from tests.gpu.cases import SAMPLES, Case, levels_of


def median(values: Sequence[float]) -> float:
    return float(np.median(values))


def percentile(values: Sequence[float], percent: float) -> float:
    return float(np.percentile(values, percent))


def touched_cells(rois: NDArray[np.float32], case: Case) -> int:
    """Feature cells, over all levels, that at least one ROI reads: each must come from memory once."""
    read = [np.zeros((case.height // stride, case.width // stride), bool) for stride in case.strides]
    for roi, level in zip(rois, levels_of(rois, case), strict=True):
        grid, stride = read[level], case.strides[level]
        rows = _cells(roi[1] / stride, roi[3] / stride, grid.shape[0], case.bins)
        columns = _cells(roi[0] / stride, roi[2] / stride, grid.shape[1], case.bins)
        grid[np.ix_(rows, columns)] = True
    return int(sum(grid.sum() for grid in read))


def bytes_moved(rois: NDArray[np.float32], case: Case, itemsize: int) -> int:
    """The fewest bytes that one call reads and writes: the cells it needs, the ROIs and its whole output."""
    features = touched_cells(rois, case) * case.channels * itemsize
    return features + rois.nbytes + len(rois) * case.channels * case.bins**2 * itemsize


def _cells(low: float, high: float, length: int, bins: int) -> NDArray[np.int64]:
    """The cells along one axis that the samples of one ROI lie between."""
    position = (np.arange(bins * SAMPLES) + 0.5) / (bins * SAMPLES)
    sample = low + position * (high - low) - 0.5
    sample = sample[(sample >= -1) & (sample <= length)].clip(0, length - 1)
    below = np.floor(sample).astype(np.int64)
    return np.unique(np.concatenate([below, np.minimum(below + 1, length - 1)]))
