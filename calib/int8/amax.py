"""From a histogram to the largest value that INT8 still tells apart.

`max` clips nothing, `percentile` clips one value in ten thousand, and `entropy` looks for the clipping at which 128
levels keep most of what the values say: S. Migacz, "8-bit inference with TensorRT", GTC 2017, session S7310.
"""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import NDArray

from calib.int8.histogram import Histogram

Method = Literal["max", "percentile", "entropy"]
METHODS: tuple[Method, ...] = ("max", "percentile", "entropy")
PERCENTILE = 99.99
LEVELS = 128
"""Levels of an int8 magnitude."""


def percentile_amax(histogram: Histogram, percentile: float = PERCENTILE) -> float:
    """The value that `percentile` per cent of all |x| do not exceed, linear within its bin."""
    cumulative = np.cumsum(histogram.counts)
    wanted = percentile / 100 * cumulative[-1]
    index = int(np.searchsorted(cumulative, wanted))
    before = int(cumulative[index - 1]) if index else 0
    inside = (wanted - before) / max(1, int(histogram.counts[index]))
    return float(min((index + inside) * histogram.width, histogram.largest))


def entropy_amax(histogram: Histogram) -> float:
    """The end of the first i bins, i from `LEVELS` to those in use, for which the divergence is least.

    The reference P are these bins with all that lies beyond added to the last one; Q are the same bins averaged over
    the non-empty ones of each of `LEVELS` levels. Of equal divergences the largest i counts. As in NVIDIA's
    pytorch-quantization the first bin takes the count of the second: after a ReLU it holds little but exact zeros,
    which any scale represents.
    """
    used = int(histogram.largest / histogram.width) + 1
    if used <= LEVELS:
        return histogram.largest
    counts = histogram.counts[:used].astype(np.float64)
    counts[0] = counts[1]
    if not counts.any():
        return histogram.largest
    beyond = np.append(np.cumsum(counts[::-1])[::-1], 0.0)
    divergences = np.array([_divergence(counts[:bins], float(beyond[bins])) for bins in range(LEVELS, used + 1)])
    best = used - int(divergences[::-1].argmin())
    return min(best * histogram.width, histogram.largest)


def _divergence(counts: NDArray[np.float64], beyond: float) -> float:
    """Kullback-Leibler divergence of P from Q in nats; infinite where Q lacks what P has."""
    bins = len(counts)
    filled = counts > 0
    starts = (np.arange(LEVELS) * bins + LEVELS - 1) // LEVELS  # bin j belongs to level floor(j * LEVELS / bins)
    sums = np.add.reduceat(counts, starts)
    shared = np.maximum(np.add.reduceat(filled.astype(np.int64), starts), 1)
    averages = np.repeat(sums / shared, np.diff(np.append(starts, bins)))
    reference = counts.copy()
    reference[-1] += beyond
    if not filled.any() or (reference[-1] > 0 and not filled[-1]):
        return float("inf")
    p = reference[filled] / reference.sum()
    q = averages[filled] / averages[filled].sum()
    return float((p * np.log(p / q)).sum())
