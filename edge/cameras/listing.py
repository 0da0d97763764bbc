"""The video devices of this machine, for `--list-cameras`."""

from __future__ import annotations

from pathlib import Path

import cv2
import natsort

from edge.cameras.open import URI_KINDS


def list_cameras() -> str:
    """A text with one line for each video device and one for each kind of URI. Opens each device for a moment."""
    devices = natsort.natsorted(Path("/dev").glob("video*"))
    lines = [_describe(device) for device in devices] or ["no /dev/video* on this machine"]
    width = max(len(example) for example, _ in URI_KINDS)
    kinds = [f"  {example:<{width}}  {meaning}" for example, meaning in URI_KINDS]
    return "\n".join(["video devices:", *(f"  {line}" for line in lines), "", "--camera takes:", *kinds])


def _describe(device: Path) -> str:
    name_file = Path("/sys/class/video4linux") / device.name / "name"
    name = name_file.read_text().strip() if name_file.is_file() else "unnamed"
    capture = cv2.VideoCapture(int(device.name.removeprefix("video")), cv2.CAP_V4L2)
    try:
        if not capture.isOpened():
            return f"{device}  {name}  (does not open: in use, no permission or no picture source)"
        width, height = capture.get(cv2.CAP_PROP_FRAME_WIDTH), capture.get(cv2.CAP_PROP_FRAME_HEIGHT)
        return f"{device}  {name}  {width:g}x{height:g}"
    finally:
        capture.release()
