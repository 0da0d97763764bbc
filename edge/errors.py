"""Errors that end a run, each with the exit code that the README documents.

A message is one sentence for the person at the rig: what was given, what was expected, what to do.
"""

from __future__ import annotations

from typing import ClassVar


class EdgeError(Exception):
    """Base of all errors that a user can cause or mend."""

    exit_code: ClassVar[int] = 1


class UsageError(EdgeError):
    """The command line cannot be understood."""

    exit_code = 2


class ConfigurationError(EdgeError):
    """A setting has a value that cannot be used."""

    exit_code = 3


class CameraOpenError(EdgeError):
    """The camera does not exist or delivers no picture."""

    exit_code = 4


class ModelError(EdgeError):
    """The model or engine is missing, unreadable, incompatible or unverified."""

    exit_code = 5


class CameraLostError(EdgeError):
    """The camera stopped delivering and did not come back."""

    exit_code = 6


class ControllerError(EdgeError):
    """The stage or light controller does not answer."""

    exit_code = 7


class EndpointInUseError(EdgeError):
    """Another process holds the network endpoint."""

    exit_code = 8


class BackendMissingError(EdgeError):
    """A GPU, a display or a library that was asked for is not there."""

    exit_code = 9


class DiskFullError(EdgeError):
    """A recording could not be written."""

    exit_code = 10
