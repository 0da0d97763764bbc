"""One attempt at a device that may hang, vanish or deliver rubbish."""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol, cast

import cv2
import numpy as np
from numpy.typing import NDArray

from edge.errors import BackendMissingError
from edge.types import Image

THREAD_PREFIX = "read-"


class Capture(Protocol):
    """The part of `cv2.VideoCapture` that is used."""

    def isOpened(self) -> bool: ...  # noqa: N802 - OpenCV's name
    def read(self) -> tuple[bool, NDArray[np.uint8] | None]: ...
    def get(self, prop: int) -> float: ...
    def set(self, prop: int, value: float) -> bool: ...
    def release(self) -> None: ...


def open_capture(*arguments: Any) -> Capture:
    """`cv2.VideoCapture`, whose own type hints differ between OpenCV's versions."""
    return cast(Capture, cv2.VideoCapture(*arguments))


@dataclass(frozen=True, slots=True, kw_only=True)
class DeviceSource:
    """How to reach a device.

    Attributes
    ----------
    name : for topics, [A-Za-z0-9_-]+
    label : for logs and results, without credentials
    open : opens and configures the device, and says in words which mode it took; called again after a loss
    advice : what to check if it cannot be opened
    repeats_mean_loss : True for a sensor, whose noise makes two equal frames impossible; False for a compressed stream
    """

    name: str
    label: str
    open: Callable[[], tuple[Capture, str]]
    advice: Callable[[], str]
    repeats_mean_loss: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Grab:
    """A picture and when it came."""

    image: Image
    t_ns: int
    mono_ns: int


class DeviceGoneError(Exception):
    """A reader has nothing more to give; the message says why."""


class Reader:
    """One attempt at a device: a thread that opens it, reads it and releases it.

    OpenCV's calls may hang for good in a driver and must not be released from another thread, so a reader that does
    not answer is abandoned: its thread (a daemon) releases the device itself should it ever come back.
    """

    def __init__(self, source: DeviceSource) -> None:
        self.negotiated = ""
        self._source = source
        self._grabs: queue.Queue[Grab | Exception | None] = queue.Queue(1)
        self._abandoned = threading.Event()
        self._thread = threading.Thread(target=self._run, name=f"{THREAD_PREFIX}{source.name}", daemon=True)
        self._thread.start()

    def next(self, timeout_s: float) -> Grab | None:
        """The next picture, None for a failed read; raises DeviceGoneError if neither comes in time."""
        try:
            grab = self._grabs.get(timeout=timeout_s)
        except queue.Empty:
            raise DeviceGoneError(f"no frame for {timeout_s:g} s") from None
        if isinstance(grab, Exception):
            raise grab
        return grab

    def abandon(self, wait_s: float = 0.0) -> None:
        self._abandoned.set()
        if threading.current_thread() is not self._thread:
            self._thread.join(wait_s)

    def _run(self) -> None:
        capture: Capture | None = None
        try:
            capture, self.negotiated = self._source.open()
            if not capture.isOpened():
                raise DeviceGoneError("it does not open")
            while not self._abandoned.is_set():
                good, image = capture.read()
                if good and image is not None:
                    self._put(Grab(image=as_bgr(image), t_ns=time.time_ns(), mono_ns=time.monotonic_ns()))
                else:
                    self._put(None)
                    self._abandoned.wait(0.01)
        except (DeviceGoneError, BackendMissingError) as error:
            self._put(error)
        except Exception as error:  # noqa: BLE001 - whatever a driver raises means that the device is gone
            self._put(DeviceGoneError(str(error)))
        finally:
            if capture is not None:
                capture.release()

    def _put(self, item: Grab | Exception | None) -> None:
        while not self._abandoned.is_set():
            try:
                self._grabs.put(item, timeout=0.1)
            except queue.Full:
                continue
            return


def hanging_readers(wait_s: float) -> list[str]:
    """The names of reader threads that are still inside a driver after so long."""
    readers = [thread for thread in threading.enumerate() if thread.name.startswith(THREAD_PREFIX)]
    deadline_s = time.monotonic() + wait_s
    for thread in readers:
        thread.join(max(0.0, deadline_s - time.monotonic()))
    return [thread.name for thread in readers if thread.is_alive()]


def as_bgr(image: NDArray[np.uint8]) -> Image:
    """What a capture delivers as uint8 BGR [H, W, 3]; raises DeviceGoneError for anything else."""
    if image.dtype != np.uint8 or image.size == 0:
        raise DeviceGoneError(f"it delivers {image.dtype} pictures of shape {image.shape}, 8-bit ones are expected")
    if image.ndim == 3 and image.shape[2] == 3:
        return image
    if image.ndim == 2 or (image.ndim == 3 and image.shape[2] == 1):
        return np.asarray(cv2.cvtColor(image, cv2.COLOR_GRAY2BGR), np.uint8)
    if image.ndim == 3 and image.shape[2] == 4:
        return np.asarray(cv2.cvtColor(image, cv2.COLOR_BGRA2BGR), np.uint8)
    raise DeviceGoneError(f"it delivers pictures of shape {image.shape}, [H, W, 3] is expected")
