from __future__ import annotations

import logging

import cv2
import numpy as np
import pytest

from edge.cameras import CameraOptions, open_camera
from edge.cameras.files import FilesCamera
from edge.cameras.listing import list_cameras
from edge.cameras.video import VideoFileCamera
from edge.errors import CameraOpenError
from tests.edge.cameras.test_opencv import write_video


@pytest.fixture
def folder(tmp_path):
    folder = tmp_path / "my slides"
    folder.mkdir()
    for name in ("1.jpg", "2.jpg"):
        cv2.imwrite(str(folder / name), np.zeros((4, 4, 3), np.uint8))
    return folder


@pytest.mark.parametrize("form", ["{}", "dir://{}", "{}/*.jpg", "dir://{}/*.jpg"])
def test_folders_and_globs_open_as_files_with_spaces_and_all(folder, form):
    camera = open_camera(form.format(folder))
    assert isinstance(camera, FilesCamera)
    assert not camera.live
    assert [frame.source for frame in camera.frames()] == ["1.jpg", "2.jpg"]


def test_relative_paths_work_with_and_without_a_scheme(folder, monkeypatch):
    monkeypatch.chdir(folder.parent)
    for uri in ("my slides", "dir://my slides", "./my slides/*.jpg", "dir://my%20slides"):
        assert open_camera(uri).negotiated == "2 pictures"


@pytest.mark.parametrize("form", ["{}/1.jpg", "file://{}/1.jpg"])
def test_one_picture_is_a_camera_too(folder, form):
    assert open_camera(form.format(folder)).negotiated == "1 picture"


@pytest.mark.parametrize("form", ["{}/x.avi", "file://{}/x.avi"])
def test_videos_open_by_their_suffix(folder, form):
    write_video(folder / "x.avi", 2)
    assert isinstance(open_camera(form.format(folder)), VideoFileCamera)


@pytest.mark.parametrize(
    "uri",
    [
        "",
        "dir://",
        "missing-folder",
        "file://missing.mp4",
        "pylon://123",
        "nothing://x",
        "/dev/video63",
        "v4l2://63",
        "63",
    ],
)
def test_what_is_not_there_is_an_error_of_the_camera(uri):
    with pytest.raises(CameraOpenError) as caught:
        open_camera(uri, CameraOptions(open_timeout_s=2))
    assert len(str(caught.value)) > 20


def test_an_unknown_scheme_does_not_show_credentials():
    with pytest.raises(CameraOpenError) as caught:
        open_camera("ftp://me:secret@host/x")
    assert "secret" not in str(caught.value)


def test_a_file_that_is_neither_picture_nor_video_is_named(folder):
    (folder / "notes.txt").write_text("text")
    with pytest.raises(CameraOpenError, match=r"notes\.txt is neither a picture .* nor a video"):
        open_camera(str(folder / "notes.txt"))


def test_loop_reaches_the_files(folder):
    assert len(list(open_camera(str(folder), CameraOptions(loop=3)).frames())) == 6


def test_a_mode_that_files_cannot_have_is_mentioned(folder, caplog):
    with caplog.at_level(logging.WARNING, logger="edge"):
        open_camera(str(folder), CameraOptions(width=640, fps=5))
    assert ["width, fps" in record.getMessage() for record in caplog.records] == [True]


def test_the_list_of_cameras_names_every_kind_of_uri():
    text = list_cameras()
    for kind in ("/dev/video0", "csi://", "rtsp://", "file://", "dir://", "synth://"):
        assert kind in text
