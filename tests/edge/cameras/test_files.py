from __future__ import annotations

import logging
from itertools import islice
from pathlib import Path

import cv2
import numpy as np
import pytest

from edge.cameras.files import FilesCamera, existing_path, find_pictures, read_picture
from edge.cameras.picture_bytes import damage
from edge.errors import CameraOpenError
from tests.edge.examples import smear

SUFFIXES = [".bmp", ".jpg", ".png", ".tif", ".webp"]


def write(path: Path, value: int = 200) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    assert cv2.imwrite(str(path), np.full((8, 10, 3), value, np.uint8))
    return path


def names(paths: list[Path]) -> list[str]:
    return [path.name for path in paths]


def test_pictures_of_a_folder_come_in_natural_order(tmp_path):
    for name in ("10.jpg", "2.jpg", "1.jpg", "2-10.jpg", "2-9.jpg"):
        write(tmp_path / name)
    assert names(find_pictures(str(tmp_path))) == ["1.jpg", "2.jpg", "2-9.jpg", "2-10.jpg", "10.jpg"]


def test_only_pictures_of_a_folder_count(tmp_path):
    write(tmp_path / "a.PNG")
    (tmp_path / "b.txt").write_text("no picture")
    (tmp_path / "c.jpg").mkdir()
    assert names(find_pictures(str(tmp_path))) == ["a.PNG"]
    assert names(find_pictures(f"{tmp_path}/*")) == ["a.PNG"]


def test_a_glob_leaves_the_masks_out(tmp_path):
    write(tmp_path / "1.jpg")
    write(tmp_path / "1.png")
    assert names(find_pictures(f"{tmp_path}/*.jpg")) == ["1.jpg"]


def test_a_name_with_brackets_and_spaces_is_taken_literally(tmp_path):
    path = write(tmp_path / "my slides" / "2-1 [left](2).png")
    assert find_pictures(str(path)) == [path]
    assert find_pictures(str(path.parent)) == [path]


def test_a_percent_encoded_path_is_decoded_only_if_it_does_not_exist_as_written(tmp_path):
    path = write(tmp_path / "a b.png")
    assert existing_path(str(tmp_path / "a%20b.png")) == path
    literal = write(tmp_path / "a%20b.png")
    assert existing_path(str(literal)) == literal
    assert existing_path(str(tmp_path / "missing.png")) is None


@pytest.mark.parametrize("location", ["{}", "{}/*.jpg", "{}/missing", "{}/a.txt"])
def test_no_picture_is_an_error_that_names_the_place(tmp_path, location):
    (tmp_path / "a.txt").write_text("text")
    location = location.format(tmp_path)
    with pytest.raises(CameraOpenError) as caught:
        find_pictures(location)
    assert location in str(caught.value)


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_a_whole_picture_is_read(tmp_path, suffix):
    path = tmp_path / f"a{suffix}"
    cv2.imwrite(str(path), smear())
    assert read_picture(path).shape == (96, 128, 3)
    assert read_picture(path).dtype == np.uint8


@pytest.mark.parametrize("suffix", SUFFIXES)
@pytest.mark.parametrize("share", [0.0, 0.02, 0.5, 0.9, 0.999])
def test_a_picture_cut_short_is_never_read(tmp_path, suffix, share):
    whole = cv2.imencode(suffix, smear())[1].tobytes()
    path = tmp_path / f"a{suffix}"
    path.write_bytes(whole[: int(share * len(whole))])
    with pytest.raises(ValueError, match=r"\w"):
        read_picture(path)


def test_a_thumbnail_inside_a_jpeg_does_not_pass_for_its_end():
    thumbnail = cv2.imencode(".jpg", smear()[:16, :16])[1].tobytes()
    whole = cv2.imencode(".jpg", smear())[1].tobytes()
    segment = b"Exif\0\0" + thumbnail
    with_thumbnail = whole[:2] + b"\xff\xe1" + (len(segment) + 2).to_bytes(2, "big") + segment + whole[2:]
    assert damage(with_thumbnail) is None
    assert damage(with_thumbnail[:-100]) is not None


