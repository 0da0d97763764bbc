from __future__ import annotations

import msgspec
import numpy as np
import pytest

from edge.preprocess import preprocess
from tests.tiny_model import SPEC

NORMALISED = msgspec.structs.replace(
    SPEC, mean=(10.0, 20.0, 30.0), std=(2.0, 4.0, 8.0), pad_rgb=(1, 2, 3), max_upscale=2.0
)


def test_channels_are_turned_to_rgb_and_normalised_each_by_its_own():
    image = np.empty((96, 128, 3), np.uint8)
    image[:] = (90, 60, 30)  # BGR
    tensor, letterbox = preprocess(image, NORMALISED)
    assert tensor.shape == (1, 3, 96, 128)
    assert tensor.dtype == np.float32
    assert tensor.flags.c_contiguous
    np.testing.assert_allclose(tensor[0, :, 50, 50], [(30 - 10) / 2, (60 - 20) / 4, (90 - 30) / 8])
    assert (letterbox.scale_x, letterbox.pad_x, letterbox.pad_y) == (1, 0, 0)


def test_a_picture_of_the_input_size_passes_pixel_by_pixel():
    image = np.random.default_rng(0).integers(0, 256, (96, 128, 3), dtype=np.uint8)
    tensor, _ = preprocess(image, NORMALISED)
    back = tensor[0] * np.array(NORMALISED.std)[:, None, None] + np.array(NORMALISED.mean)[:, None, None]
    np.testing.assert_allclose(back.transpose(1, 2, 0)[:, :, ::-1], image, atol=1e-3)


def test_the_border_has_the_colour_of_the_spec():
    tensor, letterbox = preprocess(np.full((96, 32, 3), 200, np.uint8), NORMALISED)
    assert letterbox.pad_x == 48
    np.testing.assert_allclose(tensor[0, :, 50, 0], [(1 - 10) / 2, (2 - 20) / 4, (3 - 30) / 8])
    np.testing.assert_allclose(tensor[0, :, 50, 48], [(200 - 10) / 2, (200 - 20) / 4, (200 - 30) / 8])


def test_shrinking_averages_so_that_a_chequerboard_becomes_grey():
    board = np.indices((384, 512)).sum(axis=0) % 2 * 200
    tensor, letterbox = preprocess(np.repeat(board[:, :, None], 3, axis=2).astype(np.uint8), SPEC)
    assert letterbox.scale_x == 0.25
    np.testing.assert_allclose(tensor * 255, 100, atol=0.51)


@pytest.mark.parametrize("size", [(1, 1), (1, 5000), (5000, 1), (97, 129), (1536, 2048)])
def test_any_size_of_picture_fits(size):
    tensor, _ = preprocess(np.full((*size, 3), 100, np.uint8), SPEC)
    assert tensor.shape == (1, 3, 96, 128)
    assert np.isfinite(tensor).all()


def test_a_non_contiguous_picture_gives_the_same_input():
    image = np.random.default_rng(0).integers(0, 256, (200, 300, 3), dtype=np.uint8)
    flipped = image[::-1, ::-1]
    np.testing.assert_array_equal(preprocess(flipped, SPEC)[0], preprocess(flipped.copy(), SPEC)[0])
