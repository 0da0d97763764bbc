from __future__ import annotations

import threading
import time

import pytest

from edge.errors import CameraLostError
from edge.latest import DropPolicy, Latest
from edge.metrics import Counters
from tests.edge.examples import ScriptedCamera


def open_latest(camera: ScriptedCamera, drop: DropPolicy, max_staleness_s: float | None = None):
    counters = Counters(failed=lambda: camera.failed)
    stop = threading.Event()
    return Latest(camera, counters, stop, drop=drop, max_staleness_s=max_staleness_s), counters, stop


def wait_for(condition, seconds: float = 10.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "the condition did not come true"
        time.sleep(0.005)


def assert_accounted(counters: Counters, camera: ScriptedCamera) -> None:
    counts = counters.snapshot()
    assert counts.in_flight == 0
    assert counts.captured == camera.delivered + camera.failed
    assert counts.captured == counts.segmented + sum(counts.dropped.values()) + counts.failed


def test_block_hands_over_every_frame_in_order():
    camera = ScriptedCamera(50)
    latest, counters, _ = open_latest(camera, "block")
    seen = []
    with latest as frames:
        for frame in frames:
            seen.append(frame.index)
            counters.segmented(cells=0)
    assert seen == list(range(50))
    assert counters.snapshot().dropped == {}
    assert_accounted(counters, camera)


def test_oldest_keeps_the_newest_frame_and_counts_the_replaced_ones():
    camera = ScriptedCamera(20, live=True)
    latest, counters, _ = open_latest(camera, "oldest")
    with latest as frames:
        wait_for(lambda: camera.delivered == 20 and counters.snapshot().dropped.get("oldest") == 19)
        assert [frame.index for frame in frames] == [19]
        counters.segmented(cells=0)
    assert counters.snapshot().dropped == {"oldest": 19}
    assert_accounted(counters, camera)


def test_newest_keeps_the_waiting_frame_and_counts_the_late_ones():
    camera = ScriptedCamera(20, live=True)
    latest, counters, _ = open_latest(camera, "newest")
    with latest as frames:
        wait_for(lambda: camera.delivered == 20 and counters.snapshot().dropped.get("newest") == 19)
        assert [frame.index for frame in frames] == [0]
        counters.segmented(cells=0)
    assert counters.snapshot().dropped == {"newest": 19}
    assert_accounted(counters, camera)


def test_a_frame_older_than_the_limit_is_dropped_as_stale():
    # The scripted frames were captured at 0 on the monotonic clock: long ago.
    camera = ScriptedCamera(3)
    latest, counters, _ = open_latest(camera, "block", max_staleness_s=0.5)
    with latest as frames:
        assert list(frames) == []
    assert counters.snapshot().dropped == {"stale": 3}
    assert_accounted(counters, camera)


def test_a_source_without_frames_ends_at_once():
    camera = ScriptedCamera(0)
    latest, counters, _ = open_latest(camera, "block")
    with latest as frames:
        assert list(frames) == []
    assert counters.snapshot().captured == 0


def test_an_error_of_the_camera_comes_after_the_last_good_frame():
    camera = ScriptedCamera(2, error=CameraLostError("the cable is out"))
    latest, counters, _ = open_latest(camera, "block")
    seen = []

    def loop() -> None:
        for frame in frames:
            seen.append(frame.index)
            counters.segmented(cells=0)

    with latest as frames, pytest.raises(CameraLostError, match="cable"):
        loop()
    assert seen == [0, 1]
    assert_accounted(counters, camera)


def test_stop_ends_the_iteration_while_the_camera_is_silent():
    camera = ScriptedCamera(5, free=False)
    latest, counters, stop = open_latest(camera, "block")
    threading.Timer(0.05, stop.set).start()
    with latest as frames:
        assert list(frames) == []
    assert camera.closed.is_set()
    assert_accounted(counters, camera)


def test_leaving_early_counts_the_frames_left_over_as_stopped():
    camera = ScriptedCamera(100)
    latest, counters, _ = open_latest(camera, "block")
    with latest as frames:
        next(iter(frames))
        counters.segmented(cells=3)
        wait_for(lambda: camera.delivered == 3)  # one waits in the slot, one in the camera's thread
    counts = counters.snapshot()
    assert (counts.segmented, counts.cells, counts.dropped) == (1, 3, {"stop": 2})
    assert_accounted(counters, camera)


def test_every_snapshot_adds_up_while_the_frames_flow():
    camera = ScriptedCamera(2000, live=True)
    latest, counters, _ = open_latest(camera, "oldest")
    faults = []

    def watch() -> None:
        while not camera.closed.is_set():
            counts = counters.snapshot()
            if counts.captured != counts.segmented + sum(counts.dropped.values()) + counts.failed:
                faults.append(counts)
            if not 0 <= counts.in_flight <= 3:
                faults.append(counts)

    watcher = threading.Thread(target=watch)
    watcher.start()
    with latest as frames:
        for _ in frames:
            counters.segmented(cells=1)
    watcher.join()
    assert faults == []
    assert_accounted(counters, camera)
