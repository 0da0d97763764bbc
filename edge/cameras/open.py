"""From a URI to a camera."""

from __future__ import annotations

import glob
import logging
import re
from collections.abc import Callable
from pathlib import Path

from edge.cameras.files import PICTURE_SUFFIXES, FilesCamera, existing_path, find_pictures
from edge.cameras.opencv import open_csi, open_rtsp, open_v4l2, redact
from edge.cameras.options import CameraOptions
from edge.cameras.protocol import Camera
from edge.cameras.video import VIDEO_SUFFIXES, VideoFileCamera
from edge.errors import CameraOpenError

log = logging.getLogger(__name__)

URI_KINDS = (
    ("0", "video device number 0, the same as /dev/video0 and v4l2://0"),
    ("/dev/video0", "a video device by its path, also /dev/v4l/by-id/..."),
    ("csi://0", "CSI sensor of a Jetson (needs OpenCV with GStreamer)"),
    ("rtsp://host/path", "network stream"),
    ("file://video.mp4", "video file, or one picture"),
    ("dir://folder", "every picture of a folder, in natural order"),
    ("'folder/*.jpg'", "every picture that matches; quoted, so that the shell leaves it alone"),
    ("synth://smear?seed=1&fps=30&size=2048x1536", "simulated blood smear"),
)


def open_camera(uri: str, options: CameraOptions | None = None) -> Camera:
    """Open the camera that `uri` names (see `URI_KINDS`).

    Without a scheme, digits are a video device, /dev/* is its path, and anything else a folder, a file or a glob.

    Raises
    ------
    CameraOpenError : it does not exist, is of an unknown kind or delivers no picture
    BackendMissingError : this machine's OpenCV cannot reach that kind
    """
    options = options or CameraOptions()
    scheme, rest = _split(uri)
    if scheme in _WITHOUT_MODE and options.asked_settings:
        settings = ", ".join(options.asked_settings)
        log.warning("%s has no %s to set; its pictures come as they are", redact(uri), settings)
    if scheme in _OPENERS:
        return _OPENERS[scheme](rest, options)
    if scheme in ("rtsp", "rtsps"):
        return open_rtsp(uri, options)
    if scheme == "synth":
        from edge.cameras.synthetic import open_synthetic  # its drawing code is needed by no other camera

        return open_synthetic(uri)
    kinds = ", ".join(example for example, _ in URI_KINDS)
    raise CameraOpenError(f"{redact(uri)} is no kind of camera that this version knows; expected one of {kinds}")


def _split(uri: str) -> tuple[str, str]:
    """Scheme ("" for a path) and the rest."""
    match = re.match(r"([A-Za-z][A-Za-z0-9+.-]*)://", uri)
    if match:
        return match[1].lower(), uri[match.end() :]
    return ("v4l2" if uri.isdecimal() or uri.startswith("/dev/") else ""), uri


def _open_v4l2(rest: str, options: CameraOptions) -> Camera:
    return open_v4l2(rest or "0", options)


def _open_files(rest: str, options: CameraOptions) -> Camera:
    if not rest:
        raise CameraOpenError("the camera's path is empty; give a folder, a picture or a quoted glob such as 'a/*.jpg'")
    path = existing_path(rest)
    if path is not None and path.is_file() and path.suffix.lower() not in PICTURE_SUFFIXES:
        return _open_video(path, options)
    if path is None and not glob.has_magic(rest) and Path(rest).suffix.lower() in VIDEO_SUFFIXES:
        raise CameraOpenError(f"{rest} does not exist; give the path of a video file")
    return FilesCamera(find_pictures(rest), loop=options.loop)


def _open_video(path: Path, options: CameraOptions) -> Camera:
    if path.suffix.lower() not in VIDEO_SUFFIXES:
        raise CameraOpenError(
            f"{path} is neither a picture ({' '.join(sorted(PICTURE_SUFFIXES))}) "
            f"nor a video ({' '.join(sorted(VIDEO_SUFFIXES))}), judged by its suffix"
        )
    return VideoFileCamera(path, options)


_WITHOUT_MODE = ("", "dir", "file", "synth")
_OPENERS: dict[str, Callable[[str, CameraOptions], Camera]] = {
    "": _open_files,
    "dir": _open_files,
    "file": _open_files,
    "v4l2": _open_v4l2,
    "csi": open_csi,
}
