"""What every sink offers to the loop."""

from __future__ import annotations

from typing import Protocol

from edge.types import SegmentedFrame


class Sink(Protocol):
    """Takes results away from the loop.

    Attributes
    ----------
    required : True if a failure must end the run (a recording); False for best effort (a window, a publisher), whose
        failures are logged once per streak and counted
    """

    name: str
    required: bool

    def write(self, result: SegmentedFrame) -> None:
        """Called by the loop's thread once per segmented frame, in order. Must not block for long."""
        ...

    def close(self) -> None:
        """Called once, when the loop ends, also after an error."""
        ...
