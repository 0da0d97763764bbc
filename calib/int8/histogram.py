"""A histogram of absolute values that grows with what it sees, at a fixed cost of memory."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

BINS = 2048
SMALLEST_EXPONENT = -100
"""A range below 2**-100 is not told apart; no activation lives there."""
CHUNK = 1 << 18
"""Values worked on at a time: their copies stay in the CPU's cache."""


class Histogram:
    """Counts |x| in `BINS` equal bins over [0, top), where top is the power of two just above the largest value.

    Growing to a larger top merges neighbouring bins, which is exact because every edge of the coarse bins is one of the
    fine bins: the counts depend on the values alone and not on their order.

    Attributes
    ----------
    counts : int64 [BINS]
    largest : the largest |x| so far, as it is; 0 before the first value
    """

    def __init__(self) -> None:
        self.counts: NDArray[np.int64] = np.zeros(BINS, np.int64)
        self.largest = 0.0
        self._exponent = SMALLEST_EXPONENT

    @property
    def top(self) -> float:
        return float(2.0**self._exponent)

    @property
    def width(self) -> float:
        """Width of a bin."""
        return self.top / BINS

    @property
    def total(self) -> int:
        return int(self.counts.sum())

    def add(self, values: NDArray[np.floating]) -> None:
        """Count |values| of any shape; raises ValueError if one is not finite, and counts none then."""
        flat = np.asarray(values, np.float32).reshape(-1)
        if not flat.size:
            return
        largest = max(float(flat.max()), -float(flat.min()))  # NaN in either comes through
        if not np.isfinite(largest):
            raise ValueError("not finite")
        self._grow(largest)
        factor = np.float32(BINS / self.top)
        for start in range(0, flat.size, CHUNK):
            scaled = np.abs(flat[start : start + CHUNK])
            scaled *= factor  # a power of two: exact
            self.counts += np.bincount(scaled.astype(np.int32), minlength=BINS)
        self.largest = max(self.largest, largest)

    def _grow(self, largest: float) -> None:
        exponent = max(self._exponent, int(np.frexp(largest)[1]))
        merged = 1 << min(exponent - self._exponent, BINS.bit_length() - 1)
        if merged > 1:
            coarse = self.counts.reshape(-1, merged).sum(axis=1)
            self.counts = np.pad(coarse, (0, BINS - len(coarse)))
        self._exponent = exponent
