"""The live window: shows the newest result, never slows the loop."""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from datetime import datetime
from pathlib import Path

import cv2

from edge.display import QUIT_KEYS, DisplayWindow
from edge.draw import OverlayStyle, draw_result
from edge.draw_view import STATUS_PX, ViewStatus, draw_view
from edge.errors import BackendMissingError
from edge.types import SegmentedFrame

logger = logging.getLogger(__name__)

WAIT_MS = 25
"""Also limits the window to 40 pictures a second: more would take time from the network for nothing."""
REFRESH_S = 0.5
"""The frame rate is brought up to date this often, also while no frame comes."""
RATE_FRAMES = 30
ENDING_S = 1.0
PAUSE_KEYS = frozenset(map(ord, " pP"))
SNAPSHOT_KEYS = frozenset(map(ord, "sS"))
LARGEST_PX = (1280, 720)
"""A first window of at most this size, words excluded, fits the screens beside microscopes; the user may enlarge it."""
SMALL_SIDE_PX = 640
"""A picture smaller than this (a crop of one cell) is enlarged to it."""


class Overlay:
    """A sink with a window, drawn in a thread of its own; between the two lies one slot that holds the newest result.

    Keys: space or p pauses the window (the run goes on), s saves what is shown as PNG at full resolution,
    q and Esc end the run, as closing the window does. If the display dies the run goes on without the window.

    Parameters
    ----------
    style : what is drawn
    stop : set when the user ends the run
    snapshot_dir : folder for snapshots, made with the first one
    title : of the window

    Attributes
    ----------
    failures : pictures that could not be shown or saved, and 1 for a window that is gone

    Raises
    ------
    BackendMissingError
        if no window can be opened (see `edge.display`)
    """

    name = "overlay"
    required = False

    def __init__(
        self,
        style: OverlayStyle,
        stop: threading.Event,
        snapshot_dir: Path = Path("snapshots"),
        title: str = "LeukoEdge",
    ) -> None:
        self.failures = 0
        self._failing = False
        self._style = style
        self._stop = stop
        self._snapshot_dir = snapshot_dir
        self._window = DisplayWindow(title, "only --headless works here", keep_ratio=False)
        self._lock = threading.Lock()
        self._latest: SegmentedFrame | None = None
        self._arrivals_s: deque[float] = deque(maxlen=RATE_FRAMES)
        self._shown: SegmentedFrame | None = None
        self._shown_s = 0.0
        self._shown_size: tuple[int, int] | None = None
        self._paused = False
        self._closing = threading.Event()
        # A daemon: a display that hangs must not keep the process from ending.
        self._thread = threading.Thread(target=self._run, name="overlay", daemon=True)
        self._thread.start()

    def write(self, result: SegmentedFrame) -> None:
        """Put the result into the slot; whatever lay there is never shown."""
        with self._lock:
            self._latest = result
            self._arrivals_s.append(time.monotonic())

    def close(self) -> None:
        """End the thread and its window."""
        self._closing.set()
        self._thread.join(timeout=5)

    def _run(self) -> None:
        while not self._closing.is_set():
            try:
                try:
                    self._refresh()
                finally:  # a picture that cannot be drawn must not make the keys dead
                    self._obey(self._window.wait(WAIT_MS), self._window.closed)
            except BackendMissingError as error:
                self._go_on_without(error)
                break
            except (cv2.error, ValueError) as error:
                self._count_failure(error)
                self._closing.wait(WAIT_MS / 1000)
            else:
                self._failing = False
        self._window.destroy()

    def _refresh(self) -> None:
        """Draw again if there is a newer result, the window has another size, or the frame rate is out of date."""
        with self._lock:
            result = self._shown if self._paused else self._latest
        if result is not None and self._shown is None:
            self._window.resize(*first_size(result))
        size = self._window.size() or LARGEST_PX
        stale = time.monotonic() - self._shown_s > REFRESH_S
        if result is self._shown and size == self._shown_size and not stale:
            return
        status = ViewStatus(fps=self._frames_per_s(), paused=self._paused)
        self._window.show(draw_view(result, size, status, self._style))
        self._shown, self._shown_size, self._shown_s = result, size, time.monotonic()

    def _frames_per_s(self) -> float:
        """Rate at which results arrived, up to now: it falls when they stop coming."""
        with self._lock:
            if len(self._arrivals_s) < 2:
                return 0.0
            return (len(self._arrivals_s) - 1) / max(time.monotonic() - self._arrivals_s[0], 1e-6)

    def _obey(self, key: int | None, closed: bool) -> None:
        if closed or key in QUIT_KEYS:
            logger.info("the live window was closed: ending the run")
            self._stop.set()
            self._closing.set()
        elif key in PAUSE_KEYS:
            self._paused = not self._paused and self._shown is not None
            self._shown_size = None
        elif key in SNAPSHOT_KEYS and self._shown is not None:
            self._save(self._shown)

    def _save(self, result: SegmentedFrame) -> None:
        taken = datetime.fromtimestamp(result.frame.capture_t_ns / 1e9).strftime("%Y%m%d-%H%M%S")
        path = self._snapshot_dir / f"{taken}-frame{result.frame.index:06d}.png"
        _, png = cv2.imencode(".png", draw_result(result.frame.image, result, self._style))
        try:
            self._snapshot_dir.mkdir(parents=True, exist_ok=True)
            path.write_bytes(png.tobytes())
        except OSError as error:
            self.failures += 1
            logger.warning("the snapshot %s cannot be written (%s)", path, error.strerror)
        else:
            logger.info("snapshot saved: %s", path)

    def _go_on_without(self, error: BackendMissingError) -> None:
        # Who ends a service or logs out ends the window too, and the run a moment later.
        if not (self._closing.wait(ENDING_S) or self._stop.is_set()):
            self.failures += 1
            logger.warning("%s; the run goes on without it", error)

    def _count_failure(self, error: Exception) -> None:
        self.failures += 1
        if not self._failing:
            logger.warning("the live window failed (%s); the run goes on without it until it works again", error)
        self._failing = True


def first_size(result: SegmentedFrame) -> tuple[int, int]:
    """Width and height in px of the window that a run's first picture opens with, words included."""
    height, width = (int(side) for side in result.frame.image.shape[:2])
    fit = min(LARGEST_PX[0] / width, LARGEST_PX[1] / height)
    scale = min(fit, max(1.0, SMALL_SIDE_PX / max(width, height)))
    return max(1, round(width * scale)), max(1, round(height * scale)) + STATUS_PX
