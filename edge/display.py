"""A window on a screen, in a process of its own, and whether there is a screen to put one on."""

from __future__ import annotations

import multiprocessing
import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing import resource_tracker
from typing import Any

from edge.display_process import serve
from edge.errors import BackendMissingError
from edge.types import Image

QUIT_KEYS = frozenset((ord("q"), ord("Q"), 27))
"""q and Esc."""
_OPENS_S = 30.0
_ENDS_S = 2.0


def names_display() -> bool:
    """Whether a window can be expected to open: on Linux, whether a display server is named."""
    named = os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")
    return not sys.platform.startswith("linux") or bool(named)


class DisplayWindow:
    """A resizable window of OpenCV in a process of its own, which ends with this one.

    Without a display, or when its display dies, OpenCV's Qt aborts the process that it runs in (`display_process`).
    One thread at a time may use it.

    Parameters
    ----------
    title : of the window
    remedy : what works without one, e.g. "only --headless works here"; ends the message if the window cannot be opened
    keep_ratio : keep the picture's proportions when the user resizes the window; False for who draws to fit it

    Attributes
    ----------
    closed : the user closed the window

    Raises
    ------
    BackendMissingError
        if no window can be opened; also by `show`, `resize` and `wait` once the display has died
    """

    def __init__(self, title: str, remedy: str, *, keep_ratio: bool = True) -> None:
        if not names_display():
            raise BackendMissingError(
                f"there is no display for a window (neither DISPLAY nor WAYLAND_DISPLAY is set); {remedy}"
            )
        self.closed = False
        self._size: tuple[int, int] | None = None
        spawn = multiprocessing.get_context("spawn")  # a fork would share this process's threads' locks
        self._pipe, other_end = spawn.Pipe()
        self._process = spawn.Process(target=serve, args=(other_end, title, keep_ratio), daemon=True)
        with _without_ctrl_c():
            self._process.start()
        other_end.close()  # so that the pipe ends when the window's process does
        if not self._opened():
            self.destroy()
            raise BackendMissingError(
                f"the display does not answer, or this OpenCV has no windows (opencv-python-headless); {remedy}"
            )

    def _opened(self) -> bool:
        try:
            return self._pipe.poll(_OPENS_S) and self._pipe.recv() == ("ready",)
        except (EOFError, OSError):
            return False

    def resize(self, width: int, height: int) -> None:
        """Ask for an inner size in px; the window manager has the last word."""
        self._send("resize", width, height)

    def size(self) -> tuple[int, int] | None:
        """Width and height in px of the inside as of the last `wait`, None where that is not known."""
        return self._size

    def show(self, picture: Image) -> None:
        """Show a picture, uint8 BGR [h, w, 3]; nothing happens once the window was closed."""
        self._send("show", picture)

    def wait(self, milliseconds: int) -> int | None:
        """Wait until something happens to the window, so long at most; return the key pressed, if any."""
        if self.closed:
            return None
        try:
            if not self._pipe.poll(milliseconds / 1000):
                return None
            what, *values = self._pipe.recv()
        except (EOFError, OSError) as error:
            raise _died() from error
        if what == "key":
            return int(values[0])
        if what == "size":
            self._size = (values[0], values[1])
        self.closed = what == "closed"
        return None

    def destroy(self) -> None:
        """Take the window off the screen."""
        self.closed = True
        self._pipe.close()
        self._process.join(timeout=_ENDS_S)
        if self._process.is_alive():  # it hangs on its display
            self._process.kill()
            self._process.join(timeout=_ENDS_S)

    def _send(self, *message: Any) -> None:
        if self.closed:
            return
        try:
            self._pipe.send(message)
        except OSError as error:
            if not self._was_closed():
                raise _died() from error

    def _was_closed(self) -> bool:
        """Whether what the window said before it ended is that the user closed it."""
        try:
            while not self.closed and self._pipe.poll():
                self.closed = self._pipe.recv() == ("closed",)
        except (EOFError, OSError):
            pass
        return self.closed


@contextmanager
def _without_ctrl_c() -> Iterator[None]:
    """A process started within inherits that Ctrl-C is held back, and prints no traceback of its own on one."""
    if not hasattr(signal, "pthread_sigmask"):  # Windows
        yield
        return
    resource_tracker.ensure_running()  # its start lets Ctrl-C through again
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _died() -> BackendMissingError:
    return BackendMissingError("the window is gone: its display died or its process was ended")
