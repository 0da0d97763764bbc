"""The link between a rig and its subscribers; all that lab code needs to import.

Loads ZeroMQ, msgspec and NumPy, and neither OpenCV nor a model runtime.
"""

from __future__ import annotations

from edge.link.errors import LinkError, RigDeadError
from edge.link.messages import Cell, Event, Header, Hello, Image, Message, Result, Status, decode_mask
from edge.link.subscriber import Subscriber

__all__ = [
    "Cell",
    "Event",
    "Header",
    "Hello",
    "Image",
    "LinkError",
    "Message",
    "Result",
    "RigDeadError",
    "Status",
    "Subscriber",
    "decode_mask",
]
