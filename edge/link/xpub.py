"""The publishing end of the link: a ZeroMQ XPUB socket that knows who listens."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import zmq
from zmq.utils.monitor import recv_monitor_message

from edge.link.endpoint import bind

LINGER_MS = 1000
"""How long closing waits for the last messages to leave."""
_SUBSCRIBE, _UNSUBSCRIBE = 1, 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Depth:
    """How much may wait for one subscriber: messages in libzmq, bytes in the kernel (-1: what the system chooses)."""

    messages: int
    kernel_bytes: int = -1


class XpubSocket:
    """An XPUB socket. Made and bound in any thread, then used by one thread only.

    Subscriptions are confirmed by hand (XPUB_MANUAL, which also reports each one as XPUB_VERBOSE would). libzmq would
    otherwise let a subscriber in while a result is being sent, and that result would reach it before the hello.

    Attributes
    ----------
    endpoint : the bound address, a wildcard port resolved
    """

    def __init__(self, endpoint: str, depth: Depth, zmq_context: zmq.Context[zmq.Socket[bytes]] | None = None) -> None:
        """Bind `endpoint`, already checked; raises what `edge.link.endpoint.bind` raises."""
        self._own_context = zmq_context is None
        self._context = zmq_context or zmq.Context()
        self._socket = self._context.socket(zmq.XPUB)
        self._socket.setsockopt(zmq.LINGER, LINGER_MS)
        self._socket.setsockopt(zmq.SNDHWM, depth.messages)
        self._socket.setsockopt(zmq.SNDBUF, depth.kernel_bytes)
        self._socket.setsockopt(zmq.XPUB_MANUAL, 1)
        self._monitor = self._socket.get_monitor_socket(zmq.EVENT_ACCEPTED | zmq.EVENT_DISCONNECTED)
        self._connected: set[int] = set()
        self._topics: Counter[bytes] = Counter()
        try:
            self.endpoint = bind(self._socket, endpoint)
        except BaseException:
            self.close()
            raise

    def admit(self) -> bool:
        """Let waiting subscribers in and forget those that left; True if there is a new subscription.

        What the new subscriber must see first has to be sent before anything else is.
        """
        admitted = False
        while self._socket.poll(0):
            message = self._socket.recv()
            kind, topic = message[:1], message[1:]
            if kind == bytes([_SUBSCRIBE]):
                self._socket.setsockopt(zmq.SUBSCRIBE, topic)
                self._topics[topic] += 1
                admitted = True
            elif kind == bytes([_UNSUBSCRIBE]):
                self._socket.setsockopt(zmq.UNSUBSCRIBE, topic)
                self._topics -= Counter([topic])
        return admitted

    def is_wanted(self, topic: str) -> bool:
        """True if a subscription covers `topic`."""
        name = topic.encode()
        return any(name.startswith(prefix) for prefix in self._topics)

    def count_connections(self) -> int:
        """Subscribers connected now (0 for inproc, which has no connections)."""
        # By file descriptor; libzmq gives none with HANDSHAKE_SUCCEEDED, so a connection counts from its acceptance.
        while self._monitor.poll(0):
            event = recv_monitor_message(self._monitor)
            if event["event"] == zmq.Event.ACCEPTED:
                self._connected.add(event["value"])
            elif event["event"] == zmq.Event.DISCONNECTED:
                self._connected.discard(event["value"])
        return len(self._connected)

    def send(self, parts: Sequence[bytes]) -> None:
        """Send to all subscribers of the topic; a subscriber whose queue is full misses it, nobody waits."""
        self._socket.send_multipart(parts, zmq.DONTWAIT)

    def close(self) -> None:
        """Close after at most `LINGER_MS`."""
        self._socket.disable_monitor()
        self._monitor.close(0)
        self._socket.close()
        if self._own_context:
            self._context.term()
