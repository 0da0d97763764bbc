from __future__ import annotations

import numpy as np
import pytest

from train.data.augment import Example
from train.data.batches import MixConfig, Mixer
from train.data.platelets import add_platelets

SLIDE = np.array([225.0, 225.0, 225.0])


def smear(*, cells: bool = True) -> Example:
    """A bluish white cell of 60 px with a dark nucleus on an empty slide; or nothing."""
    image = np.full((200, 240, 3), 225, np.uint8)
    y, x = np.mgrid[:200, :240]
    cell = (x - 80) ** 2 + (y - 90) ** 2 <= 30**2
    if not cells:
        return Example(image=image, masks=[])
    image[cell] = (200, 150, 170)
    image[(x - 80) ** 2 + (y - 90) ** 2 <= 15**2] = (120, 20, 60)
    return Example(image=image, masks=[np.asarray(cell * np.uint8(255), np.uint8)])


@pytest.mark.parametrize("seed", range(10))
def test_platelets_lie_beside_the_cells_and_are_smaller(seed: int) -> None:
    before = smear()
    after = add_platelets(before, SLIDE, 60.0, np.random.default_rng(seed))
    cell = before.masks[0] > 127
    changed = np.abs(after.image.astype(int) - before.image).max(axis=2) > 8
    assert changed[cell].sum() < 0.1 * cell.sum()
    assert (after.image <= before.image).all()  # they only absorb
    assert len(after.masks) == 1
    np.testing.assert_array_equal(after.masks[0], before.masks[0])
    np.testing.assert_array_equal(before.image, smear().image)


def test_their_size_follows_the_cells_and_their_dye_the_cells_dye() -> None:
    def spots(cell_px: float) -> list[np.ndarray]:
        pictures = [add_platelets(smear(), SLIDE, cell_px, np.random.default_rng(seed)) for seed in range(30)]
        base = smear().image.astype(float)
        return [(base - p.image)[np.abs(base - p.image).max(axis=2) > 12] for p in pictures]

    small, large = spots(40.0), spots(120.0)
    assert sum(map(len, large)) > 3 * sum(map(len, small)) > 0
    absorbed = np.concatenate(large).mean(axis=0)
    assert absorbed[1] > absorbed[2] > absorbed[0]  # as the cell does: green most, blue least


def test_a_picture_without_cells_gets_platelets_of_any_dye() -> None:
    empty = smear(cells=False)
    changed = [add_platelets(empty, SLIDE, 60.0, np.random.default_rng(seed)).image.min() for seed in range(10)]
    assert min(changed) < 180


@pytest.mark.parametrize(("share", "calls"), [(0.0, 0), (1.0, 4)])
def test_the_mix_draws_them_only_where_asked(share: float, calls: int, monkeypatch: pytest.MonkeyPatch) -> None:
    diameters = []

    def record(example: Example, slide: np.ndarray, cell_px: float, rng: np.random.Generator) -> Example:
        diameters.append(cell_px)
        return add_platelets(example, slide, cell_px, rng)

    monkeypatch.setattr("train.data.batches.add_platelets", record)
    config = MixConfig(size=128, platelets=share, cell_px=(28.0, 90.0), crowd=0.0, mosaic=0.0, pasted=0.0, blank=0.0)
    mixer = Mixer([], [smear()], config, seed=3)
    for _ in range(4):
        mixer.example()
    assert len(diameters) == calls
    assert all(19 <= diameter <= 91 for diameter in diameters)
