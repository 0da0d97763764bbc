"""One result to all sinks: a required one may end the run, a best-effort one may not."""

from __future__ import annotations

import logging
from collections.abc import Sequence

from edge.sinks.protocol import Sink
from edge.types import SegmentedFrame

log = logging.getLogger(__name__)


class FanOut:
    """Writes each result to every sink, in order.

    A failure of a required sink is raised. One of a best-effort sink is counted in `failures` (by the sink's name) and
    logged once per streak.
    """

    def __init__(self, sinks: Sequence[Sink]) -> None:
        self._sinks = tuple(sinks)
        self._in_streak: set[str] = set()
        self.failures: dict[str, int] = {sink.name: 0 for sink in sinks if not sink.required}

    def write(self, result: SegmentedFrame) -> None:
        for sink in self._sinks:
            if sink.required:
                sink.write(result)
            else:
                self._try(sink, result)

    def _try(self, sink: Sink, result: SegmentedFrame) -> None:
        try:
            sink.write(result)
        except Exception as error:  # noqa: BLE001 - whatever a viewer does wrong, the run goes on
            self.failures[sink.name] += 1
            if sink.name not in self._in_streak:
                self._in_streak.add(sink.name)
                log.warning("%s failed and is tried again with each frame: %s", sink.name, error)
            return
        if sink.name in self._in_streak:
            self._in_streak.discard(sink.name)
            log.info("%s works again after %d failures in all", sink.name, self.failures[sink.name])
