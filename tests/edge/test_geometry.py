from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.geometry import box_iou, clip_boxes, fit_letterbox, grow_boxes, paste_mask, union_of_masks

SIDES = st.integers(1, 3000)


def boxes(*rows: tuple[float, float, float, float]) -> np.ndarray:
    return np.array(rows, np.float32).reshape(-1, 4)


@given(width=SIDES, height=SIDES)
def test_the_letterbox_holds_the_whole_picture_in_its_middle(width, height):
    letterbox = fit_letterbox(width, height, 512, 384, 1.5)
    inside = letterbox.to_network(boxes((0, 0, width, height)))[0]
    assert np.all(inside >= -0.01)
    assert inside[2] <= 512.01
    assert inside[3] <= 384.01
    assert abs(inside[0] - (512 - inside[2])) <= 1.01
    assert abs(inside[1] - (384 - inside[3])) <= 1.01
    assert letterbox.scale_x <= 1.5 + 0.5 / width


@given(width=SIDES, height=SIDES)
def test_network_boxes_map_back_to_the_source(width, height):
    letterbox = fit_letterbox(width, height, 512, 384, 1.5)
    source = boxes((0, 0, width, height), (0.25 * width, 0.1 * height, 0.5 * width, 0.9 * height))
    # float32 keeps 7 digits: 3000 px to a thousandth, times the inverse of the smallest scale
    np.testing.assert_allclose(letterbox.to_source(letterbox.to_network(source)), source, atol=0.01)


def test_a_small_picture_is_enlarged_no_more_than_allowed():
    letterbox = fit_letterbox(120, 100, 512, 384, 1.5)
    assert (letterbox.scale_x, letterbox.scale_y) == (1.5, 1.5)
    assert (letterbox.pad_x, letterbox.pad_y) == (166, 117)


def test_clipping_and_growing_of_known_boxes():
    np.testing.assert_allclose(clip_boxes(boxes((-5, 2, 30, 40)), 20, 25), [[0, 2, 20, 25]])
    np.testing.assert_allclose(grow_boxes(boxes((10, 20, 20, 40)), 0.1), [[9, 18, 21, 42]], rtol=1e-6)
    assert clip_boxes(boxes(), 10, 10).shape == grow_boxes(boxes(), 0.1).shape == (0, 4)


def test_iou_of_known_boxes():
    a = boxes((0, 0, 2, 2), (5, 5, 5, 9))
    b = boxes((1, 1, 3, 3), (0, 0, 2, 2), (8, 8, 9, 9), (5, 5, 5, 9))
    np.testing.assert_allclose(box_iou(a, b), [[1 / 7, 1, 0, 0], [0, 0, 0, 0]], rtol=1e-6)
    assert box_iou(boxes(), b).shape == (0, 4)
    assert box_iou(a, boxes()).shape == (2, 0)


def slow_paste(mask: np.ndarray, box: tuple[float, float, float, float], width: int, height: int) -> np.ndarray:
    """From the definition, pixel by pixel, for the pixels whose square meets the box."""
    size = len(mask)
    x0, y0, x1, y1 = box

    def bin_value(row: int, column: int) -> float:
        """0 beyond the box, but where the box reaches the picture's edge as the bin at its border."""
        beyond = (column < 0 < x0, column >= size and x1 < width, row < 0 < y0, row >= size and y1 < height)
        return 0.0 if any(beyond) else float(mask[np.clip(row, 0, size - 1), np.clip(column, 0, size - 1)])

    pasted = np.zeros((height, width))
    for row in range(max(0, int(np.floor(y0))), min(height, int(np.ceil(y1)))):
        for column in range(max(0, int(np.floor(x0))), min(width, int(np.ceil(x1)))):
            u = np.clip((column + 0.5 - x0) / (x1 - x0) * size - 0.5, -1, size)
            v = np.clip((row + 0.5 - y0) / (y1 - y0) * size - 0.5, -1, size)
            left, top = int(np.floor(u)), int(np.floor(v))
            upper = bin_value(top, left) * (1 - u + left) + bin_value(top, left + 1) * (u - left)
            lower = bin_value(top + 1, left) * (1 - u + left) + bin_value(top + 1, left + 1) * (u - left)
            pasted[row, column] = upper * (1 - v + top) + lower * (v - top)
    return pasted


