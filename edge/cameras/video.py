"""A video file as a camera: every frame, in order."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Iterator
from itertools import count
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from edge.cameras.opencv import topic_name
from edge.cameras.options import CameraOptions
from edge.cameras.reader import Capture, as_bgr, open_capture
from edge.errors import CameraOpenError
from edge.types import Frame

log = logging.getLogger(__name__)

VIDEO_SUFFIXES = frozenset({".mp4", ".avi", ".mkv", ".mov", ".m4v", ".webm", ".mpg", ".mpeg", ".ts", ".wmv", ".mjpeg"})


class VideoFileCamera:
    """Delivers every frame of a video file, `loop` times (0: until closed); see `edge.cameras.protocol.Camera`."""

    live = False

    def __init__(self, path: Path, options: CameraOptions) -> None:
        self.name = topic_name(path.stem)
        self.failed = 0
        self._path = path
        self._loop = options.loop
        self._closed = threading.Event()
        capture = self._open()
        self.negotiated = "video of {:g}x{:g}@{:g}".format(
            *(capture.get(p) for p in (cv2.CAP_PROP_FRAME_WIDTH, cv2.CAP_PROP_FRAME_HEIGHT, cv2.CAP_PROP_FPS))
        )
        capture.release()

    def frames(self) -> Iterator[Frame]:
        """Yield the frames in order; raises CameraOpenError if there is not one."""
        index = 0
        for turn in range(self._loop) if self._loop else count():
            first = index
            capture = self._open()
            try:
                while not self._closed.is_set():
                    good, image = capture.read()
                    if not good or image is None:
                        self._check_whole(capture, index - first)
                        break
                    yield self._frame(image, index)
                    index += 1
            finally:
                capture.release()
            if self._closed.is_set():
                return
            if turn == 0 and index == 0:
                raise CameraOpenError(f"{self._path} holds no frame that can be decoded; give another video file")

    def close(self) -> None:
        self._closed.set()

    def _open(self) -> Capture:
        capture = open_capture(str(self._path), cv2.CAP_FFMPEG)
        if not capture.isOpened():
            raise CameraOpenError(f"{self._path} is not a video that OpenCV can read; give another video file")
        return capture

    def _check_whole(self, capture: Capture, read: int) -> None:
        announced = capture.get(cv2.CAP_PROP_FRAME_COUNT)
        if read < announced:
            log.warning("%s ended after %d of the %g frames that it announces", self._path, read, announced)

    def _frame(self, image: NDArray[np.uint8], index: int) -> Frame:
        return Frame(
            image=as_bgr(image),
            index=index,
            source=self._path.name,
            capture_t_ns=time.time_ns(),
            capture_mono_ns=time.monotonic_ns(),
        )
