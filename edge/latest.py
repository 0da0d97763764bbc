"""The hand-over from the camera's thread to the loop: one slot, whose losses are counted."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from typing import Literal

from edge.cameras.protocol import Camera
from edge.metrics import Counters
from edge.types import Frame

DropPolicy = Literal["oldest", "newest", "block"]

POLL_S = 0.1
"""How late a stop may be noticed: a signal cannot wake a thread that waits on a condition."""
JOIN_S = 5.0
"""A driver that hangs in its last grab must not hang the exit; the thread is a daemon."""


class Latest:
    """Iterates over the frames that a thread of its own grabs from a camera.

    Used as a context manager: entering starts the thread, leaving closes the camera, ends the thread and counts every
    frame without a fate as dropped by "stop". Iterated by one thread; ends when the camera does or when `stop` is set.
    An error of the camera is raised here, after the last good frame.

    Parameters
    ----------
    drop : what to do with a frame that comes while another still waits: "oldest" replaces the waiting one, "newest"
        leaves the new one out, "block" makes the camera wait
    max_staleness_s : a frame older than this when the loop takes it is dropped; None for no limit
    """

    def __init__(
        self,
        camera: Camera,
        counters: Counters,
        stop: threading.Event,
        *,
        drop: DropPolicy,
        max_staleness_s: float | None = None,
    ) -> None:
        self._camera = camera
        self._counters = counters
        self._stop = stop
        self._drop = drop
        self._max_staleness_s = max_staleness_s
        self._changed = threading.Condition()
        self._slot: Frame | None = None
        self._ended = False
        self._closed = False
        self._error: BaseException | None = None
        self._thread = threading.Thread(target=self._grab, name="camera", daemon=True)

    def __enter__(self) -> Latest:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        with self._changed:
            self._closed = True
            self._changed.notify_all()
        self._camera.close()
        self._thread.join(JOIN_S)
        self._counters.abandon("stop")

    def __iter__(self) -> Iterator[Frame]:
        while (frame := self._take()) is not None:
            yield frame

    def _take(self) -> Frame | None:
        """Wait for a frame that is fresh enough; None at the end."""
        while not self._stop.is_set():
            with self._changed:
                if self._slot is None and not self._ended:
                    self._changed.wait(POLL_S)
                frame, self._slot = self._slot, None
                ended = self._ended
                self._changed.notify_all()
            if frame is None and ended:
                if self._error is not None:
                    raise self._error
                return None
            if frame is not None and not self._is_stale(frame):
                return frame
        return None

    def _is_stale(self, frame: Frame) -> bool:
        if self._max_staleness_s is None:
            return False
        stale = (time.monotonic_ns() - frame.capture_mono_ns) * 1e-9 > self._max_staleness_s
        if stale:
            self._counters.dropped("stale")
        return stale

    def _grab(self) -> None:
        """The camera's thread."""
        try:
            for frame in self._camera.frames():
                self._counters.grabbed()
                if not self._offer(frame):
                    break
        except BaseException as error:  # noqa: BLE001 - raised again in the loop's thread
            self._error = error
        finally:
            with self._changed:
                self._ended = True
                self._changed.notify_all()

    def _offer(self, frame: Frame) -> bool:
        """Put a frame into the slot as the policy says; False once the loop is gone."""
        with self._changed:
            while self._drop == "block" and self._slot is not None and not self._closed:
                self._changed.wait()
            if self._closed:
                return False
            if self._slot is not None:
                self._counters.dropped(self._drop)
            if self._slot is None or self._drop == "oldest":
                self._slot = frame
                self._changed.notify_all()
            return True