def disc_in_bins(size: int) -> np.ndarray:
    """A disc that fills its box, as the share of each of size x size bins that it covers."""
    fine = (np.arange(size * 20) + 0.5) / (size * 20) - 0.5
    inside = fine[:, None] ** 2 + fine**2 <= 0.25
    return inside.reshape(size, 20, size, 20).mean(axis=(1, 3)).astype(np.float32)


def disc(x: float, y: float, radius: float, width: int, height: int) -> np.ndarray:
    rows, columns = np.mgrid[:height, :width] + 0.5
    return (columns - x) ** 2 + (rows - y) ** 2 <= radius**2


@pytest.mark.parametrize(("x", "y", "radius"), [(60.0, 60.0, 35.0), (50.3, 71.8, 22.7), (64.9, 41.2, 40.4)])
def test_a_perfect_mask_over_an_ungrown_box_does_not_reach_beyond_the_cell(x, y, radius):
    truth = disc(x, y, radius, 128, 128)
    patch = paste_mask(disc_in_bins(28), np.array([x - radius, y - radius, x + radius, y + radius]), 128, 128)
    pasted = np.zeros((128, 128), bool)
    pasted[patch.window] = patch.values >= 0.5
    assert (pasted & ~truth).sum() < 0.01 * truth.sum()
    assert (truth & ~pasted).sum() < 0.01 * truth.sum()


def test_a_box_at_the_networks_edge_reaches_the_pictures_edge_whatever_the_rounding():
    for size, network in ((120, 128), (720, 384), (300, 192), (1920, 512)):
        letterbox = fit_letterbox(size, size, network, network, np.inf)
        box = letterbox.to_source(np.array([[0, 0, network, network]], np.float32))[0]
        assert (paste_mask(np.ones((4, 4), np.float32), box, size, size).values == 1).all()


def test_a_cell_cut_by_the_pictures_edge_is_pasted_up_to_it():
    patch = paste_mask(np.ones((4, 4), np.float32), np.array([0, 8, 20, 28], np.float32), 40, 40)
    assert (patch.values[2:-2, 0] == 1).all(), "at the picture's edge"
    assert (patch.values[2:-2, -1] < 1).all(), "at the box's own edge"
    whole = paste_mask(np.ones((4, 4), np.float32), np.array([0, 0, 40, 40], np.float32), 40, 40)
    assert (whole.values == 1).all()


@pytest.mark.parametrize(
    "box",
    [(10, 5, 38, 33), (3.3, 4.7, 20.1, 30.9), (-8.5, -3.25, 15, 12), (30, 20, 70.5, 55), (12.2, 9.1, 13.9, 10.4)],
)
def test_pasting_agrees_with_the_definition(box):
    mask = np.random.default_rng(3).random((14, 14)).astype(np.float32)
    patch = paste_mask(mask, np.array(box, np.float32), 48, 40)
    full = np.zeros((40, 48))
    full[patch.window] = patch.values
    # OpenCV interpolates in steps of 1/32 of a bin; between neighbouring bins a random mask changes by up to 1
    np.testing.assert_allclose(full, slow_paste(mask, box, 48, 40), atol=0.07)
    assert np.abs(full - slow_paste(mask, box, 48, 40)).mean() < 0.01


@pytest.mark.parametrize(
    "box",
    [(5, 5, 5, 9), (9, 5, 5, 9), (50, 5, 60, 9), (-9, -9, -1, -1), (np.nan, 0, 5, 5), (0, 0, 5, np.nan)],
)
def test_a_box_without_area_or_off_the_picture_gives_no_pixels(box):
    patch = paste_mask(np.ones((4, 4), np.float32), np.array(box, np.float32), 20, 20)
    assert patch.values.size == 0
    assert np.zeros((20, 20))[patch.window].size == 0


def test_the_union_of_no_masks_is_empty_and_overlaps_count_once():
    assert not union_of_masks([], 6, 5, 0.5).any()
    ones = np.ones((4, 4), np.float32)
    patches = [paste_mask(ones, np.array(box, np.float32), 6, 5) for box in ((0, 0, 3, 3), (1, 1, 4, 4))]
    union = union_of_masks(patches, 6, 5, 0.5)
    assert union.shape == (5, 6)
    assert union.sum() == 9 + 9 - 4
