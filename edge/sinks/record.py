"""The recorder: one line of JSON per frame, and annotated pictures where they are wanted."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

import cv2
import msgspec

from edge.cameras.files import PICTURE_SUFFIXES
from edge.draw import OverlayStyle, draw_result
from edge.errors import ConfigurationError, DiskFullError
from edge.link.body import ResultContext, result_body
from edge.types import SegmentedFrame

RESULTS_FILE = "results.jsonl"
PICTURES_FOLDER = "pictures"
JPEG_QUALITY = 92


class Recorder:
    """A required sink that writes `results.jsonl`, one result body per frame just as it is published.

    Each line is handed to the operating system whole before the next frame, so that a kill loses at most the frame in
    hand and leaves only whole lines.

    Parameters
    ----------
    folder : made if missing
    drops : gives the frames dropped so far, by cause
    style : how to draw the annotated pictures in `folder`/pictures; None for no pictures

    Raises
    ------
    ConfigurationError : the folder holds a run already or cannot be written to
    """

    name = "record"
    required = True

    def __init__(
        self,
        folder: Path,
        context: ResultContext,
        drops: Callable[[], Mapping[str, int]],
        style: OverlayStyle | None = None,
    ) -> None:
        self._folder = folder
        self._context = context
        self._drops = drops
        self._style = style
        self._encoder = msgspec.json.Encoder()
        self._frames = 0
        self._pictures = folder / PICTURES_FOLDER
        if (folder / RESULTS_FILE).exists() or self._pictures.exists():
            raise ConfigurationError(f"{folder} already holds a run; record to another folder or move that run away")
        try:
            folder.mkdir(parents=True, exist_ok=True)
            if style is not None:
                self._pictures.mkdir()
            # Unbuffered: a line goes to the operating system in one piece, and outlives this process.
            self._file = (folder / RESULTS_FILE).open("xb", buffering=0)
        except OSError as error:
            raise ConfigurationError(
                f"{folder} cannot be recorded to ({error.strerror}); give a folder that can be written"
            ) from error

    def write(self, result: SegmentedFrame) -> None:
        """Write one frame; raises DiskFullError if it cannot be written."""
        body = result_body(result, replace(self._context, drops=dict(self._drops())))
        try:
            if self._style is not None:
                self._write_picture(result, self._style)
            self._append(self._encoder.encode(body) + b"\n")
        except OSError as error:
            raise DiskFullError(
                f"the recording in {self._folder} ended after {self._frames} frames ({error.strerror}); "
                "make room on the disk and record to another folder"
            ) from error
        self._frames += 1

    def close(self) -> None:
        self._file.close()

    def _append(self, line: bytes) -> None:
        """Write a line or nothing of it."""
        start = self._file.tell()
        try:
            rest = memoryview(line)
            while rest:
                rest = rest[self._file.write(rest) :]
        except OSError:
            with contextlib.suppress(OSError):
                self._file.truncate(start)
            raise

    def _write_picture(self, result: SegmentedFrame, style: OverlayStyle) -> None:
        """Named after the source; a camera's frames, and a name that comes again, get the frame's number too."""
        source = Path(result.frame.source)
        from_file = source.suffix.lower() in PICTURE_SUFFIXES
        name = re.sub(r"[^\w.()+-]+", "_", str(source.with_suffix("")) if from_file else str(source)).strip("_.")
        path = self._pictures / f"{name}.jpg"
        if not from_file or path.exists():
            path = self._pictures / f"{name}-{result.frame.index:06d}.jpg"
        drawn = draw_result(result.frame.image, result, style)
        _, jpeg = cv2.imencode(".jpg", drawn, [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY])
        try:
            path.write_bytes(jpeg.tobytes())
        except OSError:
            with contextlib.suppress(OSError):
                path.unlink(missing_ok=True)
            raise
