from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np
import pytest

from edge.simulator import SmearParameters, draw_field, draw_slide
from edge.simulator.light import sensor_noise
from edge.simulator.red_cells import draw_red_cell
from edge.simulator.stains import STAINS, lay, stain_named
from edge.simulator.white_cells import KINDS, draw_white_cell

SMALL = SmearParameters(seed=4, density=6.0, white_cell_px=70.0, defocus_px=0.0, noise=0.0)


def test_the_same_parameters_give_the_same_slide() -> None:
    first, second = draw_slide(SMALL, 640, 480), draw_slide(SMALL, 640, 480)
    np.testing.assert_array_equal(first.image, second.image)
    assert len(first.cells) == len(second.cells) > 0
    assert (draw_slide(replace(SMALL, seed=5), 640, 480).image != first.image).any()


def test_a_slide_without_white_cells_is_possible() -> None:
    slide = draw_slide(replace(SMALL, density=0.0), 300, 200)
    assert slide.truth(0, 0, 300, 200) == ()
    assert slide.image.std() > 0  # red cells are there


def test_masks_lie_where_the_cells_were_drawn() -> None:
    """On a slide with nothing but white cells, what is darker than glass is what the truth says."""
    alone = replace(SMALL, red_cover=0.0)
    slide = draw_slide(alone, 900, 700)
    dark = (slide.image.min(axis=2) < 225).astype(np.uint8)
    truth = np.zeros((700, 900), np.uint8)
    for cell in slide.truth(0, 0, 900, 700):
        x0, y0, x1, y1 = cell.bbox
        truth[y0:y1, x0:x1] |= cell.mask.astype(np.uint8)
    count, labels, stats, _ = cv2.connectedComponentsWithStats(dark)
    large = np.isin(labels, [i for i in range(1, count) if stats[i, cv2.CC_STAT_AREA] > 900])  # platelets are smaller
    assert (large & (truth > 0)).sum() / (large | (truth > 0)).sum() > 0.9


def test_only_the_masks_and_their_rims_differ_from_a_slide_without_light_in_the_cells() -> None:
    """The same slide with its white cells made transparent: the difference is what the truth says."""
    slide = draw_slide(SMALL, 900, 700)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("edge.simulator.slide.transmitted", lambda density: np.full(density.shape, 255, np.uint8))
        bare = draw_slide(SMALL, 900, 700)
    difference = cv2.absdiff(slide.image, bare.image).max(axis=2) > 8
    truth = np.zeros((700, 900), bool)
    for cell in slide.truth(0, 0, 900, 700):
        x0, y0, x1, y1 = cell.bbox
        truth[y0:y1, x0:x1] |= cell.mask
    near = cv2.dilate(truth.astype(np.uint8), np.ones((7, 7), np.uint8)) > 0
    assert not (difference & ~near).any()
    assert (difference & truth).sum() / (difference | truth).sum() > 0.9


def test_drawing_tells_its_progress_and_ends_with_what_that_raises() -> None:
    told: list[tuple[str, int, int]] = []
    draw_slide(SMALL, 300, 200, lambda what, done, total: told.append((what, done, total)))
    assert ("red cells", 0) in {(what, done) for what, done, _ in told}
    assert all(0 <= done < total for _, done, total in told)

    def stop(*_: object) -> None:
        raise InterruptedError

    with pytest.raises(InterruptedError):
        draw_slide(SMALL, 300, 200, stop)


def test_noise_has_the_deviation_asked_for_and_none_is_none() -> None:
    noise = sensor_noise(np.random.default_rng(0), 8.0, 320, 600)
    assert noise.shape == (600, 320, 3)
    assert noise.std() == pytest.approx(8.0, rel=0.05)  # a whole grey level is cut towards 0
    assert not sensor_noise(np.random.default_rng(0), 0.0, 32, 24).any()


