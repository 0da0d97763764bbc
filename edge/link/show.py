"""The window of `edge-sub --show`."""

from __future__ import annotations

import os
import subprocess
import sys

import cv2

from edge.errors import BackendMissingError
from edge.link.errors import LinkError
from edge.link.messages import Hello, Message
from edge.link.picture import PictureMatcher, draw_message
from edge.link.subscriber import Subscriber
from edge.types import Image as Pixels

TITLE = "edge-sub"
_QUIT_KEYS = {ord("q"), 27}
_PROBE = "import cv2; cv2.namedWindow('probe'); cv2.waitKey(1)"
_PROBE_S = 30.0


class Window:
    """Shows each picture with its cells; one thread.

    Parameters
    ----------
    subscriber : is connected to the pictures as soon as the rig's hello says where they are
    images : where the pictures are instead; None believes the hello

    Raises
    ------
    BackendMissingError
        if no window can be opened here
    """

    def __init__(self, subscriber: Subscriber, images: str | None) -> None:
        require_display()
        self._subscriber = subscriber
        self._matcher = PictureMatcher()
        self._connected: str | None = None
        if images is not None:
            self._connect(images)
        self._ignore_hello = images is not None
        self._was_visible = False
        self._sized = False
        cv2.namedWindow(TITLE, cv2.WINDOW_NORMAL | cv2.WINDOW_KEEPRATIO | cv2.WINDOW_GUI_NORMAL)

    def __call__(self, message: Message | None) -> bool:
        """Take a message, or None when nothing came; False when the window was closed or q or Esc was pressed."""
        if isinstance(message, Hello) and not self._ignore_hello:
            self._follow(message)
        pair = None if message is None else self._matcher.match(message)
        if pair is not None:
            self._display(draw_message(*pair))
        key = cv2.waitKey(1) & 0xFF
        visible = cv2.getWindowProperty(TITLE, cv2.WND_PROP_VISIBLE) >= 1
        # A new window takes a moment to appear; only one that was there can have been closed.
        closed = self._was_visible and not visible
        self._was_visible = visible
        return key not in _QUIT_KEYS and not closed

    def _display(self, picture: Pixels) -> None:
        if not self._sized:
            cv2.resizeWindow(TITLE, picture.shape[1], picture.shape[0])
            self._sized = True
        cv2.imshow(TITLE, picture)

    def _follow(self, hello: Hello) -> None:
        announced = hello.body.images_endpoint
        if announced is None:
            raise LinkError(
                f"the rig {hello.header.rig} publishes no pictures to show; start edge-run with --pub-images, or use "
                "edge-sub without --show"
            )
        endpoint = reachable(announced, self._subscriber.endpoint)
        if endpoint != self._connected:
            self._connect(endpoint)

    def _connect(self, endpoint: str) -> None:
        self._subscriber.connect_images(endpoint)
        self._connected = endpoint


def reachable(announced: str, results: str) -> str:
    """The announced address as seen from here: its port on the host that `results`, the address in use, names."""
    if not (announced.startswith("tcp://") and results.startswith("tcp://")):
        return announced
    return f"{results.rpartition(':')[0]}:{announced.rpartition(':')[2]}"


def require_display() -> None:
    """Raise BackendMissingError where no window can be opened.

    Tried in a process of its own: without a display, or with a dead one, OpenCV's Qt aborts the process it runs in.
    """
    if sys.platform == "linux" and not (os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")):
        raise BackendMissingError(
            "there is no display for a window (DISPLAY and WAYLAND_DISPLAY are not set); use edge-sub without --show"
        )
    try:
        done = subprocess.run([sys.executable, "-c", _PROBE], capture_output=True, timeout=_PROBE_S, check=False)
        opened = done.returncode == 0
    except subprocess.TimeoutExpired:
        opened = False
    if not opened:
        raise BackendMissingError(
            "the display does not answer or this OpenCV has no windows (opencv-python-headless); "
            "use edge-sub without --show"
        )
