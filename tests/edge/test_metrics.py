from __future__ import annotations

from edge.metrics import Counters


def test_unreadable_pictures_count_as_captured_and_failed():
    counters = Counters(failed=lambda: 2)
    counters.grabbed()
    counters.segmented(cells=5)
    counts = counters.snapshot()
    assert (counts.captured, counts.segmented, counts.failed, counts.cells, counts.in_flight) == (3, 1, 2, 5, 0)


def test_a_frame_in_hand_is_not_yet_captured():
    counters = Counters(failed=lambda: 0)
    counters.grabbed()
    assert (counters.snapshot().captured, counters.snapshot().in_flight) == (0, 1)


def test_nothing_counted_is_all_zero():
    counts = Counters(failed=lambda: 0).snapshot()
    assert (counts.captured, counts.segmented, counts.failed, counts.dropped, counts.span_s) == (0, 0, 0, {}, 0.0)


def test_abandoning_without_frames_in_flight_adds_no_cause():
    counters = Counters(failed=lambda: 0)
    counters.abandon("stop")
    assert counters.snapshot().dropped == {}
