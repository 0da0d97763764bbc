"""A publisher with counters for the tests of both ends of the link."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from edge.link import Event, Subscriber
from edge.sinks.publish import Publisher, PublishOptions
from tests.edge.link.samples import CONTEXT, Account

PATIENCE_S = 20.0
"""Longer than any message takes on a busy machine; only a failing test waits so long."""


def options(**changes) -> PublishOptions:
    ports = {"endpoint": "tcp://127.0.0.1:*", "images_endpoint": "tcp://127.0.0.1:*"}
    return PublishOptions(**(ports | {"rig": "lab", "camera": "smear"} | changes))


@contextmanager
def publishing(account: Account | None = None, **changes) -> Iterator[Publisher]:
    counters = account or Account()
    publisher = Publisher(options(**changes), CONTEXT, lambda: counters)
    try:
        yield publisher
    finally:
        publisher.close()


def receive_until(subscriber: Subscriber, kind: type, count: int = 1) -> list:
    """All messages up to the `count`th of `kind`."""
    received: list = []
    while sum(isinstance(message, kind) for message in received) < count:
        message = subscriber.receive(PATIENCE_S)
        assert message is not None, f"no {kind.__name__} came; got {[type(m).__name__ for m in received]}"
        received.append(message)
    return received


def receive_rest(subscriber: Subscriber) -> list:
    """All messages up to the `stopping` event."""

    return receive_until(subscriber, Event)
