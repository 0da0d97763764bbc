"""Picture files as a camera: a folder, a quoted glob or one picture, every frame, in natural order."""

from __future__ import annotations

import glob
import logging
import os
import threading
import time
from collections.abc import Iterator, Sequence
from itertools import count
from pathlib import Path
from urllib.parse import unquote

import cv2
import natsort
import numpy as np

from edge.cameras.picture_bytes import damage
from edge.errors import CameraOpenError
from edge.types import Frame, Image

log = logging.getLogger(__name__)

PICTURE_SUFFIXES = frozenset({".bmp", ".jpg", ".jpeg", ".png", ".tif", ".tiff", ".webp"})


def find_pictures(location: str) -> list[Path]:
    """The pictures that a folder, a glob or a file name stands for, in natural order (2.jpg before 10.jpg).

    In a folder, and with a glob, only files with a picture's suffix count. Masks that lie beside the images are
    pictures too: a folder of both is no list of frames, so ask for 'folder/*.jpg'.

    Raises
    ------
    CameraOpenError : nothing there, or no picture among it
    """
    path = existing_path(location)
    if path is not None and path.is_file():
        found = [path]
        if path.suffix.lower() not in PICTURE_SUFFIXES:
            raise CameraOpenError(f"{location} is not a picture; expected one of {_suffixes()}")
    elif path is not None:
        found = [item for item in path.iterdir() if item.is_file()]
    elif glob.has_magic(location):
        found = [Path(item) for item in glob.glob(os.path.expanduser(location), recursive=True)]  # noqa: PTH111, PTH207 - Path.glob takes no absolute pattern
        found = [item for item in found if item.is_file()]
    else:
        raise CameraOpenError(f"{location} does not exist; give a folder, a picture or a quoted glob such as 'a/*.jpg'")
    pictures = [item for item in found if item.suffix.lower() in PICTURE_SUFFIXES]
    if not pictures:
        raise CameraOpenError(
            f"{location} holds no picture ({len(found)} other files); expected files ending in {_suffixes()}"
        )
    if len(pictures) < len(found):
        log.info("%s: %d files that are no pictures are left out", location, len(found) - len(pictures))
    return natsort.natsorted(pictures, alg=natsort.ns.PATH)


def existing_path(location: str) -> Path | None:
    """The path as written or, if that does not exist, with %20 and the like decoded; None if neither exists."""
    for text in (location, unquote(location)):
        path = Path(text).expanduser()
        if path.exists():
            return path
    return None


def read_picture(path: Path) -> Image:
    """A picture file as uint8 BGR [H, W, 3]; raises ValueError with the reason if it is not whole."""
    try:
        data = path.read_bytes()
    except OSError as error:
        raise ValueError(error.strerror or str(error)) from error
    reason = damage(data)
    if reason is not None:
        raise ValueError(reason)
    try:
        image = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)
    except cv2.error as error:
        raise ValueError("the picture is too large or malformed") from error
    if image is None:
        raise ValueError("the file is not a picture that OpenCV can read")
    return np.asarray(image, np.uint8)


class FilesCamera:
    """Delivers every picture of a list once, or `loop` times (0: until closed); see `edge.cameras.protocol.Camera`.

    A picture that cannot be read is counted in `failed` each time, logged by name once, and left out.
    """

    live = False

    def __init__(self, paths: Sequence[Path], *, loop: int = 1) -> None:
        self.name = "files"
        self.failed = 0
        self.negotiated = f"{len(paths)} picture{'s' if len(paths) != 1 else ''}"
        self._loop = loop
        self._closed = threading.Event()
        self._paths = list(paths)
        self._logged: set[Path] = set()
        parents = {path.parent for path in paths}
        self._root = Path(os.path.commonpath(parents))

    def frames(self) -> Iterator[Frame]:
        """Yield the pictures; `source` is the file's name, with its folder where the list spans several.

        Raises
        ------
        CameraOpenError : not one of the pictures can be read
        """
        index = 0
        for turn in range(self._loop) if self._loop else count():
            for path in self._paths:
                if self._closed.is_set():
                    return
                frame = self._read(path, index)
                if frame is not None:
                    index += 1
                    yield frame
            if turn == 0 and index == 0:
                raise CameraOpenError(f"none of {self.negotiated} in {self._root} can be read; see the warnings above")

    def close(self) -> None:
        self._closed.set()

    def _read(self, path: Path, index: int) -> Frame | None:
        try:
            image = read_picture(path)
        except ValueError as error:
            self.failed += 1
            if path not in self._logged:
                self._logged.add(path)
                log.warning("%s cannot be read: %s", path, error)
            return None
        return Frame(
            image=image,
            index=index,
            source=path.relative_to(self._root).as_posix(),
            capture_t_ns=time.time_ns(),
            capture_mono_ns=time.monotonic_ns(),
        )


def _suffixes() -> str:
    return " ".join(sorted(PICTURE_SUFFIXES))
