from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest

from edge.cameras import device
from edge.cameras.device import DeviceCamera
from edge.cameras.opencv import csi_pipeline, open_csi, open_v4l2, redact, topic_name
from edge.cameras.options import CameraOptions
from edge.cameras.reader import DeviceSource
from edge.cameras.video import VideoFileCamera
from edge.errors import BackendMissingError, CameraLostError, CameraOpenError

FAST = CameraOptions(open_timeout_s=0.3, frame_timeout_s=0.15, repeat_limit_s=0.15, reconnect_s=0.5)


@pytest.fixture(autouse=True)
def short_pauses(monkeypatch):
    monkeypatch.setattr(device, "FIRST_PAUSE_S", 0.02)


class SimulatedDevice:
    """Stands for `cv2.VideoCapture`: reads what a script yields (a picture, or None for a failed read)."""

    def __init__(self, script: Iterator[np.ndarray | None], opened: bool = True) -> None:
        self._script = script
        self._opened = opened
        self.released = threading.Event()
        self.reading_thread: int | None = None
        self.releasing_thread: int | None = None

    def isOpened(self) -> bool:  # noqa: N802 - OpenCV's name
        return self._opened

    def read(self) -> tuple[bool, np.ndarray | None]:
        self.reading_thread = threading.get_ident()
        time.sleep(0.002)
        image = next(self._script)
        return image is not None, image

    def get(self, prop: int) -> float:
        return {cv2.CAP_PROP_FRAME_WIDTH: 1280.0, cv2.CAP_PROP_FRAME_HEIGHT: 720.0, cv2.CAP_PROP_FPS: 10.0}.get(prop, 0)

    def set(self, prop: int, value: float) -> bool:
        return False

    def release(self) -> None:
        self.releasing_thread = threading.get_ident()
        self.released.set()


def pictures(seed: int = 0) -> Iterator[np.ndarray]:
    rng = np.random.default_rng(seed)
    while True:
        yield rng.integers(0, 255, (48, 64, 3), dtype=np.uint8)


def fails() -> Iterator[np.ndarray | None]:
    while True:
        yield None


def hangs(release: threading.Event) -> Iterator[np.ndarray | None]:
    release.wait(20)
    yield None


def frozen() -> Iterator[np.ndarray]:
    image = next(pictures(5))
    while True:
        yield image.copy()


def first_then(count: int, rest: Iterator[np.ndarray | None]) -> Iterator[np.ndarray | None]:
    source = pictures()
    for _ in range(count):
        yield next(source)
    yield from rest


def camera_of(
    devices: list[SimulatedDevice], options: CameraOptions = FAST, repeats_mean_loss: bool = True
) -> DeviceCamera:
    """A camera whose successive openings yield these devices, then one that does not open."""
    waiting = list(devices)

    def connect() -> tuple[SimulatedDevice, str]:
        return (waiting.pop(0) if waiting else SimulatedDevice(fails(), opened=False)), "asked, got"

    return DeviceCamera(
        DeviceSource(
            name="sim", label="/dev/sim", open=connect, advice=lambda: "plug it in", repeats_mean_loss=repeats_mean_loss
        ),
        options,
    )


def take(camera: DeviceCamera, count: int) -> list[int]:
    indices = []
    for frame in camera.frames():
        indices.append(frame.index)
        if len(indices) == count:
            break
    return indices


def test_frames_are_numbered_and_carry_the_time_of_their_grab():
    camera = camera_of([SimulatedDevice(pictures())])
    frames = camera.frames()
    first, second = next(frames), next(frames)
    camera.close()
    assert (first.index, second.index, first.source) == (0, 1, "/dev/sim")
    assert 0 < second.capture_mono_ns - first.capture_mono_ns < 5e9
    assert abs(first.capture_t_ns - time.time_ns()) < 60e9
    assert camera.failed == 0


def test_one_thread_reads_and_releases_the_device():
    simulated = SimulatedDevice(pictures())
    camera = camera_of([simulated])
    take(camera, 3)
    camera.close()
    camera.close()
    assert simulated.released.wait(5)
    assert simulated.reading_thread == simulated.releasing_thread != threading.get_ident()


@pytest.mark.parametrize("script", [fails, lambda: iter([np.zeros((4, 4, 3), np.float32)])])
def test_a_device_that_opens_but_delivers_nothing_cannot_be_opened(script: Callable[[], Iterator[np.ndarray | None]]):
    with pytest.raises(CameraOpenError, match=r"/dev/sim cannot be opened: .*; plug it in"):
        camera_of([SimulatedDevice(script())])


def test_a_device_that_does_not_open_says_so():
    with pytest.raises(CameraOpenError, match="it does not open"):
        camera_of([])


def test_a_device_that_hangs_at_opening_does_not_hang_the_program():
    release = threading.Event()
    with pytest.raises(CameraOpenError, match="no frame"):
        camera_of([SimulatedDevice(hangs(release))])
    release.set()


def test_a_hanging_device_is_opened_again(caplog):
    release = threading.Event()
    camera = camera_of([SimulatedDevice(first_then(3, hangs(release))), SimulatedDevice(pictures(1))])
    with caplog.at_level(logging.WARNING, logger="edge"):
        assert take(camera, 8) == list(range(8))
    camera.close()
    release.set()
    assert any("no frame for 0.15 s" in record.getMessage() for record in caplog.records)


