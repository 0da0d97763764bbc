"""The thread that owns the images socket: the newest picture, for those who look."""

from __future__ import annotations

import logging
import threading

import cv2
import numpy as np

from edge.link.handover import Handover
from edge.link.messages import ImageBody, Part
from edge.link.sender import Sender
from edge.link.wire import encode
from edge.link.xpub import XpubSocket
from edge.types import Frame

POLL_S = 0.02
"""The longest that a new subscriber waits before its pictures are encoded."""

log = logging.getLogger(__name__)


class ImagePublisher:
    """Encodes and sends the newest frame.

    Frames that come meanwhile are skipped; without a subscriber nothing is encoded.
    """

    def __init__(self, socket: XpubSocket, sender: Sender, quality: int, max_width_px: int) -> None:
        """Start the thread, which from now on owns `socket`. `quality` is JPEG's, 1..100."""
        self.socket = socket
        self.sender = sender
        self.failed = 0
        self._quality = quality
        self._max_width_px = max_width_px
        self._newest: Handover[Frame] = Handover(1)
        self._stop = threading.Event()
        self._failing = False
        self._thread = threading.Thread(target=self._run, name="publish-images", daemon=True)
        self._thread.start()

    def put(self, frame: Frame) -> None:
        """Hand over a frame (the loop's thread)."""
        self._newest.put(frame)

    def stop(self) -> None:
        """Begin to close; returns at once."""
        self._stop.set()

    def close(self) -> None:
        """Send the newest picture if it still waits, then close the socket; safe to call twice."""
        self.stop()
        self._thread.join()

    def _run(self) -> None:
        try:
            while True:
                stopping = self._stop.is_set()
                frame = self._newest.take(0 if stopping else POLL_S)
                self.socket.admit()
                if frame is not None:
                    self._publish(frame)
                elif stopping:
                    break
        finally:
            self.socket.close()

    def _publish(self, frame: Frame) -> None:
        if not self.socket.is_wanted(self.sender.topic("frame")):
            return
        try:
            jpeg, width, height = encode_jpeg(frame.image, self._quality, self._max_width_px)
            header = self.sender.frame_header(
                "frame", self.sender.take_seq("frame"), frame, (Part(name="image", type="image/jpeg"),)
            )
            source_height, source_width = frame.image.shape[:2]
            body = ImageBody(
                source=frame.source, width=width, height=height, source_width=source_width, source_height=source_height
            )
            self.socket.send(encode(header, body, [jpeg]))
        except Exception:
            # Best effort: what cannot be published must not end the run.
            self.failed += 1
            if not self._failing:
                log.exception("the picture of frame %d could not be published; the run goes on", frame.index)
            self._failing = True
        else:
            self._failing = False


def encode_jpeg(image: np.ndarray, quality: int, max_width_px: int) -> tuple[bytes, int, int]:
    """A picture, uint8 BGR [H, W, 3], as a JPEG file at most `max_width_px` wide, with its width and height in px."""
    height, width = image.shape[:2]
    if width > max_width_px:
        height, width = max(1, round(height * max_width_px / width)), max_width_px
        image = cv2.resize(image, (width, height), interpolation=cv2.INTER_AREA)
    _, data = cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, quality])
    return data.tobytes(), width, height
