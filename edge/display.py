"""The window on a screen, and whether there is a screen to put one on. Imported only by what opens a window."""

from __future__ import annotations

import os
import subprocess
import sys

import cv2

from edge.errors import BackendMissingError
from edge.types import Image

QUIT_KEYS = frozenset((ord("q"), ord("Q"), 27))
"""q and Esc."""
_PROBE_S = 30.0
_PROBE = """
import sys, threading
def probe():
    import cv2
    cv2.namedWindow("probe", cv2.WINDOW_NORMAL)
    cv2.waitKey(1)
    ok.append(True)
ok = []
if sys.argv[1] == "thread":
    thread = threading.Thread(target=probe)
    thread.start()
    thread.join()
else:
    probe()
sys.exit(not ok)
"""


def require_display(remedy: str, *, in_thread: bool = False) -> None:
    """Raise BackendMissingError where no window can be opened.

    Tried in a process of its own: without a display, or with a dead one, OpenCV's Qt aborts the process it runs in.

    Parameters
    ----------
    remedy : ends the message, e.g. "only --headless works here"
    in_thread : the window will belong to another thread than the main one, which some systems do not allow
    """
    if not names_display():
        raise BackendMissingError(
            f"there is no display for a window (neither DISPLAY nor WAYLAND_DISPLAY is set); {remedy}"
        )
    command = [sys.executable, "-c", _PROBE, "thread" if in_thread else "main"]
    try:
        done = subprocess.run(command, capture_output=True, timeout=_PROBE_S, check=False)
        opened = done.returncode == 0
    except subprocess.TimeoutExpired:
        opened = False
    if not opened:
        raise BackendMissingError(
            f"the display does not answer, or this OpenCV has no windows (opencv-python-headless); {remedy}"
        )


def names_display() -> bool:
    """Whether a window can be expected to open: on Linux, whether a display server is named."""
    named = os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")
    return not sys.platform.startswith("linux") or bool(named)


class DisplayWindow:
    """A resizable window of OpenCV. All calls come from one thread, the same for all windows of the process.

    Parameters
    ----------
    title : also the window's name within OpenCV
    keep_ratio : keep the picture's proportions when the user resizes the window; False for who draws to fit it
    """

    def __init__(self, title: str, *, keep_ratio: bool = True) -> None:
        # Qt says that the application was not made in the main thread, and that the wheel brings no fonts: no harm.
        os.environ.setdefault("QT_LOGGING_RULES", "default.warning=false;qt.*.warning=false")
        self._title = title
        self._was_visible = False
        self.closed = False
        ratio = cv2.WINDOW_KEEPRATIO if keep_ratio else cv2.WINDOW_FREERATIO
        cv2.namedWindow(title, cv2.WINDOW_NORMAL | ratio | cv2.WINDOW_GUI_NORMAL)

    def resize(self, width: int, height: int) -> None:
        """Ask for an inner size in px; the window manager has the last word."""
        cv2.resizeWindow(self._title, width, height)

    def size(self) -> tuple[int, int] | None:
        """Width and height in px of the inside, None where OpenCV cannot tell."""
        if self.closed:
            return None
        _, _, width, height = cv2.getWindowImageRect(self._title)
        return (width, height) if width > 0 and height > 0 else None

    def show(self, picture: Image) -> None:
        """Show a picture, uint8 BGR [h, w, 3]; nothing happens once the window was closed."""
        if not self.closed:  # OpenCV would open a new window of the same name
            cv2.imshow(self._title, picture)

    def wait(self, milliseconds: int) -> int | None:
        """Serve the window for a while (>= 1 ms) and return the key pressed, if any; sets `closed`."""
        key = cv2.waitKey(milliseconds)
        visible = self._visible()
        # A new window takes a moment to appear; only one that was there can have been closed.
        self.closed = self.closed or (self._was_visible and not visible)
        self._was_visible = visible
        return None if key < 0 else key & 0xFF

    def _visible(self) -> bool:
        try:
            return float(cv2.getWindowProperty(self._title, cv2.WND_PROP_VISIBLE)) >= 1
        except cv2.error:  # Qt lets go of everything when its last window is closed, and then refuses the question
            return False

    def destroy(self) -> None:
        """Take the window off the screen."""
        if not self.closed:
            self.closed = True
            cv2.destroyWindow(self._title)
            cv2.waitKey(1)
