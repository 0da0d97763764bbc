"""Messages as text: for people, as JSON lines, as CSV. Pure."""

from __future__ import annotations

import csv
import io

import msgspec

from edge.link.messages import Event, Hello, Image, Message, Result, Status

CSV_HEADER = (
    "rig,camera,session,seq,frame,t_capture_ns,source,id,label,score,x,y,width,height,"
    "centroid_x,centroid_y,area_px,area_um2,touches_border,truncated,countable"
)
_MOST_CELLS = 6
"""Cells named on one line; more are counted."""


def readable_lines(message: Message) -> list[str]:
    """What a person wants to know of a message; plain ASCII, as a terminal may be."""
    match message:
        case Hello():
            return [_hello_line(message)]
        case Status():
            return [_status_line(message)]
        case Result():
            return [_result_line(message)]
        case Event():
            return [f"event   {message.body.type}: {message.body.message}"]
        case Image():
            return []


def _hello_line(message: Hello) -> str:
    header, body = message.header, message.body
    return (
        f"hello   {header.rig}/{header.camera}, {body.software}, model {body.model.name} {body.model.precision} "
        f"on {body.model.backend}, {body.camera_mode or 'camera mode unknown'}, session {header.session}"
    )


def _status_line(message: Status) -> str:
    body, frames = message.body, message.body.frames
    causes = ", ".join(f"{cause} {count}" for cause, count in sorted(frames.dropped.items()))
    subscribers = "1 subscriber" if body.subscribers == 1 else f"{body.subscribers} subscribers"
    return (
        f"status  up {body.uptime_s:.0f} s, {body.fps:.1f} frames/s, {frames.captured} captured = "
        f"{frames.segmented} segmented + {sum(frames.dropped.values())} dropped{f' ({causes})' if causes else ''} + "
        f"{frames.failed} failed, {subscribers}"
    )


def _result_line(message: Result) -> str:
    cells, body = message.cells, message.body
    words = [f"frame {message.header.frame} of {body.source}: {len(cells)} {'cell' if len(cells) == 1 else 'cells'}"]
    words += [f"{cell.label} {cell.score:.2f} ({_area(cell.area_px, cell.area_um2)})" for cell in cells[:_MOST_CELLS]]
    if len(cells) > _MOST_CELLS:
        words.append(f"and {len(cells) - _MOST_CELLS} more")
    if "total" in body.timing_ms:
        words.append(f"{body.timing_ms['total']:.1f} ms")
    if body.truncated:
        words.append("TRUNCATED: more cells than the model has slots")
    if body.quality is not None and body.quality.reasons:
        words.append(f"quality: {' '.join(body.quality.reasons)}")
    return "result  " + ", ".join(words)


def _area(area_px: int, area_um2: float | None) -> str:
    return f"{area_px} px" if area_um2 is None else f"{area_um2:.1f} um2"


def json_lines(message: Message) -> list[str]:
    """A result as one JSON object, the header's fields before those of the body; nothing for other messages."""
    if not isinstance(message, Result):
        return []
    merged = msgspec.to_builtins(message.header) | msgspec.to_builtins(message.body)
    return [msgspec.json.encode(merged).decode()]


def csv_lines(message: Message) -> list[str]:
    """One row for each cell of a result; nothing for other messages."""
    if not isinstance(message, Result):
        return []
    header, body = message.header, message.body
    before = (header.rig, header.camera, header.session, header.seq, header.frame, header.t_capture_ns, body.source)
    after = (body.truncated, None if body.quality is None else body.quality.countable)
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    for cell in body.cells:
        areas = (cell.area_px, cell.area_um2, cell.touches_border)
        writer.writerow((*before, cell.id, cell.label, cell.score, *cell.bbox, *cell.centroid_px, *areas, *after))
    return [text.getvalue().removesuffix("\n")] if body.cells else []
