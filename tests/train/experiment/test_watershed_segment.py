from __future__ import annotations

import dataclasses
import json

import numpy as np
import pytest

from edge.simulator import SmearParameters, draw_field
from train.experiment.watershed import WatershedSettings, label_cells, segment_watershed
from train.metrics import six_metrics

GROUND, CYTOPLASM, NUCLEUS, RED_CELL = (245, 240, 240), (215, 165, 190), (140, 40, 80), (170, 165, 225)  # BGR
PLAIN = WatershedSettings(
    smoothing_px=0.0, lobe_gap_px=0, marker_depth_px=3.0, cell_level=0.2, doubt=0.0, reach_px=30.0, majority_px=0
)


def disc(x: int, y: int, radius: int, size: int = 120) -> np.ndarray:
    rows, columns = np.mgrid[:size, :size]
    return (columns - x) ** 2 + (rows - y) ** 2 <= radius**2


def paint(*parts: tuple[np.ndarray, tuple[int, int, int]], size: int = 120) -> np.ndarray:
    image = np.full((size, size, 3), GROUND, np.uint8)
    for mask, colour in parts:
        image[mask] = colour
    return image


def test_a_dark_disc_on_bright_ground_is_found_exactly():
    truth = disc(60, 60, 25)
    found = segment_watershed(paint((truth, NUCLEUS)), PLAIN)
    assert found.dtype == np.float32
    np.testing.assert_array_equal(found, truth.astype(np.float32))


@pytest.mark.parametrize("convex", [False, True])
def test_nucleus_and_cytoplasm_are_found_and_a_red_cell_beside_them_is_not(convex):
    cell = disc(50, 60, 30)
    image = paint((disc(100, 60, 15), RED_CELL), (cell, CYTOPLASM), (disc(45, 60, 15), NUCLEUS))
    found = segment_watershed(image, dataclasses.replace(PLAIN, blue_weight=0.9, convex=convex))
    assert six_metrics(cell, found >= 0.5).dice > 0.99
    assert not found[60, 92:].any()


def test_a_red_cell_alone_is_no_white_cell():
    assert not segment_watershed(paint((disc(60, 60, 25), RED_CELL)), PLAIN).any()


@pytest.mark.parametrize("colour", [(0, 0, 0), (255, 255, 255), (90, 200, 250), (200, 60, 120)])
def test_a_blank_picture_gives_nothing(colour):
    image = np.full((60, 80, 3), colour, np.uint8)
    np.testing.assert_array_equal(segment_watershed(image, WatershedSettings()), np.zeros((60, 80), np.float32))


def test_two_overlapping_cells_are_both_covered_and_parted():
    left, right = disc(40, 60, 22), disc(80, 60, 22)
    image = paint((left | right, NUCLEUS))
    cells = label_cells(image, PLAIN)
    np.testing.assert_array_equal(cells > 0, left | right)
    assert cells.max() == 2
    assert cells[60, 40] != cells[60, 80]


def test_what_has_no_room_for_the_circle_is_dropped():
    image = paint((disc(60, 60, 25), NUCLEUS), (disc(15, 15, 6), NUCLEUS))
    kept = segment_watershed(image, dataclasses.replace(PLAIN, circle_radius_px=10.0))
    np.testing.assert_array_equal(kept > 0, disc(60, 60, 25))


def test_cytoplasm_reaches_no_further_than_allowed():
    image = paint((disc(60, 60, 45), CYTOPLASM), (disc(60, 60, 15), NUCLEUS))
    found = segment_watershed(image, dataclasses.replace(PLAIN, reach_px=10.0, nucleus_level=1.0)) > 0
    assert not (found & ~disc(60, 60, 26)).any()
    assert (found | ~disc(60, 60, 24)).all()


def test_between_the_two_levels_the_outline_lies_on_the_edge_of_the_colour():
    halo = (232, 215, 222)  # weaker than the cell's level, stronger than the ground's
    cell = disc(60, 60, 25)
    image = paint((disc(60, 60, 40), halo), (cell, NUCLEUS))
    settings = dataclasses.replace(PLAIN, cell_level=0.5, doubt=0.9, shape_weight=0.0)
    assert six_metrics(cell, segment_watershed(image, settings) >= 0.5).dice > 0.9


def test_holes_are_filled():
    ring = disc(60, 60, 28) & ~disc(60, 60, 6)
    np.testing.assert_array_equal(segment_watershed(paint((ring, NUCLEUS)), PLAIN) > 0, disc(60, 60, 28))


def test_the_convex_hull_closes_a_notch():
    notched = disc(60, 60, 28)
    notched[57:63, 70:] = False
    image = paint((notched, NUCLEUS))
    as_found = segment_watershed(image, PLAIN) > 0
    hull = segment_watershed(image, dataclasses.replace(PLAIN, marker_depth_px=30.0, convex=True)) > 0
    assert not as_found[60, 80]
    assert hull[60, 80]


@pytest.mark.parametrize("shape", [(1, 1), (1, 9), (9, 1), (3, 3), (8, 5)])
@pytest.mark.parametrize("settings", [WatershedSettings(), PLAIN, WatershedSettings(convex=True, lobe_gap_px=7)])
def test_tiny_pictures_are_answered_in_their_own_size(shape, settings):
    image = np.random.default_rng(0).integers(0, 256, (*shape, 3), np.uint8)
    found = segment_watershed(image, settings)
    assert found.shape == shape
    assert set(np.unique(found)) <= {0.0, 1.0}


def simulated_crop() -> tuple[np.ndarray, np.ndarray]:
    """A crop of 150 px around a whole simulated cell, and where white cells are in it."""
    parameters = SmearParameters(seed=3, density=12, white_cell_px=80, red_cover=0.2, touching=0, uneven=0.1)
    image, cells = draw_field(parameters, 480, 400)
    truth = np.zeros(image.shape[:2], bool)
    for cell in cells:
        x0, y0, x1, y1 = cell.bbox
        truth[y0:y1, x0:x1] |= cell.mask > 0
    middles = [((c.bbox[0] + c.bbox[2]) // 2, (c.bbox[1] + c.bbox[3]) // 2) for c in cells]
    x, y = next((x, y) for x, y in middles if 75 <= x <= 405 and 75 <= y <= 325)
    window = np.s_[y - 75 : y + 75, x - 75 : x + 75]
    return image[window], truth[window]


def test_a_simulated_cell_is_found_with_its_cytoplasm_among_red_cells():
    image, truth = simulated_crop()
    found = segment_watershed(image, WatershedSettings(blue_weight=0.9, cell_level=0.15))
    assert six_metrics(truth, found >= 0.5).dice > 0.8


def test_the_answer_is_the_same_every_time_and_leaves_the_picture_alone():
    image, _ = simulated_crop()
    before = image.copy()
    first = segment_watershed(image, WatershedSettings())
    np.testing.assert_array_equal(first, segment_watershed(image, WatershedSettings()))
    np.testing.assert_array_equal(image, before)


def test_settings_come_back_from_json():
    settings = WatershedSettings(blue_weight=0.75, convex=True, lobe_gap_px=7)
    assert WatershedSettings(**json.loads(json.dumps(dataclasses.asdict(settings)))) == settings
