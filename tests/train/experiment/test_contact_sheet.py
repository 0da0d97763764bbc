from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from edge.errors import ConfigurationError
from train.data.augment import Example
from train.experiment.contact_sheet import OUTLINE_RGB, ROWS, SHOWN_PX, draw_augmentations, outlined, simulated_crops


def test_the_rows_are_those_of_figure_9() -> None:
    assert list(ROWS) == ["Original", "FlipH", "FlipV", "Rotation", "ET", "GB", "GT"]


def test_each_operation_changes_the_simulated_picture_and_keeps_its_cell() -> None:
    for example in simulated_crops().values():
        assert len(example.masks) == 1
        for label, operation in ROWS.items():
            changed = operation(example)
            assert len(changed.masks) == 1
            assert (changed.image != example.image).any() == (label != "Original")


def test_a_sheet_is_written_and_repeats(tmp_path: Path) -> None:
    examples = dict(list(simulated_crops().items())[:1])
    for name in ("one.png", "two.png"):
        draw_augmentations(examples, tmp_path / name)
    one, two = (cv2.imread(str(tmp_path / name)) for name in ("one.png", "two.png"))
    assert one is not None
    assert one.shape[0] > len(ROWS) * 120
    np.testing.assert_array_equal(one, two)


def test_a_sheet_shows_a_picture_without_cells(tmp_path: Path) -> None:
    draw_augmentations({"blank": Example(image=np.full((40, 60, 3), 200, np.uint8), masks=[])}, tmp_path / "blank.png")
    assert (tmp_path / "blank.png").stat().st_size > 0


def test_cells_are_outlined_in_rgb() -> None:
    mask = np.zeros((60, 60), np.uint8)
    mask[20:40, 20:40] = 255
    blue = np.zeros((60, 60, 3), np.uint8)
    blue[:, :, 0] = 255  # BGR
    shown = outlined(Example(image=blue, masks=[mask]))
    assert shown.shape == (SHOWN_PX, SHOWN_PX, 3)
    assert shown[5, 5].tolist() == [0, 0, 255]
    line = (shown[:, :, 1] > OUTLINE_RGB[1] // 2) & (shown[:, :, 2] < 128)  # antialiased: mostly green
    assert 200 < line.sum() < 800  # a square of 80 px has an outline of 320 px


def test_no_examples_are_an_error_that_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="name at least one data set"):
        draw_augmentations({}, tmp_path / "none.png")
