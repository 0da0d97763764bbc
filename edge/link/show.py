"""The window of `edge-sub --show`."""

from __future__ import annotations

from edge.display import QUIT_KEYS, DisplayWindow
from edge.link.errors import LinkError
from edge.link.messages import Hello, Message
from edge.link.picture import PictureMatcher, draw_message
from edge.link.subscriber import Subscriber
from edge.types import Image as Pixels

TITLE = "edge-sub"


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
        self._window = DisplayWindow(TITLE, "use edge-sub without --show")
        self._subscriber = subscriber
        self._matcher = PictureMatcher()
        self._connected: str | None = None
        if images is not None:
            self._connect(images)
        self._ignore_hello = images is not None
        self._sized = False

    def __call__(self, message: Message | None) -> bool:
        """Take a message, or None when nothing came; False when the window was closed or q or Esc was pressed."""
        if isinstance(message, Hello) and not self._ignore_hello:
            self._follow(message)
        pair = None if message is None else self._matcher.match(message)
        if pair is not None:
            self._display(draw_message(*pair))
        key = self._window.wait(1)
        return key not in QUIT_KEYS and not self._window.closed

    def _display(self, picture: Pixels) -> None:
        if not self._sized:
            self._window.resize(picture.shape[1], picture.shape[0])
            self._sized = True
        self._window.show(picture)

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
