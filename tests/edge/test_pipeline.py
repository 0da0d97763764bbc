from __future__ import annotations

import logging
import threading

import numpy as np
import pytest

from edge.errors import DiskFullError
from edge.metrics import Counters
from edge.pipeline import LoopOptions, run
from edge.sinks import FanOut
from edge.types import SegmentedFrame
from tests.edge.examples import FixedSegmenter, frame, outputs

TWO = outputs([[10, 20, 40, 50], [60, 20, 90, 50]], [0.9, 0.3])


class Collect:
    name = "collect"

    def __init__(self, *, required: bool = False, error: Exception | None = None, fail_on: range = range(0)) -> None:
        self.required = required
        self.results: list[SegmentedFrame] = []
        self.error = error
        self.fail_on = fail_on

    def write(self, result: SegmentedFrame) -> None:
        self.results.append(result)
        if self.error is not None and result.frame.index in self.fail_on:
            raise self.error

    def close(self) -> None:
        """Nothing to release."""


def run_frames(sink: Collect, options: LoopOptions, frames=None, stop: threading.Event | None = None) -> Counters:
    counters = Counters(failed=lambda: 0)
    fan_out = FanOut([sink])
    frames = [frame(i) for i in range(4)] if frames is None else frames
    run(frames, FixedSegmenter(TWO), fan_out, counters, options, stop or threading.Event())
    return counters


def test_every_frame_reaches_the_sink_with_its_cells_and_times():
    sink = Collect()
    run_frames(sink, LoopOptions())
    assert [result.frame.index for result in sink.results] == [0, 1, 2, 3]
    for result in sink.results:
        assert len(result.instances) == 1
        np.testing.assert_allclose(result.instances.boxes, [[10, 20, 40, 50]])
        assert set(result.timing_ms) == {"queue", "pre", "infer", "post", "total"}
        parts = sum(result.timing_ms[name] for name in ("queue", "pre", "infer", "post"))
        assert parts == pytest.approx(result.timing_ms["total"])
        assert result.quality is not None


def test_the_threshold_of_the_options_replaces_that_of_the_model():
    sink = Collect()
    counters = run_frames(sink, LoopOptions(threshold=0.25))
    assert [len(result.instances) for result in sink.results] == [2, 2, 2, 2]
    assert counters.snapshot().cells == 8


def test_max_frames_takes_not_one_frame_more():
    taken = []

    def frames():
        for index in range(10):
            taken.append(index)
            yield frame(index)

    sink = Collect()
    run_frames(sink, LoopOptions(max_frames=3), frames())
    assert len(sink.results) == 3
    assert taken == [0, 1, 2]


def test_no_frames_is_no_error():
    sink = Collect()
    assert run_frames(sink, LoopOptions(), []).snapshot().segmented == 0


def test_a_set_stop_segments_nothing_more():
    stop = threading.Event()
    stop.set()
    sink = Collect()
    run_frames(sink, LoopOptions(), stop=stop)
    assert sink.results == []


def test_a_required_sink_ends_the_run():
    sink = Collect(required=True, error=DiskFullError("full"), fail_on=range(1, 2))
    with pytest.raises(DiskFullError):
        run_frames(sink, LoopOptions())
    assert len(sink.results) == 2


def test_a_best_effort_sink_is_logged_once_per_streak_and_counted(caplog):
    sink = Collect(error=RuntimeError("no window"), fail_on=range(0, 3))
    fan_out = FanOut([sink])
    with caplog.at_level(logging.INFO, logger="edge"):
        run(
            [frame(i) for i in (0, 1, 5, 2)],
            FixedSegmenter(TWO),
            fan_out,
            Counters(failed=lambda: 0),
            LoopOptions(),
            threading.Event(),
        )
    warnings = [record for record in caplog.records if "no window" in record.getMessage()]
    assert len(warnings) == 2  # frames 0 and 1 are one streak, frame 2 begins another
    assert fan_out.failures == {"collect": 3}
    assert len(sink.results) == 4
