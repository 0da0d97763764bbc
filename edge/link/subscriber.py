"""Subscriber: what lab code uses to follow a rig.

from edge.link import Result, Subscriber, decode_mask

with Subscriber("tcp://127.0.0.1:5570") as subscriber:
    for message in subscriber:
        if isinstance(message, Result):
            print(message.header.frame, [decode_mask(cell).sum() for cell in message.cells])
"""

from __future__ import annotations

import math
import time
from collections.abc import Mapping
from types import TracebackType

import zmq

from edge.errors import ConfigurationError
from edge.link.continuity import Continuity
from edge.link.errors import RigDeadError
from edge.link.messages import (
    DEFAULT_ENDPOINT,
    IMAGES_BUFFER_BYTES,
    IMAGES_HIGH_WATER_MARK,
    RESULTS_HIGH_WATER_MARK,
    Event,
    Hello,
    Message,
)
from edge.link.wire import decode

MISSED_STATUS = 3
"""A rig is dead when so many status messages in a row did not come."""
TOPICS = b"wbc/"
"""All versions: a rig that speaks a newer one must be heard, so that its message can be refused in words."""


class Subscriber:
    """Receives the messages of one rig; iterating yields them as they come.

    Use it as a context manager, from one thread. It connects at once and waits for a rig that is not there yet, or
    comes back, for as long as it takes. A message that the rig sends again for a late joiner is yielded once.

    Parameters
    ----------
    endpoint : the rig's results, e.g. tcp://127.0.0.1:5570
    images : the rig's pictures, e.g. tcp://127.0.0.1:5572; None receives none

    Raises
    ------
    ConfigurationError
        if an endpoint is no ZeroMQ address
    """

    def __init__(
        self,
        endpoint: str = DEFAULT_ENDPOINT,
        images: str | None = None,
        *,
        zmq_context: zmq.Context[zmq.Socket[bytes]] | None = None,
    ) -> None:
        self.endpoint = endpoint
        self._context = zmq_context or zmq.Context.instance()
        self._poller = zmq.Poller()
        self._sockets: list[zmq.Socket[bytes]] = []
        self._continuity = Continuity()
        self._status_interval_s = 1.0
        self._heard_s: float | None = None
        try:
            self._results = self._connect(endpoint, RESULTS_HIGH_WATER_MARK, -1)
            if images is not None:
                self.connect_images(images)
        except BaseException:
            self.close()
            raise

    def connect_images(self, endpoint: str) -> None:
        """Receive pictures too, for example from the `images_endpoint` that a hello names."""
        self._connect(endpoint, IMAGES_HIGH_WATER_MARK, IMAGES_BUFFER_BYTES)

    @property
    def lost(self) -> Mapping[str, int]:
        """Messages that were sent and never came, by type: gaps in `seq`."""
        return self._continuity.lost

    @property
    def session(self) -> str | None:
        """The session that spoke last."""
        return self._continuity.session

    @property
    def sessions(self) -> int:
        """Sessions seen so far: 2 after the rig was started anew."""
        return self._continuity.sessions

    def __iter__(self) -> Subscriber:
        return self

    def __next__(self) -> Message:
        """Wait for the next message.

        Raises
        ------
        LinkError
            for a message that is broken or of another version; iterating may go on
        RigDeadError
            when three status messages in a row are missing and no `stopping` event came; iterating waits for the rig
        """
        while (message := self.receive(self._silence_left_s())) is None:
            if self._silence_left_s() == 0:
                self._heard_s = None
                raise RigDeadError(
                    f"nothing came from {self.endpoint} for {MISSED_STATUS * self._status_interval_s:g} s and the rig "
                    "did not say that it stops; look whether edge-run still runs and can be reached"
                )
        return message

    def receive(self, timeout_s: float | None = None) -> Message | None:
        """The next message, or None if none came within `timeout_s`; raises LinkError as iterating does."""
        deadline_s = None if timeout_s is None else time.monotonic() + timeout_s
        while True:
            wait_ms = None if deadline_s is None else math.ceil(max(0.0, deadline_s - time.monotonic()) * 1000)
            ready = dict(self._poller.poll(wait_ms))
            if not ready:
                return None
            # Results before pictures, whichever came first.
            socket = next(socket for socket in self._sockets if socket in ready)
            message = self._read(socket)
            if message is not None:
                return message

    def close(self) -> None:
        """Disconnect; safe to call twice."""
        for socket in self._sockets:
            socket.close(0)
        self._sockets.clear()

    def __enter__(self) -> Subscriber:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _connect(self, endpoint: str, high_water_mark: int, buffer_bytes: int) -> zmq.Socket[bytes]:
        socket = self._context.socket(zmq.SUB)
        self._sockets.append(socket)
        socket.setsockopt(zmq.RCVHWM, high_water_mark)
        socket.setsockopt(zmq.RCVBUF, buffer_bytes)
        socket.setsockopt(zmq.SUBSCRIBE, TOPICS)
        if endpoint.startswith("tcp://["):
            socket.setsockopt(zmq.IPV6, 1)
        try:
            socket.connect(endpoint)
        except zmq.ZMQError as error:
            raise ConfigurationError(
                f"{endpoint!r} is not an address to connect to ({error.strerror}); write it as tcp://127.0.0.1:5570"
            ) from error
        self._poller.register(socket, zmq.POLLIN)
        return socket

    def _read(self, socket: zmq.Socket[bytes]) -> Message | None:
        """One message, or None if it is of no interest: known already, or of a type from a later release."""
        parts = socket.recv_multipart()
        if socket is self._results:
            self._heard_s = time.monotonic()
        message = decode(parts)
        if message is None or not self._continuity.observe(message.header):
            return None
        if isinstance(message, Hello):
            self._status_interval_s = message.body.status_interval_s
        if isinstance(message, Event) and message.body.type == "stopping":
            self._heard_s = None
        return message

    def _silence_left_s(self) -> float | None:
        """How long the rig may still be silent; None before it was heard and after it stopped."""
        if self._heard_s is None:
            return None
        return max(0.0, self._heard_s + MISSED_STATUS * self._status_interval_s - time.monotonic())
