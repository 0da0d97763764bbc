"""Pictures as square network inputs and back."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from tests.train.experiment.tiny import disc_picture
from train.data.sample import LoadedSample
from train.experiment.square import border_colour, from_square, normalise, to_bytes, to_square, to_square_example
from train.model.config import PAPER


@pytest.mark.parametrize("size", [(64, 64), (120, 120), (300, 300), (90, 150), (151, 64), (40, 33)])
def test_a_disc_comes_back_where_it_was(size: tuple[int, int]) -> None:
    sample = disc_picture(1, *size)
    example = to_square_example(sample, 128)
    letterbox = to_square(sample.image, 128).letterbox
    back = from_square(example.masks[0].astype(np.float32) / 255, letterbox) >= 0.5
    assert back.shape == size
    truth = sample.instances > 0
    # two resamplings may move an outline by half a pixel of the coarser grid
    outline = 2 * np.pi * 0.25 * min(size)
    assert (back != truth).sum() <= outline * max(1.0, max(size) / 128) / 2


def test_a_picture_that_is_not_square_is_padded_with_the_colour_of_its_border() -> None:
    image = np.full((20, 40, 3), (10, 20, 30), np.uint8)
    image[5:15, 10:30] = 200
    square = to_square(image, 64).image
    assert (square[:16] == (10, 20, 30)).all()
    assert (square[48:] == (10, 20, 30)).all()
    assert (square[32, 32] == 200).all()


def test_the_colour_of_the_border_is_its_median() -> None:
    image = np.zeros((10, 10, 3), np.uint8)
    image[1:-1, 1:-1] = 99
    image[0, :3] = 255
    assert border_colour(image).tolist() == [0, 0, 0]


def test_a_picture_without_a_cell_has_no_mask() -> None:
    empty = LoadedSample(image=np.zeros((30, 30, 3), np.uint8), instances=np.zeros((30, 30), np.int32))
    assert to_square_example(empty, 64).masks == []


def test_the_network_sees_normalised_rgb() -> None:
    image = np.zeros((64, 64, 3), np.uint8)
    image[..., 0] = 255  # blue
    planes = normalise(to_bytes([image]))[0]
    expected = [(value - mean) / std for value, mean, std in zip((0, 0, 255), PAPER.mean, PAPER.std, strict=True)]
    assert torch.allclose(planes.mean(dim=(1, 2)), torch.tensor(expected), atol=1e-4)