def test_bytes_after_the_end_of_a_jpeg_do_no_harm():
    assert damage(cv2.imencode(".jpg", smear())[1].tobytes() + b"\0" * 100) is None


def test_a_progressive_jpeg_is_whole_until_it_is_cut():
    data = cv2.imencode(".jpg", smear(), [cv2.IMWRITE_JPEG_PROGRESSIVE, 1])[1].tobytes()
    assert damage(data) is None
    assert damage(data[: len(data) // 2]) is not None


def test_a_flipped_bit_in_a_png_is_found():
    data = bytearray(cv2.imencode(".png", smear())[1].tobytes())
    data[len(data) // 2] ^= 1
    assert "checksum" in str(damage(bytes(data)))


def test_grey_and_transparent_pictures_become_bgr(tmp_path):
    cv2.imwrite(str(tmp_path / "grey.png"), np.full((4, 5), 7, np.uint8))
    cv2.imwrite(str(tmp_path / "alpha.png"), np.full((4, 5, 4), 7, np.uint8))
    for name in ("grey.png", "alpha.png"):
        assert read_picture(tmp_path / name).shape == (4, 5, 3)


def test_every_frame_is_delivered_with_its_name_and_index(tmp_path):
    paths = [write(tmp_path / f"{i}.png", 10 * i) for i in range(5)]
    frames = list(FilesCamera(paths).frames())
    assert [(frame.source, frame.index, int(frame.image[0, 0, 0])) for frame in frames] == [
        (f"{i}.png", i, 10 * i) for i in range(5)
    ]


def test_names_tell_folders_apart_where_the_list_spans_several(tmp_path):
    paths = [write(tmp_path / "neut" / "1-1.png"), write(tmp_path / "lymp" / "1-1.png")]
    assert [frame.source for frame in FilesCamera(paths).frames()] == ["neut/1-1.png", "lymp/1-1.png"]


def test_a_corrupt_picture_is_counted_and_logged_by_name_once(tmp_path, caplog):
    paths = [write(tmp_path / f"{i}.jpg") for i in range(3)]
    paths[1].write_bytes(paths[1].read_bytes()[:-50])
    camera = FilesCamera(paths, loop=2)
    with caplog.at_level(logging.WARNING, logger="edge"):
        frames = list(camera.frames())
    assert [frame.source for frame in frames] == ["0.jpg", "2.jpg"] * 2
    assert [frame.index for frame in frames] == [0, 1, 2, 3]
    assert camera.failed == 2
    assert len([record for record in caplog.records if "1.jpg" in record.getMessage()]) == 1


def test_only_unreadable_pictures_are_an_error(tmp_path):
    (tmp_path / "a.jpg").write_text("text in disguise")
    camera = FilesCamera([tmp_path / "a.jpg"], loop=0)
    with pytest.raises(CameraOpenError, match="none of 1 picture"):
        list(camera.frames())
    assert camera.failed == 1


def test_a_picture_deleted_meanwhile_counts_as_failed(tmp_path):
    paths = [write(tmp_path / "a.png"), write(tmp_path / "b.png")]
    camera = FilesCamera(paths)
    paths[1].unlink()
    assert [frame.source for frame in camera.frames()] == ["a.png"]
    assert camera.failed == 1


def test_loop_without_end_goes_on_until_closed(tmp_path):
    camera = FilesCamera([write(tmp_path / "a.png")], loop=0)
    frames = camera.frames()
    assert [frame.index for frame in islice(frames, 7)] == list(range(7))
    camera.close()
    camera.close()
    assert list(frames) == []


@pytest.mark.parametrize(
    "pattern",
    ["BCISC/original-images/*/*", "BCISC/sub-images/*/*", "segmentation_WBC/*/*.bmp", "segmentation_WBC/*/*.png"],
)
def test_no_whole_picture_of_the_real_sets_passes_for_damaged(data_root: Path, pattern):
    paths = [path for path in sorted(data_root.glob(pattern)) if path.suffix in {".jpg", ".png", ".bmp"}][::5]
    assert paths
    assert [path.name for path in paths if damage(path.read_bytes()) is not None] == []
