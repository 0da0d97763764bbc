"""What can go wrong between a rig and its subscribers."""

from __future__ import annotations

from edge.errors import EdgeError


class LinkError(EdgeError):
    """Bytes from the network that are not a message this program can read."""


class RigDeadError(LinkError):
    """A rig that was there has missed three of its status messages without saying goodbye."""
