from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from edge.errors import ConfigurationError
from tests.train.data import trees
from train.data.open import read_dataset
from train.data.sample import load


def folder_with(root: Path, mask: np.ndarray) -> Path:
    trees.save(root / "images" / "a.jpg", trees.picture(40, 50))
    trees.save(root / "masks" / "a.png", mask)
    return root


@pytest.mark.parametrize("white", [1, 255])
def test_a_binary_mask_falls_into_its_connected_parts_however_small(tmp_path: Path, white: int) -> None:
    mask = np.zeros((40, 50), np.uint8)
    mask[2:20, 2:20] = white
    mask[30:32, 30:32] = white
    (sample,) = read_dataset(folder_with(tmp_path, mask))
    instances = load(sample).instances
    assert instances.max() == 2
    np.testing.assert_array_equal(instances > 0, mask > 0)
    assert sample.complete


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_a_number_per_cell_keeps_touching_cells_apart(tmp_path: Path, dtype: type) -> None:
    mask = np.zeros((40, 50), dtype)
    mask[5:15, 5:15], mask[5:15, 15:25] = 7, (200 if dtype is np.uint8 else 40_000)
    (sample,) = read_dataset(folder_with(tmp_path, mask))
    instances = load(sample).instances
    assert [(instances == i).sum() for i in range(3)] == [40 * 50 - 200, 100, 100]


def test_an_all_zero_mask_is_a_picture_without_a_cell(tmp_path: Path) -> None:
    (sample,) = read_dataset(folder_with(tmp_path, np.zeros((40, 50), np.uint8)))
    assert load(sample).instances.max() == 0


def test_three_equal_channels_are_read_as_one(tmp_path: Path) -> None:
    mask = np.dstack([trees.disc(40, 50, 20, 20, 9)] * 3)
    (sample,) = read_dataset(folder_with(tmp_path, mask))
    np.testing.assert_array_equal(load(sample).instances, trees.disc(40, 50, 20, 20, 9, 1))


@pytest.mark.parametrize(
    ("mask", "reason"),
    [
        (np.zeros((40, 51), np.uint8), "51x40 px but its picture is 50x40"),
        (np.tile(np.array([0, 90, 255], np.uint8), (40, 17))[:, :50], "grey values between"),
        (trees.picture(40, 50), "is coloured"),
    ],
)
def test_a_mask_that_says_nothing_clear_is_refused(tmp_path: Path, mask: np.ndarray, reason: str) -> None:
    (sample,) = read_dataset(folder_with(tmp_path, mask))
    with pytest.raises(ConfigurationError, match=reason):
        load(sample)


def test_a_picture_without_a_mask_and_a_mask_without_a_picture_are_named(tmp_path: Path) -> None:
    folder_with(tmp_path, np.zeros((40, 50), np.uint8))
    trees.save(tmp_path / "images" / "b.png", trees.picture(40, 50))
    with pytest.raises(ConfigurationError, match="among them b, which has no mask"):
        read_dataset(tmp_path)
    (tmp_path / "images" / "b.png").rename(tmp_path / "masks" / "c.png")
    with pytest.raises(ConfigurationError, match="among them c, which has no picture"):
        read_dataset(tmp_path)


def test_two_pictures_of_one_name_are_refused(tmp_path: Path) -> None:
    folder_with(tmp_path, np.zeros((40, 50), np.uint8))
    trees.save(tmp_path / "images" / "a.bmp", trees.picture(40, 50))
    with pytest.raises(ConfigurationError, match="have the same name"):
        read_dataset(tmp_path)
