from __future__ import annotations

import cv2
import numpy as np
import pytest

from train.experiment.watershed.settings import WatershedSettings
from train.experiment.watershed.transformations import (
    cell_map,
    find_nuclei,
    inner_distance,
    nucleus_map,
    outer_distance,
    part_nuclei,
    whiten,
)

PLAIN = WatershedSettings(smoothing_px=0.0, lobe_gap_px=0)


def discs(*circles: tuple[int, int, int], size: int = 120) -> np.ndarray:
    rows, columns = np.mgrid[:size, :size]
    return np.any([(columns - x) ** 2 + (rows - y) ** 2 <= radius**2 for x, y, radius in circles], axis=0)


def test_clear_ground_of_any_colour_becomes_white_and_the_rest_keeps_its_transmittance():
    image = np.full((10, 10, 3), (120, 200, 240), np.uint8)
    image[:2] = (60, 100, 60)
    white = whiten(image, PLAIN)
    np.testing.assert_allclose(white[5, 5], 255)
    np.testing.assert_allclose(white[0, 0], (127.5, 127.5, 63.75))


def test_a_black_picture_is_whitened_without_a_division_by_zero():
    assert np.isfinite(whiten(np.zeros((4, 4, 3), np.uint8), PLAIN)).all()


def test_the_nucleus_map_is_blue_minus_green_cut_at_zero():
    white = np.array([[[200, 50, 120], [40, 90, 250]]], np.float32)
    np.testing.assert_array_equal(nucleus_map(white), [[150, 0]])


def test_the_cell_map_goes_from_the_darkness_of_green_to_blue_minus_green():
    white = np.random.default_rng(0).uniform(0, 255, (6, 7, 3)).astype(np.float32)
    np.testing.assert_allclose(cell_map(white, 0.0), 255 - white[..., 1], rtol=1e-6)
    np.testing.assert_allclose(cell_map(white, 1.0), nucleus_map(white), atol=1e-4)


def test_nuclei_are_the_pixels_above_otsus_threshold():
    truth = discs((60, 60, 20))
    np.testing.assert_array_equal(find_nuclei(np.where(truth, 100, 5).astype(np.float32), PLAIN), truth)


def test_the_second_threshold_keeps_the_darker_of_two_stains():
    nucleus, cell = discs((60, 60, 12)), discs((60, 60, 30))
    purple = np.where(nucleus, 160, np.where(cell, 90, 0)).astype(np.float32)
    strict = WatershedSettings(smoothing_px=0.0, lobe_gap_px=0, nucleus_level=1.0)
    np.testing.assert_array_equal(find_nuclei(purple, strict), nucleus)


@pytest.mark.parametrize("level", [0, 7, 255])
def test_an_even_map_has_no_nuclei(level):
    assert not find_nuclei(np.full((30, 30), level, np.float32), PLAIN).any()


def test_sensor_noise_has_no_nuclei():
    noise = np.random.default_rng(2).normal(20, 3, (100, 100)).clip(0).astype(np.float32)
    assert not find_nuclei(noise, PLAIN).any()


def test_a_speck_is_no_nucleus():
    truth = discs((60, 60, 20))
    purple = np.where(truth, 100, 0).astype(np.float32)
    purple[5, 5] = 100
    np.testing.assert_array_equal(find_nuclei(purple, PLAIN), truth)


def test_lobes_nearer_than_twice_the_gap_become_one_nucleus():
    lobes = discs((48, 60, 10), (72, 60, 10))  # 3 px apart
    purple = np.where(lobes, 100, 0).astype(np.float32)
    apart = find_nuclei(purple, PLAIN)
    joined = find_nuclei(purple, WatershedSettings(smoothing_px=0.0, lobe_gap_px=3))
    assert cv2.connectedComponents(apart.astype(np.uint8))[0] - 1 == 2
    assert cv2.connectedComponents(joined.astype(np.uint8))[0] - 1 == 1


def test_closing_adds_nothing_along_the_pictures_edge():
    truth = discs((0, 60, 20))
    found = find_nuclei(np.where(truth, 100, 0).astype(np.float32), WatershedSettings(smoothing_px=0.0, lobe_gap_px=4))
    assert np.abs(found.astype(int) - truth).sum() < 20


def test_two_overlapping_discs_are_parted_half_way():
    nuclei = discs((45, 60, 20), (75, 60, 20))
    parted = part_nuclei(nuclei, depth_px=2.0)
    assert set(np.unique(parted)) == {0, 1, 2}
    np.testing.assert_array_equal(parted > 0, nuclei)
    assert parted[60, 45] != parted[60, 75]
    assert np.unique(parted[nuclei & (np.mgrid[:120, :120][1] < 59)]).size == 1
    assert np.unique(parted[nuclei & (np.mgrid[:120, :120][1] > 61)]).size == 1


def test_a_neck_less_deep_than_asked_parts_nothing():
    assert part_nuclei(discs((45, 60, 20), (75, 60, 20)), depth_px=15.0).max() == 1


def test_a_nucleus_narrower_than_the_marker_depth_keeps_its_number():
    nuclei = discs((20, 20, 2), (80, 80, 20))
    parted = part_nuclei(nuclei, depth_px=10.0)
    np.testing.assert_array_equal(parted > 0, nuclei)
    assert parted.max() == 2


def test_no_nuclei_part_into_none():
    assert part_nuclei(np.zeros((10, 12), bool), 2.0).max() == 0


def test_the_inner_distance_counts_the_pictures_edge_as_outside():
    distance = inner_distance(np.ones((5, 9), bool))
    assert distance[2, 4] == pytest.approx(3.0, abs=1e-3)
    assert distance[0, 4] == pytest.approx(1.0, abs=1e-3)


def test_the_outer_distance_is_euclidean():
    mask = np.zeros((10, 10), bool)
    mask[1, 1] = True
    assert outer_distance(mask)[5, 4] == pytest.approx(5.0, abs=1e-3)
    assert outer_distance(mask)[1, 1] == 0
