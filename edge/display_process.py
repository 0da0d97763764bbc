"""The process that a window lives in: shows what comes through a pipe and tells what happens to the window.

Qt ends the process it runs in, without an exception, when its display dies: here that is no more than the window.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from multiprocessing.connection import Connection

import cv2
import numpy as np
from numpy.typing import NDArray

WAIT_KEY_MS = 25
WARM_UP_MS = 100
"""How long a first window lives before the one that is used: the Qt of opencv-python 5.0 now and then never paints a
process's first window, and always its second (decision 0012)."""
ENDING_S = 1.0
"""What a window gets to end by itself once its parent is gone; on a display that hangs it does not."""


def serve(pipe: Connection, title: str, keep_ratio: bool) -> None:
    """Open a window and serve it until the pipe or the window is closed.

    Takes ("show", picture uint8 BGR [h, w, 3]) and ("resize", width, height). Sends ("ready",) once, then ("size",
    width, height) of the inside in px whenever it changes, ("key", code) and at last ("closed",) if the user closed it.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the whole terminal; the parent decides what ends
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.__stderr__.fileno() if sys.__stderr__ else 2)  # Qt's own words
    inbox = _Inbox(pipe)
    flags = cv2.WINDOW_NORMAL | cv2.WINDOW_GUI_NORMAL | (cv2.WINDOW_KEEPRATIO if keep_ratio else cv2.WINDOW_FREERATIO)
    cv2.namedWindow(title, flags)
    cv2.waitKey(WARM_UP_MS)
    cv2.destroyWindow(title)
    cv2.namedWindow(title, flags)
    cv2.waitKey(1)
    try:
        pipe.send(("ready",))
        _serve(pipe, title, inbox)
    except OSError:  # the parent has closed its end, or is gone
        return


class _Inbox:
    """Takes what the parent sends at once, so that the parent never waits for the display; keeps only the newest."""

    def __init__(self, pipe: Connection) -> None:
        self.ended = False
        self._pipe = pipe
        self._lock = threading.Lock()
        self._picture: NDArray[np.uint8] | None = None
        self._size: tuple[int, int] | None = None
        threading.Thread(target=self._receive, name="inbox", daemon=True).start()

    def take(self) -> tuple[NDArray[np.uint8] | None, tuple[int, int] | None]:
        """Picture to show and size to take that came since the last call."""
        with self._lock:
            taken = self._picture, self._size
            self._picture = self._size = None
        return taken

    def _receive(self) -> None:
        try:
            while True:
                what, *values = self._pipe.recv()
                with self._lock:
                    if what == "show":
                        (self._picture,) = values
                    else:
                        self._size = (values[0], values[1])
        except (EOFError, OSError):
            self.ended = True
            time.sleep(ENDING_S)
            os._exit(0)


def _serve(pipe: Connection, title: str, inbox: _Inbox) -> None:
    shown_size: tuple[int, int] | None = None
    was_visible = False
    while not inbox.ended:
        picture, wanted = inbox.take()
        if wanted is not None:
            cv2.resizeWindow(title, *wanted)
        if picture is not None:
            cv2.imshow(title, picture)
        key = cv2.waitKey(WAIT_KEY_MS)
        if key >= 0:
            pipe.send(("key", key & 0xFF))
        visible = _visible(title)
        # A new window takes a moment to appear; only one that was there can have been closed.
        if was_visible and not visible:
            pipe.send(("closed",))
            return
        was_visible = visible
        size = _size(title) if visible else None
        if size is not None and size != shown_size:
            shown_size = size
            pipe.send(("size", *size))


def _visible(title: str) -> bool:
    try:
        return float(cv2.getWindowProperty(title, cv2.WND_PROP_VISIBLE)) >= 1
    except cv2.error:  # Qt lets go of everything when its last window is closed, and then refuses the question
        return False


def _size(title: str) -> tuple[int, int] | None:
    _, _, width, height = cv2.getWindowImageRect(title)
    return (width, height) if width > 0 and height > 0 else None
