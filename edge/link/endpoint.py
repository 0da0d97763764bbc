"""Addresses that may be bound, and what to say when one cannot be."""

from __future__ import annotations

import errno
import ipaddress
import re
import socket
from pathlib import Path

import zmq

from edge.errors import ConfigurationError, EndpointInUseError

_TCP = re.compile(r"tcp://(?P<host>\[[^\]]+\]|[^:\[\]/]+):(?P<port>\*|\d{1,5})")
_LOCAL = re.compile(r"(ipc|inproc)://.+", re.DOTALL)


def check_endpoint(endpoint: str, *, insecure_bind: bool) -> str:
    """The address to hand to `bind`.

    Raises
    ------
    ConfigurationError
        if it is no ZeroMQ address, or can be reached from other machines and `insecure_bind` is False
    """
    if _LOCAL.fullmatch(endpoint):
        return endpoint
    match = _TCP.fullmatch(endpoint)
    if match is None or (match["port"] != "*" and int(match["port"]) > 65535):
        raise ConfigurationError(
            f"{endpoint!r} is not an address that can be bound; write it as tcp://127.0.0.1:5570 or ipc:///path"
        )
    if match["host"] == "localhost":
        # libzmq resolves no names when it binds.
        return f"tcp://127.0.0.1:{match['port']}"
    if not insecure_bind and not _is_loopback(match["host"].strip("[]")):
        raise ConfigurationError(
            f"{endpoint} can be reached from other machines and its traffic is neither encrypted nor authenticated; "
            "bind a loopback address such as tcp://127.0.0.1:5570, or allow it with --insecure-bind"
        )
    return endpoint


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def bind(zmq_socket: zmq.Socket[bytes], endpoint: str) -> str:
    """Bind a checked address and return the one that was bound (a wildcard port has become a number).

    Raises
    ------
    EndpointInUseError
        if somebody else listens there
    ConfigurationError
        if the machine does not have the address or does not allow it
    """
    if endpoint.startswith("ipc://") and _is_answered(endpoint.removeprefix("ipc://")):
        raise EndpointInUseError(_in_use(endpoint))
    if endpoint.startswith("tcp://["):
        zmq_socket.setsockopt(zmq.IPV6, 1)
    try:
        zmq_socket.bind(endpoint)
    except zmq.ZMQError as error:
        if error.errno == errno.EADDRINUSE:
            raise EndpointInUseError(_in_use(endpoint)) from error
        raise ConfigurationError(
            f"{endpoint} cannot be bound ({error.strerror}); give an address that this machine has"
        ) from error
    bound = zmq_socket.getsockopt(zmq.LAST_ENDPOINT)
    return bound.rstrip(b"\0").decode() if isinstance(bound, bytes) else endpoint


def _in_use(endpoint: str) -> str:
    return f"{endpoint} is in use by another process; stop that process or choose another address"


def _is_answered(path: str) -> bool:
    """True if a process listens on the Unix socket; libzmq would silently take its file away."""
    if not Path(path).is_socket():
        return False
    with socket.socket(socket.AF_UNIX) as probe:
        try:
            probe.connect(path)
        except OSError:
            return False
    return True
