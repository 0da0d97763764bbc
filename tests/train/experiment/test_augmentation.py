from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np
import pytest

from train.data.augment import Example
from train.experiment.augmentation import (
    AUGMENTATIONS,
    Augmentation,
    augment,
    blur,
    flip_horizontal,
    flip_vertical,
    gamma,
)


def speckled(height: int, width: int) -> Example:
    """Noise around two cells that share no symmetry."""
    image = np.random.default_rng(1).integers(0, 256, (height, width, 3), dtype=np.uint8)
    masks = [np.zeros((height, width), np.uint8) for _ in range(2)]
    cv2.ellipse(masks[0], (width // 3, height // 3), (width // 6, height // 8), 30, 0, 360, 255, -1)
    cv2.circle(masks[1], (3 * width // 4, 2 * height // 3), width // 9, 255, -1)
    return Example(image=image, masks=masks)


PICTURE = speckled(96, 120)
EMPTY = Example(image=PICTURE.image, masks=[])
ALWAYS = Augmentation(flip_horizontal=1, flip_vertical=1, rotation=1, elastic=1, blur=1, gamma=1)


def assert_equal(one: Example, other: Example) -> None:
    np.testing.assert_array_equal(one.image, other.image)
    assert len(one.masks) == len(other.masks)
    for left, right in zip(one.masks, other.masks, strict=True):
        np.testing.assert_array_equal(left, right)


@pytest.mark.parametrize("flip", [flip_horizontal, flip_vertical])
def test_a_flip_is_its_own_inverse_and_not_the_identity(flip: Callable[[Example], Example]) -> None:
    assert_equal(flip(flip(PICTURE)), PICTURE)
    assert (flip(PICTURE).image != PICTURE.image).any()


def test_flips_move_image_and_masks_to_the_pixels_named() -> None:
    height, width = PICTURE.image.shape[:2]
    for flipped, row, column in (
        (flip_horizontal(PICTURE), 30, width - 1 - 41),
        (flip_vertical(PICTURE), height - 31, 41),
    ):
        np.testing.assert_array_equal(flipped.image[row, column], PICTURE.image[30, 41])
        assert flipped.masks[0][row, column] == PICTURE.masks[0][30, 41] == 255


@pytest.mark.parametrize("change", [lambda e: blur(e, 1.5), lambda e: gamma(e, 0.7)], ids=["blur", "gamma"])
def test_blur_and_gamma_change_the_image_and_no_mask(change: Callable[[Example], Example]) -> None:
    changed = change(PICTURE)
    assert (changed.image != PICTURE.image).any()
    for after, before in zip(changed.masks, PICTURE.masks, strict=True):
        np.testing.assert_array_equal(after, before)


def test_blur_turns_a_point_into_a_gaussian() -> None:
    point = np.zeros((41, 41, 3), np.uint8)
    point[20, 20] = 255
    blurred = blur(Example(image=point, masks=[]), 1.2).image[:, :, 0].astype(float)
    y, x = np.mgrid[-20:21, -20:21]
    expected = 255 * np.exp(-(x**2 + y**2) / (2 * 1.2**2)) / (2 * np.pi * 1.2**2)
    np.testing.assert_allclose(blurred, expected, atol=1.5)  # 8 bit, and OpenCV's kernel ends at 3 sigma


def test_gamma_is_the_power_of_the_intensity() -> None:
    ramp = np.arange(256, dtype=np.uint8).reshape(16, 16)
    image = np.repeat(ramp[:, :, None], 3, axis=2)
    darker = gamma(Example(image=image, masks=[]), 2.0).image[:, :, 0].ravel()
    np.testing.assert_allclose(darker, np.arange(256) ** 2 / 255, atol=0.5)
    assert_equal(gamma(PICTURE, 1.0), PICTURE)


def test_without_augmentation_the_example_itself_comes_back() -> None:
    for seed in range(5):
        assert augment(PICTURE, AUGMENTATIONS["noAug"], np.random.default_rng(seed)) is PICTURE


def test_the_configurations_are_the_papers_three_and_differ_in_the_elastic_part_alone() -> None:
    assert list(AUGMENTATIONS) == ["noAug", "Aug-noET", "Aug-ET"]
    without, whole = AUGMENTATIONS["Aug-noET"], AUGMENTATIONS["Aug-ET"]
    different = {name for name in Augmentation.__slots__ if getattr(without, name) != getattr(whole, name)}
    assert different == {"elastic"}
    assert without.elastic == 0 < whole.elastic
    assert whole.degrees == (-180, 180)
    assert min(whole.flip_horizontal, whole.flip_vertical, whole.rotation, whole.blur, whole.gamma) > 0


@pytest.mark.parametrize("name", ["Aug-noET", "Aug-ET"])
def test_a_seed_repeats_a_picture_and_seeds_differ(name: str) -> None:
    variants = [augment(PICTURE, AUGMENTATIONS[name], np.random.default_rng(seed)) for seed in range(8)]
    for seed, variant in enumerate(variants):
        assert_equal(augment(PICTURE, AUGMENTATIONS[name], np.random.default_rng(seed)), variant)
    assert len({variant.image.tobytes() for variant in variants}) >= 6


def test_size_and_type_stay_and_the_input_is_not_touched() -> None:
    image, masks = PICTURE.image.copy(), [mask.copy() for mask in PICTURE.masks]
    for seed in range(6):
        changed = augment(PICTURE, ALWAYS, np.random.default_rng(seed))
        assert changed.image.shape == PICTURE.image.shape
        assert all(mask.shape == PICTURE.image.shape[:2] for mask in changed.masks)
        assert {array.dtype for array in (changed.image, *changed.masks)} == {np.dtype(np.uint8)}
    assert_equal(PICTURE, Example(image=image, masks=masks))


@pytest.mark.parametrize("shape", [(96, 120), (1, 1), (3, 200)])
def test_a_picture_without_cells_stays_one(shape: tuple[int, int]) -> None:
    blank = Example(image=np.full((*shape, 3), 210, np.uint8), masks=[])
    changed = augment(blank, ALWAYS, np.random.default_rng(3))
    assert changed.masks == []
    assert changed.image.shape == blank.image.shape
    assert np.ptp(changed.image) == 0  # nothing dark comes in from beyond the edge
    assert augment(EMPTY, ALWAYS, np.random.default_rng(3)).masks == []
