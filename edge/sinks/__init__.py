"""Takers of results, one file each, behind one protocol."""

from edge.sinks.fan_out import FanOut
from edge.sinks.protocol import Sink

__all__ = ["FanOut", "Sink"]