def test_a_device_that_repeats_its_last_picture_is_opened_again(caplog):
    camera = camera_of([SimulatedDevice(first_then(2, frozen())), SimulatedDevice(pictures(1))])
    with caplog.at_level(logging.WARNING, logger="edge"):
        for frame in camera.frames():
            if any("is back" in record.getMessage() for record in caplog.records):
                break
            assert frame.index < 2000, "the repetition was not noticed"
    camera.close()
    assert any("bit for bit" in record.getMessage() for record in caplog.records)


def test_equal_pictures_of_one_colour_and_of_streams_are_no_loss():
    def black() -> Iterator[np.ndarray]:
        while True:
            yield np.zeros((48, 64, 3), np.uint8)

    covered = camera_of([SimulatedDevice(black())])
    assert take(covered, 150) == list(range(150))  # 150 reads of 2 ms are beyond the limit of 0.15 s
    covered.close()
    stream = camera_of([SimulatedDevice(frozen())], repeats_mean_loss=False)
    assert take(stream, 150) == list(range(150))
    stream.close()


def test_single_failed_reads_are_counted_and_survived():
    script = (image if index % 3 else None for index, image in enumerate(pictures(), start=1))
    camera = camera_of([SimulatedDevice(script)])
    assert take(camera, 6) == list(range(6))
    camera.close()
    assert camera.failed == 2


def test_a_device_that_stays_away_is_lost():
    camera = camera_of([SimulatedDevice(first_then(2, fails()))])
    with pytest.raises(CameraLostError, match=r"did not come back within 0.5 s .*plug it in"):
        take(camera, 10)
    camera.close()


def test_closing_ends_a_camera_that_waits_for_its_device():
    release = threading.Event()
    patient = CameraOptions(open_timeout_s=0.3, frame_timeout_s=0.2, reconnect_s=1000)
    camera = camera_of([SimulatedDevice(first_then(1, hangs(release)))], patient)
    threading.Timer(0.5, camera.close).start()
    assert take(camera, 10) == [0]
    release.set()


def test_grey_frames_become_bgr():
    camera = camera_of([SimulatedDevice(image[:, :, 0] for image in pictures())])
    assert next(camera.frames()).image.shape == (48, 64, 3)
    camera.close()


def test_a_missing_video_device_is_named_with_what_exists():
    with pytest.raises(CameraOpenError, match=r"/dev/video63 cannot be opened: .*this machine has"):
        open_v4l2("63", FAST)


def test_csi_without_gstreamer_says_which_opencv_is_needed():
    if "GStreamer:                   YES" in cv2.getBuildInformation():
        pytest.skip("this OpenCV has GStreamer")
    with pytest.raises(BackendMissingError, match="built with GStreamer"):
        open_csi("0", FAST)


def test_csi_needs_a_number():
    with pytest.raises(CameraOpenError, match="csi://0"):
        open_csi("left", FAST)


def test_csi_pipeline_carries_mode_exposure_and_gain():
    pipeline = csi_pipeline(1, CameraOptions(width=1920, height=1080, fps=29.97, exposure_us=500, gain=2))
    assert "sensor-id=1" in pipeline
    assert "width=1920, height=1080, framerate=29970/1000" in pipeline
    assert 'exposuretimerange="500000 500000"' in pipeline
    assert 'gainrange="2 2"' in pipeline
    assert "width" not in csi_pipeline(0, CameraOptions())


@pytest.mark.parametrize(
    ("uri", "shown"),
    [
        ("rtsp://me:secret@host:554/a", "rtsp://***@host:554/a"),
        ("rtsp://me:sec@ret@host/a?token=secret", "rtsp://***@host/a?***"),
        ("rtsp://host/a", "rtsp://host/a"),
        ("dir://my folder?@", "dir://my folder?@"),
        ("slides/?@.jpg", "slides/?@.jpg"),
        ("synth://smear?seed=1", "synth://smear?seed=1"),
    ],
)
def test_credentials_are_not_shown(uri, shown):
    assert redact(uri) == shown


def test_topic_names_hold_only_letters_that_topics_may():
    assert topic_name("/dev/v4l/by-id/usb Cam:1") == "dev-v4l-by-id-usb-Cam-1"
    assert topic_name("***") == "camera"


def write_video(path: Path, frames: int) -> Path:
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter_fourcc(*"MJPG"), 10, (64, 48))
    for index in range(frames):
        writer.write(np.full((48, 64, 3), 20 * index, np.uint8))
    writer.release()
    return path


def test_every_frame_of_a_video_is_delivered_as_often_as_asked(tmp_path):
    camera = VideoFileCamera(write_video(tmp_path / "x.avi", 5), CameraOptions(loop=2))
    frames = list(camera.frames())
    assert [frame.index for frame in frames] == list(range(10))
    levels = [float(frame.image.mean()) for frame in frames]
    assert levels == pytest.approx([0, 20, 40, 60, 80] * 2, abs=3)
    assert {frame.source for frame in frames} == {"x.avi"}
    assert camera.negotiated == "video of 64x48@10"


def test_a_text_file_is_no_video(tmp_path):
    (tmp_path / "x.mp4").write_text("no video")
    with pytest.raises(CameraOpenError, match="is not a video"):
        VideoFileCamera(tmp_path / "x.mp4", CameraOptions())
