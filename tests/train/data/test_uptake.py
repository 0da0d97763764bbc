from __future__ import annotations

import numpy as np
import pytest

from train.data.augment import Example
from train.data.batches import MixConfig, Mixer
from train.data.uptake import vary_uptake

SLIDE = np.array([220.0, 220.0, 220.0])


def smear() -> Example:
    """A white cell (nucleus 40, cytoplasm 180) beside a red one (150) on an empty slide of 220, with a lamp spot."""
    image = np.full((120, 200, 3), 220, np.uint8)
    y, x = np.mgrid[:120, :200]
    cell = (x - 60) ** 2 + (y - 60) ** 2 <= 35**2
    image[cell] = 180
    image[(x - 60) ** 2 + (y - 60) ** 2 <= 15**2] = 40
    image[(x - 150) ** 2 + (y - 60) ** 2 <= 30**2] = 150
    image[:5, :5] = 250
    return Example(image=image, masks=[np.asarray(cell * np.uint8(255), np.uint8)])


def varied(seed: int) -> np.ndarray:
    return vary_uptake(smear(), SLIDE, np.random.default_rng(seed)).image.astype(int)


@pytest.mark.parametrize("seed", range(8))
def test_slide_nucleus_and_lamp_stay_as_they_are(seed: int) -> None:
    image = varied(seed)
    assert np.abs(image[110, 100] - 220).max() <= 1
    assert np.abs(image[60, 60] - 40).max() <= 1
    assert np.abs(image[1, 1] - 250).max() <= 1


def test_cytoplasm_and_red_cells_become_paler_and_darker_each_in_its_own_way() -> None:
    images = [varied(seed) for seed in range(40)]
    cytoplasm = np.array([image[60, 85].mean() for image in images])
    red = np.array([image[60, 150].mean() for image in images])
    assert cytoplasm.min() < 172
    assert cytoplasm.max() > 200
    assert red.min() < 120
    assert red.max() > 175
    assert cytoplasm.max() < 220
    assert red.max() < 220
    assert abs(np.corrcoef(cytoplasm, red)[0, 1]) < 0.6


def test_masks_and_source_are_left_alone() -> None:
    source = smear()
    before = source.image.copy()
    changed = vary_uptake(source, SLIDE, np.random.default_rng(1))
    np.testing.assert_array_equal(source.image, before)
    np.testing.assert_array_equal(changed.masks[0], source.masks[0])


def test_a_black_picture_and_one_without_cells_are_no_problem() -> None:
    black = Example(image=np.zeros((8, 8, 3), np.uint8), masks=[np.full((8, 8), 255, np.uint8)])
    assert vary_uptake(black, np.zeros(3), np.random.default_rng(0)).image.max() <= 1
    empty = Example(image=smear().image, masks=[])
    assert vary_uptake(empty, SLIDE, np.random.default_rng(0)).image.shape == empty.image.shape


@pytest.mark.parametrize(("uptake", "calls"), [(0.0, 0), (1.0, 4)])
def test_the_mix_uses_it_only_where_asked(uptake: float, calls: int, monkeypatch: pytest.MonkeyPatch) -> None:
    slides = []

    def record(example: Example, slide: np.ndarray, rng: np.random.Generator) -> Example:
        slides.append(slide)
        return vary_uptake(example, slide, rng)

    monkeypatch.setattr("train.data.batches.vary_uptake", record)
    config = MixConfig(size=128, uptake=uptake, crowd=0.0, mosaic=0.0, pasted=0.0, blank=0.0)
    mixer = Mixer([], [smear()], config, seed=3)
    for _ in range(4):
        mixer.example()
    assert len(slides) == calls
    assert all(np.abs(slide - 220).max() <= 1 for slide in slides)
