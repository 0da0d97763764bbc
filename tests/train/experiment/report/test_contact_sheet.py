from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from train.data.augment import Example
from train.data.sample import load
from train.experiment.report.contact_sheet import OUTLINE_RGB, ROWS, SHOWN_PX, draw_augmentations, outlined
from train.experiment.simulated_crops import SIDE_PX, simulated_samples
from train.experiment.square import to_square_example


def test_the_rows_are_those_of_figure_9() -> None:
    assert list(ROWS) == ["Original", "FlipH", "FlipV", "Rotation", "ET", "GB", "GT"]


@pytest.fixture(scope="module")
def crop(tmp_path_factory: pytest.TempPathFactory) -> Example:
    """A simulated white cell, whole and alone."""
    samples = simulated_samples(tmp_path_factory.mktemp("crops"))
    examples = (to_square_example(load(sample), SIDE_PX) for sample in samples)
    return next(
        one
        for one in examples
        if len(one.masks) == 1 and not (one.masks[0][[0, -1]].any() or one.masks[0][:, [0, -1]].any())
    )


def test_each_operation_changes_the_picture_and_keeps_its_cell(crop: Example) -> None:
    for label, operation in ROWS.items():
        changed = operation(crop)
        assert len(changed.masks) == 1
        assert (changed.image != crop.image).any() == (label != "Original")


def test_a_sheet_is_written_and_repeats(crop: Example, tmp_path: Path) -> None:
    examples = {"simulated": crop}
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
