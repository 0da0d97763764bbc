"""The C++ arithmetic on the host against the PyTorch reference."""

from __future__ import annotations

import subprocess
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from tests.export.plugin.host_library import roi_align_host
from train.model.roi_align import RoiAlignSpec, level_of, roi_align

SPEC = RoiAlignSpec(strides=(4, 8, 16, 32), first_level=2, canonical_level=4, canonical_size=112.0, bins=7)
#: Odd heights and widths: the last cells of the levels do not line up.
SIZES = ((37, 51), (19, 26), (10, 13), (5, 7))
NAN = float("nan")
INF = float("inf")
EDGE_CASES = [
    [-60.0, -40.0, 30.0, 30.0],
    [180.0, 120.0, 260.0, 200.0],
    [500.0, 500.0, 560.0, 560.0],
    [-900.0, -900.0, 900.0, 900.0],
    [20.0, 20.0, 20.0, 20.0],
    [20.0, 20.0, 90.0, 20.0],
    [90.0, 80.0, 20.0, 30.0],
    [90.0, 30.0, 20.0, 80.0],
    [0.0, 0.0, 0.0, 0.0],
    [NAN, 10.0, 40.0, 40.0],
    [10.0, 10.0, 40.0, NAN],
    [NAN, NAN, NAN, NAN],
    [0.0, 0.0, INF, 40.0],
    [-INF, -INF, INF, INF],
]
POWERS_OF_TWO = [[8.0, 8.0, 8.0 + size, 8.0 + size] for size in (7.0, 14.0, 28.0, 56.0, 112.0, 224.0, 448.0)]


def boxes_at_random(count: int) -> NDArray[np.float32]:
    rng = np.random.default_rng(7)
    corner = rng.uniform(-20, 180, (count, 2))
    return np.concatenate([corner, corner + rng.uniform(1, 200, (count, 2))], axis=1).astype(np.float32)


ALL_BOXES = np.concatenate([boxes_at_random(40), np.array(EDGE_CASES + POWERS_OF_TWO, dtype=np.float32)])


def pyramid(channels: int, dtype: type) -> list[NDArray]:
    rng = np.random.default_rng(channels)
    shapes = [(1, channels, *size) for size in SIZES]
    if dtype is np.int8:
        return [rng.integers(-128, 128, shape).astype(np.int8) for shape in shapes]
    return [rng.standard_normal(shape).astype(dtype) for shape in shapes]


def reference(levels: list[NDArray], rois: NDArray, spec: RoiAlignSpec = SPEC) -> NDArray[np.float32]:
    """The PyTorch definition on the features' values in float32."""
    tensors = [torch.from_numpy(level.astype(np.float32)) for level in levels]
    return roi_align(tensors, torch.from_numpy(rois)[None], spec)[0].numpy()


def pooled_on_host(
    levels: list[NDArray], rois: NDArray, layout: str, spec: RoiAlignSpec = SPEC, source: str = "host"
) -> NDArray:
    return roi_align_host(
        levels,
        rois,
        strides=spec.strides,
        first_level=spec.first_level,
        canonical_level=spec.canonical_level,
        canonical_size=spec.canonical_size,
        bins=spec.bins,
        layout=layout,
        source=source,
    )