def test_truth_is_cut_to_the_window_and_tight() -> None:
    slide = draw_slide(SMALL, 800, 600)
    cell = next(c for c in slide.cells if 100 < c.x < 600 and 100 < c.y < 400)
    middle = cell.x + cell.stamp.mask.shape[1] // 2
    truth = slide.truth(middle, 0, 800 - middle, 600)
    cut = next(t for t in truth if t.bbox[0] == 0 and t.kind == cell.kind)
    assert cut.mask.shape == (cut.bbox[3] - cut.bbox[1], cut.bbox[2] - cut.bbox[0])
    assert 0.3 < cut.mask.sum() / cell.stamp.mask.sum() < 0.7
    for edge in (cut.mask[0], cut.mask[-1], cut.mask[:, 0], cut.mask[:, -1]):
        assert edge.any()
    assert all(t.mask.shape == (1, 1) for t in slide.truth(790, 590, 1, 1))


def test_white_cells_may_touch_but_do_not_bury_each_other() -> None:
    slide = draw_slide(replace(SMALL, density=14.0, touching=0.6), 900, 700)
    cover = np.zeros((1200, 1400), np.uint8)
    for cell in slide.cells:
        height, width = cell.stamp.mask.shape
        cover[cell.y + 200 : cell.y + 200 + height, cell.x + 200 : cell.x + 200 + width] += cell.stamp.mask
    assert len(slide.cells) > 20
    assert (cover > 1).sum() < 0.08 * (cover > 0).sum()


@pytest.mark.parametrize("kind", KINDS)
def test_each_kind_has_a_dark_nucleus_inside_a_mask_of_the_size_asked_for(kind: str) -> None:
    stamp = draw_white_cell(np.random.default_rng(2), kind, 200.0, STAINS["wright"])
    assert 2 * np.sqrt(stamp.mask.sum() / np.pi) == pytest.approx(200, rel=0.12)
    dense = stamp.density[:, :, 1] > 1.3
    assert 0.1 < dense.sum() / stamp.mask.sum() < 0.95
    assert (dense & stamp.mask).sum() / dense.sum() > 0.95


def test_overlapping_red_cells_are_darker_than_either() -> None:
    cell = draw_red_cell(np.random.default_rng(0), 60.0, STAINS["wright"])
    once = np.full((*cell.shape[:2], 3), 255, np.uint8)
    lay(once, cell, 0, 0)
    twice = once.copy()
    lay(twice, cell, 0, 0)
    inside = once[:, :, 1] < 200
    assert (twice[inside] < once[inside]).all()


def test_laying_over_the_edge_changes_only_what_is_inside() -> None:
    image = np.full((20, 20, 3), 255, np.uint8)
    lay(image, np.zeros((10, 10, 3), np.uint8), -5, 15)
    assert (image == 0).sum() == 5 * 5 * 3
    lay(image, np.zeros((10, 10, 3), np.uint8), 40, 40)
    assert (image == 0).sum() == 5 * 5 * 3


def test_a_random_stain_differs_from_seed_to_seed_and_stays_physical() -> None:
    stains = [stain_named("random", np.random.default_rng(seed)) for seed in range(6)]
    assert len({stain.lamp for stain in stains}) == 6
    assert all(0 < value <= 255 for stain in stains for value in stain.lamp)


def test_an_unusual_stain_reaches_dark_red_cells_and_ghostly_cytoplasm() -> None:
    usual, unusual = (
        [stain_named(name, np.random.default_rng(seed)) for seed in range(60)] for name in ("random", "unusual")
    )
    assert max(sum(stain.red_cell) for stain in unusual) > 1.5 * max(sum(stain.red_cell) for stain in usual)
    assert min(sum(stain.pale_cytoplasm) for stain in unusual) < 0.7 * min(sum(stain.pale_cytoplasm) for stain in usual)


def test_fields_for_training_have_the_size_and_cells_asked_for() -> None:
    image, truth = draw_field(SMALL, 512, 384)
    assert image.shape == (384, 512, 3)
    assert image.dtype == np.uint8
    assert all(cell.bbox[2] <= 512 and cell.bbox[3] <= 384 for cell in truth)
