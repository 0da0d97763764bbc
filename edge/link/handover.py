"""Hand-over from the loop to a slower thread: it never blocks the giver and counts what it throws away."""

from __future__ import annotations

from collections import deque
from threading import Condition
from typing import Generic, TypeVar

T = TypeVar("T")


class Handover(Generic[T]):
    """A queue that drops its oldest item when it is full. Any thread."""

    def __init__(self, capacity: int) -> None:
        self._items: deque[T] = deque()
        self._capacity = capacity
        self._changed = Condition()
        self._dropped = 0

    def put(self, item: T) -> None:
        """Add an item; returns at once."""
        with self._changed:
            if len(self._items) == self._capacity:
                self._items.popleft()
                self._dropped += 1
            self._items.append(item)
            self._changed.notify()

    def take(self, timeout_s: float) -> T | None:
        """The oldest item, or None if none came within `timeout_s`."""
        with self._changed:
            self._changed.wait_for(lambda: self._items, timeout_s)
            return self._items.popleft() if self._items else None

    @property
    def dropped(self) -> int:
        """Items thrown away so far."""
        return self._dropped
