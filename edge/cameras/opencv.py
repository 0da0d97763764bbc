"""The live cameras that OpenCV can open: V4L2 devices, CSI sensors through GStreamer, RTSP streams."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import cv2

from edge.cameras.device import DeviceCamera
from edge.cameras.options import CameraOptions
from edge.cameras.reader import Capture, DeviceSource, open_capture
from edge.errors import BackendMissingError, CameraOpenError

LOCAL_SCHEMES = frozenset({"csi", "dir", "file", "synth", "v4l2"})
V4L2_MANUAL_EXPOSURE = 1
V4L2_EXPOSURE_UNIT_US = 100


def topic_name(text: str) -> str:
    """`text` as a name for topics: runs of other characters than [A-Za-z0-9_] become one '-'."""
    return re.sub(r"[^A-Za-z0-9_]+", "-", text).strip("-") or "camera"


def existing_devices() -> str:
    """The video devices of this machine in words."""
    devices = sorted(str(path) for path in Path("/dev").glob("video*"))
    return f"this machine has {', '.join(devices)}" if devices else "this machine has no /dev/video*"


def open_v4l2(device: str, options: CameraOptions) -> DeviceCamera:
    """A camera by its index ("0") or its path ("/dev/video0", "/dev/v4l/by-id/...")."""
    path = Path(f"/dev/video{device}" if device.isdecimal() else device)
    stable = _stable_path(path)

    def connect() -> tuple[Capture, str]:
        target = re.fullmatch(r"/dev/video(\d+)", str(stable.resolve()))
        backend = cv2.CAP_V4L2 if sys.platform.startswith("linux") else cv2.CAP_ANY
        capture = open_capture(int(target[1]) if target else str(stable), backend)
        return capture, _configure(capture, options)

    return DeviceCamera(
        DeviceSource(
            name=topic_name(path.name),
            label=str(path),
            open=connect,
            advice=lambda: _device_advice(path),
            repeats_mean_loss=True,
        ),
        options,
    )


def _device_advice(path: Path) -> str:
    if path.exists():
        return "it is there, so see whether another program holds it and whether this user may read it (group video)"
    return f"{existing_devices()}; see `edge-run --list-cameras`"


def open_csi(sensor: str, options: CameraOptions) -> DeviceCamera:
    """A CSI sensor of a Jetson by its number, through `nvarguscamerasrc`."""
    if not sensor.isdecimal():
        raise CameraOpenError(f"csi://{sensor} names no sensor; give its number, such as csi://0")
    if "GStreamer:                   YES" not in cv2.getBuildInformation():
        raise BackendMissingError(
            f"csi://{sensor} needs an OpenCV built with GStreamer and this one ({cv2.__version__}) is not; "
            "use the system's OpenCV (on a Jetson, the package python3-opencv)"
        )
    pipeline = csi_pipeline(int(sensor), options)

    def connect() -> tuple[Capture, str]:
        capture = open_capture(pipeline, cv2.CAP_GSTREAMER)
        return capture, _mode_in_words(capture, options)

    return DeviceCamera(
        DeviceSource(
            name=f"csi{sensor}",
            label=f"csi://{sensor}",
            open=connect,
            advice=lambda: "check the ribbon cable and that no other program holds the sensor",
            repeats_mean_loss=True,
        ),
        options,
    )


def csi_pipeline(sensor: int, options: CameraOptions) -> str:
    """The GStreamer pipeline from a CSI sensor to BGR frames in memory, newest only."""
    source = f"nvarguscamerasrc sensor-id={sensor}"
    if options.exposure_us is not None:
        exposure_ns = round(options.exposure_us * 1000)
        source += f' exposuretimerange="{exposure_ns} {exposure_ns}" aelock=true'
    if options.gain is not None:
        source += f' gainrange="{options.gain:g} {options.gain:g}"'
    caps = "video/x-raw(memory:NVMM)"
    caps += f", width={options.width}" if options.width else ""
    caps += f", height={options.height}" if options.height else ""
    caps += f", framerate={round(options.fps * 1000)}/1000" if options.fps else ""
    return (
        f"{source} ! {caps} ! nvvidconv ! video/x-raw, format=BGRx ! videoconvert ! video/x-raw, format=BGR ! "
        "appsink drop=true max-buffers=1 sync=false"
    )


def open_rtsp(url: str, options: CameraOptions) -> DeviceCamera:
    """A network stream. The URL's credentials reach FFmpeg alone: neither logs nor results."""
    label = redact(url)
    timeouts = [
        cv2.CAP_PROP_OPEN_TIMEOUT_MSEC,
        round(options.open_timeout_s * 1000),
        cv2.CAP_PROP_READ_TIMEOUT_MSEC,
        round(options.frame_timeout_s * 1000),
    ]

    def connect() -> tuple[Capture, str]:
        capture = open_capture(url, cv2.CAP_FFMPEG, timeouts)
        return capture, _mode_in_words(capture, options)

    host = re.sub(r"^\w+://(\*\*\*@)?", "", label)
    return DeviceCamera(
        DeviceSource(
            name=topic_name(f"rtsp-{host}"),
            label=label,
            open=connect,
            advice=lambda: "check address, user, password and that the camera is switched on",
            repeats_mean_loss=False,
        ),
        options,
    )


def redact(uri: str) -> str:
    """A network address without user, password and query; anything else as it is."""
    scheme = re.match(r"([A-Za-z][A-Za-z0-9+.-]*)://", uri)
    if scheme is None or scheme[1].lower() in LOCAL_SCHEMES:
        return uri
    return re.sub(r"\?.*$", "?***", re.sub(r"(://).*@", r"\1***@", uri))


def _configure(capture: Capture, options: CameraOptions) -> str:
    """Ask a device for a mode; say what it took."""
    wishes = [
        (cv2.CAP_PROP_FRAME_WIDTH, options.width),
        (cv2.CAP_PROP_FRAME_HEIGHT, options.height),
        (cv2.CAP_PROP_FPS, options.fps),
        (cv2.CAP_PROP_GAIN, options.gain),
    ]
    for prop, value in wishes:
        if value is not None:
            capture.set(prop, value)
    mode = _mode_in_words(capture, options)
    if options.gain is not None:
        mode += f"; asked gain {options.gain:g}, got {capture.get(cv2.CAP_PROP_GAIN):g}"
    if options.exposure_us is not None:
        capture.set(cv2.CAP_PROP_AUTO_EXPOSURE, V4L2_MANUAL_EXPOSURE)
        capture.set(cv2.CAP_PROP_EXPOSURE, options.exposure_us / V4L2_EXPOSURE_UNIT_US)
        got_us = capture.get(cv2.CAP_PROP_EXPOSURE) * V4L2_EXPOSURE_UNIT_US
        mode += f"; asked exposure {options.exposure_us:g} us, got {got_us:g} us"
    return mode


def _mode_in_words(capture: Capture, options: CameraOptions) -> str:
    width, height = capture.get(cv2.CAP_PROP_FRAME_WIDTH), capture.get(cv2.CAP_PROP_FRAME_HEIGHT)
    return f"asked {options.asked}, got {width:g}x{height:g}@{capture.get(cv2.CAP_PROP_FPS):g}"


def _stable_path(path: Path) -> Path:
    """The by-id link of a device, which stays the same when it is plugged in again; else the path itself."""
    if not path.exists():
        return path
    links = Path("/dev/v4l/by-id")
    matches = [link for link in links.glob("*") if link.resolve() == path.resolve()] if links.is_dir() else []
    return min(matches, default=path)
