"""Bytes <-> messages: topic, JSON header, body, blobs. Pure; see `docs/wire-format.md`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

import msgspec

from edge.link.errors import LinkError
from edge.link.messages import (
    VERSION,
    Body,
    Event,
    EventBody,
    Header,
    Hello,
    HelloBody,
    Image,
    ImageBody,
    Message,
    Result,
    ResultBody,
    Status,
    StatusBody,
)

_CHECK = "check that the endpoint belongs to an edge-run publisher"
BodyT = TypeVar("BodyT", HelloBody, StatusBody, ResultBody, EventBody, ImageBody)


class _Version(msgspec.Struct, frozen=True):
    """The two fields that every version of the header has."""

    schema: str
    v: int


def encode(header: Header, body: Body, blobs: Sequence[bytes] = ()) -> list[bytes]:
    """One message as the parts of a ZeroMQ multipart message."""
    payload = msgspec.json.encode(body) if header.enc == "json" else msgspec.msgpack.encode(body)
    return [header.topic.encode(), msgspec.json.encode(header), payload, *blobs]


def decode(parts: Sequence[bytes]) -> Message | None:
    """Read one multipart message.

    Fields that this program does not know are passed over, for the format may grow.

    Returns
    -------
    The message, or None if its type is none that this program knows (a later release may have added it)

    Raises
    ------
    LinkError
        if the message is broken or of another version
    """
    if len(parts) < 3:
        raise LinkError(f"a message has {len(parts)} parts but topic, header and body were expected; {_CHECK}")
    header = _decode_header(parts[1])
    if parts[0] != header.topic.encode():
        raise LinkError(f"a message's topic is {parts[0][:80]!r} but its header says {header.topic!r}; {_CHECK}")
    blobs = parts[3:]
    if len(blobs) != len(header.parts):
        raise LinkError(f"{header.topic} names {len(header.parts)} blobs but {len(blobs)} came; {_CHECK}")
    return _build(header, parts[2], blobs)


def _decode_header(data: bytes) -> Header:
    try:
        version = msgspec.json.decode(data, type=_Version)
        if version.v != VERSION:
            raise LinkError(
                f"the rig speaks version {version.v} of the wire format but this program reads version {VERSION}; "
                f"update the {'subscriber' if version.v > VERSION else 'rig'}"
            )
        return msgspec.json.decode(data, type=Header)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise LinkError(f"a message's header cannot be read ({error}); {_CHECK}") from error


def _build(header: Header, payload: bytes, blobs: Sequence[bytes]) -> Message | None:
    match header.schema:
        case "wbc.hello":
            return Hello(header=header, body=_decode_body(header, payload, HelloBody))
        case "wbc.status":
            return Status(header=header, body=_decode_body(header, payload, StatusBody))
        case "wbc.result":
            return Result(header=header, body=_decode_body(header, payload, ResultBody))
        case "wbc.event":
            return Event(header=header, body=_decode_body(header, payload, EventBody))
        case "wbc.frame":
            if not blobs:
                raise LinkError(f"{header.topic} came without its picture; {_CHECK}")
            return Image(header=header, body=_decode_body(header, payload, ImageBody), jpeg=bytes(blobs[0]))
        case _:
            return None


def _decode_body(header: Header, payload: bytes, kind: type[BodyT]) -> BodyT:
    try:
        if header.enc == "json":
            return msgspec.json.decode(payload, type=kind)
        return msgspec.msgpack.decode(payload, type=kind)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise LinkError(
            f"the body of {header.topic} number {header.seq} cannot be read as {header.enc} ({error}); {_CHECK}"
        ) from error
