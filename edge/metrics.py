"""The frame accounting: where each captured frame went."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class FrameCounts:
    """The counts of one moment; captured = segmented + the sum of `dropped` + failed, exactly.

    Attributes
    ----------
    captured : frames whose fate is known
    segmented : frames that went through the network
    failed : pictures that the camera could not read
    dropped : frames left out, by cause: "oldest" (replaced by a newer one), "newest" (came while another waited),
        "stale" (older than the limit), "stop" (left over when the run ended)
    in_flight : frames that wait in the slot or are being segmented, not yet in `captured`
    cells : cells found so far
    span_s : from the first frame's arrival to the end of the last segmentation
    """

    captured: int
    segmented: int
    failed: int
    dropped: dict[str, int]
    in_flight: int
    cells: int
    span_s: float


class Counters:
    """Counts frames from any thread.

    Parameters
    ----------
    failed : gives the camera's own count of pictures that could not be read
    """

    def __init__(self, failed: Callable[[], int]) -> None:
        self._failed = failed
        self._lock = threading.Lock()
        self._grabbed = 0
        self._segmented = 0
        self._cells = 0
        self._dropped: Counter[str] = Counter()
        self._first_s: float | None = None
        self._last_s = 0.0

    def grabbed(self) -> None:
        """A frame came from the camera."""
        with self._lock:
            self._grabbed += 1
            if self._first_s is None:
                self._first_s = time.monotonic()

    def dropped(self, cause: str) -> None:
        """A grabbed frame was left out."""
        with self._lock:
            self._dropped[cause] += 1

    def segmented(self, cells: int) -> None:
        """A grabbed frame went through the network, which found `cells` cells."""
        with self._lock:
            self._segmented += 1
            self._cells += cells
            self._last_s = time.monotonic()

    def abandon(self, cause: str) -> None:
        """Drop every frame that is still in flight; called when nobody will segment it any more."""
        with self._lock:
            left = self._in_flight()
            if left:
                self._dropped[cause] += left

    def snapshot(self) -> FrameCounts:
        """The counts of this moment, consistent with each other."""
        with self._lock:
            failed = self._failed()
            in_flight = self._in_flight()
            return FrameCounts(
                captured=self._grabbed - in_flight + failed,
                segmented=self._segmented,
                failed=failed,
                dropped=dict(self._dropped),
                in_flight=in_flight,
                cells=self._cells,
                span_s=max(0.0, self._last_s - self._first_s) if self._first_s is not None else 0.0,
            )

    def _in_flight(self) -> int:
        return self._grabbed - self._segmented - self._dropped.total()
