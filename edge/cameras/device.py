"""A device made into a camera with deadlines, which opens it again when it is lost."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from edge.cameras.options import CameraOptions
from edge.cameras.reader import DeviceGoneError, DeviceSource, Grab, Reader
from edge.errors import CameraLostError, CameraOpenError
from edge.types import Frame

log = logging.getLogger(__name__)

FAILED_READS = 3
"""So many failed reads in a row mean that the device is gone; a single one may be a damaged MJPEG frame."""
FIRST_PAUSE_S = 0.5
LONGEST_PAUSE_S = 8.0
"""Pause between two attempts to open a lost device again: doubled from the first to the longest."""


class DeviceCamera:
    """A live camera; see `edge.cameras.protocol.Camera`. Opening waits for the first frame.

    Raises
    ------
    CameraOpenError : the device does not open or delivers nothing
    """

    live = True

    def __init__(self, source: DeviceSource, options: CameraOptions) -> None:
        self.name = source.name
        self.failed = 0
        self._source = source
        self._options = options
        self._closed = threading.Event()
        try:
            self._reader, self._first = self._connect()
            self.negotiated = self._reader.negotiated
        except DeviceGoneError as gone:
            raise CameraOpenError(f"{source.label} cannot be opened: {gone}; {source.advice()}") from gone

    def frames(self) -> Iterator[Frame]:
        """Yield frames until `close`; raises CameraLostError when the attempts to reopen the device are spent."""
        index = 0
        while not self._closed.is_set():
            try:
                for grab in self._grabs():
                    yield self._frame(grab, index)
                    index += 1
            except DeviceGoneError as gone:
                self._reader.abandon()
                if self._closed.is_set():
                    return
                log.warning("%s is lost (%s); opening it again", self._source.label, gone)
                self._reconnect(str(gone))

    def close(self) -> None:
        self._closed.set()
        self._reader.abandon(wait_s=2.0)

    def _connect(self) -> tuple[Reader, Grab]:
        """A reader and its first good read."""
        reader = Reader(self._source)
        deadline_s = time.monotonic() + self._options.open_timeout_s
        try:
            for _ in range(FAILED_READS):
                first = reader.next(max(0.0, deadline_s - time.monotonic()))
                if first is not None:
                    return reader, first
            raise DeviceGoneError("it opens but delivers no picture")
        except BaseException:
            reader.abandon()
            raise

    def _grabs(self) -> Iterator[Grab]:
        """Good reads of the present reader; raises DeviceGoneError when it ends, hangs or repeats itself."""
        repeats = Repeats(self._options.repeat_limit_s if self._source.repeats_mean_loss else 0)
        failed_in_a_row = 0
        grab: Grab | None = self._first
        while not self._closed.is_set():
            if grab is not None:
                failed_in_a_row = 0
                repeats.check(grab)
                yield grab
            else:
                self.failed += 1
                failed_in_a_row += 1
                if failed_in_a_row >= FAILED_READS:
                    raise DeviceGoneError(f"{failed_in_a_row} failed reads in a row")
            grab = self._reader.next(self._options.frame_timeout_s)

    def _reconnect(self, reason: str) -> None:
        deadline_s = time.monotonic() + self._options.reconnect_s
        pause_s = FIRST_PAUSE_S
        while not self._closed.wait(min(pause_s, max(0.0, deadline_s - time.monotonic()))):
            try:
                self._reader, self._first = self._connect()
            except DeviceGoneError as gone:
                reason = str(gone)
            else:
                self.negotiated = self._reader.negotiated
                log.warning("%s is back: %s", self._source.label, self.negotiated)
                return
            if time.monotonic() >= deadline_s:
                raise CameraLostError(
                    f"{self._source.label} was lost and did not come back within {self._options.reconnect_s:g} s "
                    f"({reason}); {self._source.advice()}"
                )
            pause_s = min(2 * pause_s, LONGEST_PAUSE_S)

    def _frame(self, grab: Grab, index: int) -> Frame:
        return Frame(
            image=grab.image,
            index=index,
            source=self._source.label,
            capture_t_ns=grab.t_ns,
            capture_mono_ns=grab.mono_ns,
        )


class Repeats:
    """Notices a device that goes on delivering its last picture. `limit_s` 0 notices nothing."""

    def __init__(self, limit_s: float) -> None:
        self._limit_ns = limit_s * 1e9
        self._sample: NDArray[np.uint8] | None = None
        self._since_ns = 0

    def check(self, grab: Grab) -> None:
        """Raises DeviceGoneError if the picture has not changed for longer than the limit.

        Every 16th pixel of every 16th row is compared: a sensor's noise changes thousands of them. A picture of one
        colour (lens cap, overexposure) proves nothing.
        """
        if not self._limit_ns:
            return
        sample = grab.image[::16, ::16]
        if self._sample is None or not np.array_equal(sample, self._sample) or sample.min() == sample.max():
            self._sample, self._since_ns = sample.copy(), grab.mono_ns
        elif grab.mono_ns - self._since_ns > self._limit_ns:
            raise DeviceGoneError(f"the same picture, bit for bit, for {self._limit_ns * 1e-9:g} s")
