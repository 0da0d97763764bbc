"""How the run gets on: a line that rewrites itself on a terminal, a log line now and then elsewhere."""

from __future__ import annotations

import logging
import time
from collections import deque
from typing import TextIO

from edge.metrics import Counters, FrameCounts
from edge.types import SegmentedFrame

log = logging.getLogger(__name__)

CLEAR_LINE = "\r\x1b[K"
TERMINAL_INTERVAL_S = 0.25
LOG_INTERVAL_S = 10.0
FPS_FRAMES = 30
"""The frame rate shown is that of the last so many frames."""


class Progress:
    """A best-effort sink that shows the counters on `stream`, or logs them if that is no terminal."""

    name = "progress"
    required = False

    def __init__(self, counters: Counters, stream: TextIO) -> None:
        self._counters = counters
        self._stream = stream
        self._on_terminal = stream.isatty()
        self._times_s: deque[float] = deque(maxlen=FPS_FRAMES)
        self._shown_s = time.monotonic()

    def write(self, result: SegmentedFrame) -> None:
        now_s = time.monotonic()
        self._times_s.append(now_s)
        if now_s - self._shown_s < (TERMINAL_INTERVAL_S if self._on_terminal else LOG_INTERVAL_S):
            return
        self._shown_s = now_s
        text = f"{describe(self._counters.snapshot())}, {self._fps():.1f} fps"
        if self._on_terminal:
            self._stream.write(f"{CLEAR_LINE}{text}  {result.frame.source}")
            self._stream.flush()
        else:
            log.info("%s", text)

    def close(self) -> None:
        if self._on_terminal:
            self._stream.write(CLEAR_LINE)
            self._stream.flush()

    def _fps(self) -> float:
        span_s = self._times_s[-1] - self._times_s[0]
        return (len(self._times_s) - 1) / span_s if span_s > 0 else 0.0


def describe(counts: FrameCounts) -> str:
    """The counts in words, without those left over when the run was stopped."""
    dropped = {cause: count for cause, count in counts.dropped.items() if cause != "stop"}
    causes = f" ({', '.join(f'{count} {cause}' for cause, count in dropped.items())})" if dropped else ""
    return (
        f"{counts.segmented} {_plural('frame', counts.segmented)}, {counts.cells} {_plural('cell', counts.cells)}, "
        f"{sum(dropped.values())} dropped{causes}, {counts.failed} failed"
    )


def summary(counts: FrameCounts) -> str:
    """The last words of a run."""
    fps = counts.segmented / counts.span_s if counts.span_s > 0 else 0.0
    text = f"{describe(counts)}, {fps:.1f} fps"
    left = counts.dropped.get("stop", 0)
    text += f"; {left} left over when the run was stopped" if left else ""
    if counts.failed:
        text += f"; {counts.failed} of {counts.captured} {_plural('picture', counts.captured)} could not be read"
    return text


def _plural(noun: str, count: int) -> str:
    return noun if count == 1 else f"{noun}s"
