"""What every camera offers to the loop."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Protocol

from edge.types import Frame


class Camera(Protocol):
    """A source of frames. Opened by `edge.cameras.open_camera`, iterated by one thread.

    Attributes
    ----------
    name : short name for topics and logs, [A-Za-z0-9_-]+, without credentials
    live : True if frames that nobody takes are lost (a real camera); False if the source waits (files)
    negotiated : the mode in words, e.g. "asked 1920x1080@30, got 1280x720@10"
    failed : pictures so far that could not be read (a corrupt file, a failed grab), never silently skipped
    """

    name: str
    live: bool
    negotiated: str
    failed: int

    def frames(self) -> Iterator[Frame]:
        """Yield frames until the source ends or `close` is called; raises CameraLostError if the source breaks."""
        ...

    def close(self) -> None:
        """Release the device. May be called from another thread while `frames` waits; safe to call twice."""
        ...
