"""The loop: frame -> network input -> cells -> sinks."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import islice

from edge.metrics import Counters
from edge.postprocess import postprocess
from edge.preprocess import preprocess
from edge.quality import assess
from edge.segmenters.protocol import Segmenter
from edge.sinks import FanOut
from edge.types import Frame, SegmentedFrame


@dataclass(frozen=True, slots=True, kw_only=True)
class LoopOptions:
    """`threshold`: lowest score of a cell, the model's own if None. `max_frames`: end after so many, None never."""

    threshold: float | None = None
    max_frames: int | None = None


class Laps:
    """Milliseconds from lap to lap, counted from the capture of a frame."""

    def __init__(self, capture_mono_ns: int) -> None:
        self._start_ns = self._last_ns = capture_mono_ns
        self.ms: dict[str, float] = {}

    def lap(self, name: str) -> None:
        now_ns = time.monotonic_ns()
        self.ms[name] = (now_ns - self._last_ns) * 1e-6
        self.ms["total"] = (now_ns - self._start_ns) * 1e-6
        self._last_ns = now_ns


def run(
    frames: Iterable[Frame],
    segmenter: Segmenter,
    sinks: FanOut,
    counters: Counters,
    options: LoopOptions,
    stop: threading.Event,
) -> None:
    """Segment frames until they end, until `options.max_frames` or until `stop` is set; runs in the calling thread."""
    spec = segmenter.spec
    for frame in islice(frames, options.max_frames):
        if stop.is_set():
            break
        laps = Laps(frame.capture_mono_ns)
        laps.lap("queue")
        tensor, letterbox = preprocess(frame.image, spec)  # float32 RGB [1, 3, H, W]
        laps.lap("pre")
        outputs = segmenter.segment(tensor)
        laps.lap("infer")
        instances = postprocess(outputs, letterbox, spec, options.threshold)  # source pixels
        quality = assess(tensor, letterbox, instances, spec)
        laps.lap("post")
        counters.segmented(cells=len(instances))
        sinks.write(SegmentedFrame(frame=frame, instances=instances, quality=quality, timing_ms=laps.ms))
