"""The messages of the link as types; `docs/wire-format.md` says the same in words, `schema/` as JSON Schema."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal

import msgspec
import numpy as np
from numpy.typing import NDArray

from edge.link.rle import decode_counts

VERSION = 1
"""Raised only when an old reader would misunderstand; a new field alone does not raise it."""
DEFAULT_ENDPOINT = "tcp://127.0.0.1:5570"
DEFAULT_IMAGES_ENDPOINT = "tcp://127.0.0.1:5572"
RESULTS_HIGH_WATER_MARK = 256
"""Messages waiting for one subscriber: about 8 s at 30 frames a second and, at 15 kB each, 4 MB. Beyond it libzmq keeps
the oldest and drops the new ones for that subscriber alone, whose `seq` then jumps."""
IMAGES_HIGH_WATER_MARK = 2
"""Pictures are for looking at: one on its way and one waiting, rather than a queue of old ones."""
IMAGES_BUFFER_BYTES = 512 * 1024
"""Kernel buffer of each side of the image link: unlimited, it would hide seconds of old pictures below the mark."""

MessageType = Literal["hello", "status", "result", "event", "frame"]
Encoding = Literal["json", "msgpack"]
Count = Annotated[int, msgspec.Meta(ge=0)]


class Part(msgspec.Struct, frozen=True, kw_only=True):
    """One blob that follows the body: its name and its media type."""

    name: str
    type: str


class Header(msgspec.Struct, frozen=True, kw_only=True):
    """Second part of every message, always JSON.

    `schema` is "wbc." and the message type. `seq` counts the messages of one topic in one session from 0; a message
    that is sent again keeps its number. `frame`, `t_capture_ns` (Unix epoch), `t_mono_ns` (monotonic clock of the
    sender) and `clock` belong to the camera's frame; a message that is about no frame has `frame` null and the time at
    which it was made. `enc` is the encoding of the body. `parts` names the blobs after the body.
    """

    schema: str
    v: Annotated[int, msgspec.Meta(ge=1)]
    rig: str
    camera: str
    session: str
    seq: Count
    frame: Count | None
    t_capture_ns: int
    t_mono_ns: int
    clock: Literal["host", "device"]
    enc: Encoding
    parts: tuple[Part, ...] = ()

    @property
    def type(self) -> str:
        """The message type, the last word of the topic."""
        return self.schema.removeprefix("wbc.")

    @property
    def topic(self) -> str:
        return f"wbc/{self.v}/{self.rig}/{self.camera}/{self.type}"


class ModelInfo(msgspec.Struct, frozen=True, kw_only=True):
    """The model that made a result; `sha256` is the hash of its file, hexadecimal."""

    name: str
    sha256: str
    precision: str
    backend: str


class HelloBody(msgspec.Struct, frozen=True, kw_only=True):
    """Who is speaking. `images_endpoint` is where pictures are published, null where they are not."""

    software: str
    camera_mode: str
    model: ModelInfo
    classes: tuple[str, ...]
    threshold: float
    um_per_px: float | None
    images_endpoint: str | None
    status_interval_s: float
    started_t_ns: int


class FrameCounts(msgspec.Struct, frozen=True, kw_only=True):
    """Where every captured frame went: captured = segmented + sum(dropped) + failed, exactly."""

    captured: Count
    segmented: Count
    dropped: dict[str, Count]
    failed: Count


class StatusBody(msgspec.Struct, frozen=True, kw_only=True):
    """Sign of life. `fps` is segmented frames a second over the last few seconds; `subscribers` counts connections.

    `unpublished` counts results that the publisher itself had to skip; their `seq` is skipped too.
    """

    uptime_s: float
    fps: float
    subscribers: Count
    frames: FrameCounts
    unpublished: Count


class EventBody(msgspec.Struct, frozen=True, kw_only=True):
    """Something that happened once; "stopping" is the last message of a session."""

    type: str
    message: str


class ImageInfo(msgspec.Struct, frozen=True, kw_only=True):
    """Size of the source picture in px and its scale, null where that is unknown."""

    width: Count
    height: Count
    um_per_px: float | None


class CalibrationInfo(msgspec.Struct, frozen=True, kw_only=True):
    """The optical calibration that was applied to the picture; `id` null where there was none."""

    id: str | None = None
    applied: tuple[str, ...] = ()


class StagePose(msgspec.Struct, frozen=True, kw_only=True):
    """Where the stage was at mid-exposure."""

    x_um: float
    y_um: float
    z_um: float
    moving: bool
    t_ns: int


class QualityInfo(msgspec.Struct, frozen=True, kw_only=True):
    """What can be said of the picture; `countable` false if the count cannot be trusted, for the `reasons` given."""

    focus: float
    clip_hi: float
    bg_rgb: tuple[int, int, int]
    countable: bool
    reasons: tuple[str, ...]


class MaskRle(msgspec.Struct, frozen=True, kw_only=True):
    """COCO compressed run lengths of the full picture, column by column; `size` is height and width in px."""

    size: tuple[int, int]
    counts: str


class Cell(msgspec.Struct, frozen=True, kw_only=True):
    """One cell. `bbox` is x, y, width, height in px; centroid and areas are those of the mask.

    `id` counts within one frame. A cell whose mask has no pixel has area 0 and its box's centre as centroid.
    """

    id: Count
    label: str
    score: float
    bbox: tuple[float, float, float, float]
    mask: MaskRle
    centroid_px: tuple[float, float]
    area_px: Count
    area_um2: float | None
    touches_border: bool


class ResultBody(msgspec.Struct, frozen=True, kw_only=True):
    """What was found in one frame.

    `truncated` means that the picture held more cells than the model has slots. `timing_ms` has the keys queue, pre,
    infer, post and total. `drops` counts the frames dropped so far in the session, by cause.
    """

    source: str
    image: ImageInfo
    model: ModelInfo
    calib: CalibrationInfo | None
    stage: StagePose | None
    quality: QualityInfo | None
    truncated: bool
    cells: tuple[Cell, ...]
    timing_ms: dict[str, float]
    drops: dict[str, Count]


class ImageBody(msgspec.Struct, frozen=True, kw_only=True):
    """The picture of a frame, made smaller: size of the blob and of the source picture, px."""

    source: str
    width: Count
    height: Count
    source_width: Count
    source_height: Count


Body = HelloBody | StatusBody | ResultBody | EventBody | ImageBody


@dataclass(frozen=True, slots=True, kw_only=True)
class Hello:
    """A rig introduces itself."""

    header: Header
    body: HelloBody


@dataclass(frozen=True, slots=True, kw_only=True)
class Status:
    """A rig is alive."""

    header: Header
    body: StatusBody


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """The cells of one frame."""

    header: Header
    body: ResultBody

    @property
    def cells(self) -> tuple[Cell, ...]:
        return self.body.cells


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """Something that happened once."""

    header: Header
    body: EventBody


@dataclass(frozen=True, slots=True, kw_only=True)
class Image:
    """The picture of one frame as a JPEG file."""

    header: Header
    body: ImageBody
    jpeg: bytes


Message = Hello | Status | Result | Event | Image


def decode_mask(cell: Cell) -> NDArray[np.bool_]:
    """The cell's pixels, bool [H, W] of the full picture; raises LinkError if the counts are damaged."""
    height, width = cell.mask.size
    return decode_counts(cell.mask.counts, height, width)