def test_closed_forms_hold_in_cpp(host_library: Path) -> None:
    test = str(host_library.parent / "leukoedge_test_roi_align")
    run = subprocess.run([test], capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stdout


@pytest.mark.parametrize(
    ("channels", "layout"), [(1, "linear"), (13, "linear"), (16, "hwc"), (32, "hwc"), (40, "chw32")]
)
def test_float32_equals_the_reference(host_library: Path, channels: int, layout: str) -> None:
    levels = pyramid(channels, np.float32)
    # the 16 products are the same numbers; their sum is rounded in another order: 16 half ulps of a sum below 8
    np.testing.assert_allclose(
        pooled_on_host(levels, ALL_BOXES, layout), reference(levels, ALL_BOXES), rtol=0, atol=16 * 2.0**-22
    )


@pytest.mark.parametrize("channels", [5, 16, 24, 33])
@pytest.mark.parametrize("layout", ["linear", "hwc8", "hwc16", "chw32"])
def test_float16_is_the_reference_rounded_once(host_library: Path, channels: int, layout: str) -> None:
    levels = pyramid(channels, np.float16)
    expected = reference(levels, ALL_BOXES)
    got = pooled_on_host(levels, ALL_BOXES, layout)
    assert got.dtype == np.float16
    # half a unit in float16's last place (2^-11), and the order of the sum before it
    np.testing.assert_allclose(got.astype(np.float32), expected, rtol=2.0**-11, atol=16 * 2.0**-22)


@pytest.mark.parametrize("channels", [5, 16, 33, 64])
@pytest.mark.parametrize("layout", ["linear", "hwc16", "chw32"])
def test_int8_is_the_dequantised_reference_quantised_again(host_library: Path, channels: int, layout: str) -> None:
    scale = 2.0**-5  # a power of two: dequantising, pooling and quantising add no rounding of their own
    levels = pyramid(channels, np.int8)
    real = reference([level.astype(np.float32) * scale for level in levels], ALL_BOXES) / scale
    got = pooled_on_host(levels, ALL_BOXES, layout)
    assert got.dtype == np.int8
    expected = np.clip(np.round(real), -128, 127)
    # a sum within rounding of a half may fall on either side of it
    tie = np.abs(np.abs(real - np.floor(real)) - 0.5) < 1e-3
    assert np.abs(got - expected)[tie].max(initial=0) <= 1
    np.testing.assert_array_equal(got[~tie], expected[~tie])
    assert tie.mean() < 0.02


def test_int8_ties_go_to_even(host_library: Path) -> None:
    # one bin over cells 0 and 1 of each row samples a quarter and three quarters: their mean, exactly a half
    spec = RoiAlignSpec(strides=(1,), first_level=0, canonical_level=0, canonical_size=1.0, bins=1)
    for low, high, expected in [(0, 1, 0), (1, 2, 2), (2, 3, 2), (-1, 0, 0), (-2, -1, -2), (-128, -127, -128)]:
        level = np.tile(np.array([low, high], dtype=np.int8), (1, 1, 2, 1))
        box = np.array([[0.5, 0.5, 1.5, 1.5]], dtype=np.float32)
        assert pooled_on_host([level], box, "linear", spec).item() == expected


def test_every_layout_gives_the_same_bits(host_library: Path) -> None:
    for dtype, layouts in ((np.float16, ("hwc8", "hwc16", "chw32")), (np.int8, ("hwc16", "chw32"))):
        levels = pyramid(33, dtype)
        linear = pooled_on_host(levels, ALL_BOXES, "linear")
        for layout in layouts:
            np.testing.assert_array_equal(pooled_on_host(levels, ALL_BOXES, layout), linear)


@pytest.mark.parametrize(
    ("dtype", "layout"),
    [
        *[(np.float32, layout) for layout in ("linear", "hwc")],
        *[(np.float16, layout) for layout in ("linear", "hwc8", "hwc16")],
        *[(np.int8, layout) for layout in ("linear", "hwc16", "chw32")],
    ],
)
@pytest.mark.parametrize(("channels", "bins"), [(8, 7), (20, 3), (64, 14), (128, 7)])
def test_the_kernel_gives_the_bits_of_the_host_library(
    host_library: Path, dtype: type, layout: str, channels: int, bins: int
) -> None:
    # few and many channels: one block then takes many rows of bins, some or one
    spec = RoiAlignSpec(strides=SPEC.strides, first_level=2, canonical_level=4, canonical_size=112.0, bins=bins)
    levels = pyramid(channels, dtype)
    boxes = ALL_BOXES[34:47]
    np.testing.assert_array_equal(
        pooled_on_host(levels, boxes, layout, spec, source="kernel"), pooled_on_host(levels, boxes, layout, spec)
    )


def test_the_kernel_takes_zero_rois(host_library: Path) -> None:
    got = pooled_on_host(pyramid(16, np.float16), np.zeros((0, 4), dtype=np.float32), "hwc8", source="kernel")
    assert got.shape == (0, 16, 7, 7)


@pytest.mark.parametrize("bins", [1, 7, 14, 32])
def test_other_numbers_of_bins(host_library: Path, bins: int) -> None:
    spec = RoiAlignSpec(strides=(4, 8, 16, 32), first_level=2, canonical_level=3, canonical_size=56.0, bins=bins)
    levels = pyramid(3, np.float32)
    got = pooled_on_host(levels, ALL_BOXES, "linear", spec)
    assert got.shape == (len(ALL_BOXES), 3, bins, bins)
    np.testing.assert_allclose(got, reference(levels, ALL_BOXES, spec), rtol=0, atol=16 * 2.0**-22)


def test_exact_powers_of_two_read_the_level_that_the_reference_reads(host_library: Path) -> None:
    # each level holds its own number, so that the result names the level
    levels = [np.full((1, 1, *size), float(i), dtype=np.float32) for i, size in enumerate(SIZES)]
    # squares of exactly a level's size, as wide as high and not, and a thousandth below and above
    sides = [(s * f, s / f) for s in (28, 56, 112, 224) for f in (1.0, 0.5, 0.999999)]
    sides += [(s * f, s * f) for s in (28, 56, 112, 224) for f in (0.999, 1.001)]
    boxes = np.array([[4.0, 4.0, 4.0 + width, 4.0 + height] for width, height in sides], dtype=np.float32)
    centre = pooled_on_host(levels, boxes, "linear")[:, 0, 0, 0]  # this bin lies inside every level
    np.testing.assert_allclose(centre, level_of(torch.from_numpy(boxes), SPEC).numpy(), atol=1e-5)
    np.testing.assert_allclose(centre[:12], np.repeat([0, 1, 2, 3], 3), atol=1e-5)
    np.testing.assert_allclose(centre[12:], [0, 0, 0, 1, 1, 2, 2, 3], atol=1e-5)


def test_zero_rois_give_an_empty_result(host_library: Path) -> None:
    got = pooled_on_host(pyramid(16, np.float16), np.zeros((0, 4), dtype=np.float32), "hwc8")
    assert got.shape == (0, 16, 7, 7)


def test_one_cell_per_level(host_library: Path) -> None:
    levels = [np.full((1, 2, 1, 1), 3.0, dtype=np.float32) for _ in SIZES]
    np.testing.assert_allclose(
        pooled_on_host(levels, ALL_BOXES, "linear"), reference(levels, ALL_BOXES), rtol=0, atol=1e-5
    )


def test_faults_are_said_in_one_sentence(host_library: Path) -> None:
    levels = pyramid(4, np.float32)
    faulty = RoiAlignSpec(strides=SPEC.strides, first_level=2, canonical_level=4, canonical_size=112.0, bins=33)
    with pytest.raises(ValueError, match="bins is 33, 1 to 32 are expected"):
        pooled_on_host(levels, ALL_BOXES, "linear", faulty)
    faulty = RoiAlignSpec(strides=SPEC.strides, first_level=2, canonical_level=4, canonical_size=-1.0, bins=7)
    with pytest.raises(ValueError, match="canonical_size is -1"):
        pooled_on_host(levels, ALL_BOXES, "linear", faulty)
    with pytest.raises(ValueError, match="groups of 5, 1 or a multiple of 4 is expected"):
        pooled_on_host(pyramid(5, np.float32), ALL_BOXES, "hwc")
