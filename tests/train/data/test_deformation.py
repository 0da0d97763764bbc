from __future__ import annotations

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from train.data.augment import Example
from train.data.deformation import STEEPEST, displacement, elastic, elastic_scale, resample, rotate

SLIDE = (230, 225, 228)
SIDE = 120


def cell(mask: NDArray[np.uint8]) -> Example:
    image = np.full((*mask.shape, 3), SLIDE, np.uint8)
    image[mask > 127] = (130, 40, 90)
    return Example(image=image, masks=[mask])


def drawn(kind: str, side: int = SIDE) -> NDArray[np.uint8]:
    mask = np.zeros((side, side), np.uint8)
    middle, radius = side // 2, side // 4
    if kind == "disc":
        cv2.circle(mask, (middle, middle), radius, 255, -1)
    elif kind == "lobes":  # two lobes on a bridge of three pixels
        cv2.circle(mask, (middle - radius, middle), radius // 2, 255, -1)
        cv2.circle(mask, (middle + radius, middle), radius // 2, 255, -1)
        mask[middle - 1 : middle + 2, middle - radius : middle + radius] = 255
    elif kind == "crescent":
        cv2.circle(mask, (middle, middle), radius, 255, -1)
        cv2.circle(mask, (middle + radius // 2, middle), radius // 2 + 3, 0, -1)
    return mask


def pieces(mask: NDArray[np.uint8]) -> int:
    """Flood fill by hand, so that the product's own count is not what judges it."""
    left = {(int(r), int(c)) for r, c in np.argwhere(mask > 127)}
    count = 0
    while left:
        count += 1
        border = [left.pop()]
        while border:
            row, column = border.pop()
            near = {(row + i, column + j) for i in (-1, 0, 1) for j in (-1, 0, 1)} & left
            left -= near
            border += near
    return count


def strongest(side: int = SIDE) -> tuple[float, float]:
    """Alpha and sigma of the strongest deformation that the configurations allow."""
    sigma_px = 0.08 * side
    return elastic_scale(0.03 * side, sigma_px), sigma_px


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), kind=st.sampled_from(["disc", "lobes", "crescent"]))
def test_an_elastic_cell_stays_one_piece_of_about_its_area(seed: int, kind: str) -> None:
    mask = drawn(kind)
    moved = elastic(cell(mask), *strongest(), np.random.default_rng(seed)).masks[0]
    assert pieces(moved) == pieces(mask) == 1
    # no place is stretched or shrunk by more than (1 +- STEEPEST)^2, and a whole cell averages over several places
    assert 0.5 < (moved > 127).sum() / (mask > 127).sum() < 1.7


def test_elastic_areas_are_right_on_average() -> None:
    mask = drawn("disc")
    areas = [elastic(cell(mask), *strongest(), np.random.default_rng(seed)).masks[0].sum() for seed in range(60)]
    # each pixel looks up a place that is as likely to lie on one side as on the other
    assert np.mean(areas) / mask.sum() == pytest.approx(1, abs=0.05)
    assert np.std(areas) > 0


@pytest.mark.parametrize("seed", range(4))
def test_image_and_mask_are_displaced_alike_pixel_by_pixel(seed: int) -> None:
    pattern = np.zeros((SIDE, SIDE), np.uint8)
    pattern[30:90, 30:90] = np.random.default_rng(9).integers(0, 2, (60, 60), dtype=np.uint8) * 255
    marked = Example(image=np.repeat(pattern[:, :, None], 3, axis=2), masks=[pattern])
    for moved in (
        elastic(marked, *strongest(), np.random.default_rng(seed)),
        rotate(marked, float(np.random.default_rng(seed).uniform(-180, 180))),
    ):
        np.testing.assert_array_equal(moved.image[:, :, 0], moved.masks[0])
        assert (moved.masks[0] != pattern).any()


@pytest.mark.parametrize(("degrees", "turns"), [(0, 0), (90, 1), (180, 2), (-180, 2), (-90, 3)])
@pytest.mark.parametrize("side", [64, 65])
def test_rotation_by_right_angles_is_exact(degrees: float, turns: int, side: int) -> None:
    mask = drawn("crescent", side)
    image = np.random.default_rng(2).integers(0, 256, (side, side, 3), dtype=np.uint8)
    turned = rotate(Example(image=image, masks=[mask]), degrees)
    np.testing.assert_array_equal(turned.image, np.rot90(image, turns))  # counter-clockwise, as NumPy turns
    np.testing.assert_array_equal(turned.masks[0], np.rot90(mask, turns))


@pytest.mark.parametrize("degrees", [17.0, -45.0, 133.0])
def test_rotation_keeps_area_and_turns_the_centroid(degrees: float) -> None:
    mask = np.zeros((SIDE, SIDE), np.uint8)
    cv2.ellipse(mask, (75, 55), (22, 12), 20, 0, 360, 255, -1)
    moved = rotate(cell(mask), degrees).masks[0].astype(float)
    assert moved.sum() == pytest.approx(mask.sum(), rel=0.02)
    assert pieces(moved.astype(np.uint8)) == 1
    y, x = np.mgrid[:SIDE, :SIDE]
    middle = (SIDE - 1) / 2

    def centroid(weights: NDArray) -> complex:
        return complex(
            float((weights * x).sum() / weights.sum()) - middle, middle - float((weights * y).sum() / weights.sum())
        )

    expected = centroid(mask) * np.exp(1j * np.deg2rad(degrees))
    assert abs(centroid(moved) - expected) < 0.1


def test_no_black_wedge_and_no_mirrored_cell_come_in_beyond_the_edge() -> None:
    mask = np.zeros((SIDE, SIDE), np.uint8)
    cv2.circle(mask, (60, 26), 24, 255, -1)  # two pixels from the edge: a plain mirror image would show it again
    turned = rotate(cell(mask), 45.0)
    cell_pixels = turned.image[:, :, 1] < 120
    assert pieces((cell_pixels * np.uint8(255)).astype(np.uint8)) == 1
    assert (cell_pixels & (turned.masks[0] <= 127)).sum() < 40  # the rim of the outline, nothing else
    corners = turned.image[[0, 0, -1, -1], [0, -1, 0, -1]]
    np.testing.assert_allclose(corners, np.tile(SLIDE, (4, 1)), atol=1)


def test_a_cell_that_would_come_apart_is_not_resampled() -> None:
    mask = drawn("lobes")
    y, x = np.mgrid[:SIDE, :SIDE].astype(np.float32)
    beside_the_bridge = np.where(np.abs(x - SIDE // 2) < 6, y + 10, y).astype(np.float32)
    assert resample(cell(mask), x, beside_the_bridge) is None
    assert resample(cell(mask), x, y) is not None


def test_a_thread_that_any_deformation_tears_leaves_the_picture_as_it_was() -> None:
    thread = np.zeros((SIDE, SIDE), np.uint8)
    thread[20:100, 60] = 129  # just above half height: any interpolation between columns falls below it in places
    thread[20:26, 56:66] = thread[94:100, 56:66] = 255
    source = cell(thread)
    moved = elastic(source, *strongest(), np.random.default_rng(0))
    assert moved is source


def test_cells_turned_out_of_the_picture_are_dropped() -> None:
    corner = np.zeros((SIDE, SIDE), np.uint8)
    corner[:12, :12] = 255
    assert rotate(cell(corner), 45.0).masks == []
    assert len(rotate(cell(corner), 90.0).masks) == 1


@pytest.mark.parametrize(("sigma_px", "wanted"), [(4.0, 0.4), (8.0, 1.0)])
def test_alpha_gives_the_displacement_asked_for(sigma_px: float, wanted: float) -> None:
    fields = [
        displacement(160, 160, elastic_scale(wanted, sigma_px), sigma_px, np.random.default_rng(seed))
        for seed in range(8)
    ]
    inner = np.stack(fields)[:, :, 30:-30, 30:-30]  # at the edge the smoothing sees its own mirror image
    assert np.sqrt((inner**2).mean()) == pytest.approx(wanted, rel=0.15)


def test_simards_values_displace_by_one_and_a_half_pixels() -> None:
    assert elastic_scale(1.385, 4.0) == pytest.approx(34, rel=0.01)


@pytest.mark.parametrize("seed", range(5))
def test_the_displacement_never_folds(seed: int) -> None:
    field = displacement(80, 100, 4000.0, 5.0, np.random.default_rng(seed))  # far beyond what would fold
    down, right = np.gradient(field, axis=(1, 2))
    determinant = (1 + right[0]) * (1 + down[1]) - right[1] * down[0]
    assert determinant.min() > (1 - STEEPEST) ** 2 - 1e-3
    assert np.abs(field).max() > 1


def test_no_alpha_means_no_change() -> None:
    source = cell(drawn("disc"))
    still = elastic(source, 0.0, 8.0, np.random.default_rng(0))
    np.testing.assert_array_equal(still.image, source.image)
    np.testing.assert_array_equal(still.masks[0], source.masks[0])
