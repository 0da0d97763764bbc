"""RoIAlign against a slow loop written from the definition alone."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from train.model.roi_align import RoiAlignSpec, level_of, roi_align


def spec_of(bins: int = 3, levels: int = 3) -> RoiAlignSpec:
    return RoiAlignSpec(
        strides=tuple(4 * 2**i for i in range(levels)),
        first_level=2,
        canonical_level=3,
        canonical_size=32.0,
        bins=bins,
    )


def slow_level(roi: list[float], spec: RoiAlignSpec) -> int:
    width, height = max(0.0, roi[2] - roi[0]), max(0.0, roi[3] - roi[1])
    area = np.float32(width) * np.float32(height)
    if math.isnan(area):
        return 0
    if area == 0:
        return 0
    octave = np.float32(np.log2(np.float32(np.sqrt(area)) / np.float32(spec.canonical_size)))
    level = math.floor(octave + np.float32(spec.canonical_level + 1e-6))
    return min(max(level, spec.first_level), spec.first_level + len(spec.strides) - 1) - spec.first_level


def slow_sample(feature: np.ndarray, y: float, x: float) -> np.ndarray:
    channels, height, width = feature.shape
    if not (-1 <= y <= height and -1 <= x <= width):
        return np.zeros(channels)
    y, x = min(max(y, 0.0), height - 1), min(max(x, 0.0), width - 1)
    top, left = math.floor(y), math.floor(x)
    bottom, right = min(top + 1, height - 1), min(left + 1, width - 1)
    fy, fx = y - top, x - left
    return (
        feature[:, top, left] * (1 - fy) * (1 - fx)
        + feature[:, top, right] * (1 - fy) * fx
        + feature[:, bottom, left] * fy * (1 - fx)
        + feature[:, bottom, right] * fy * fx
    )


def slow_roi_align(levels: list[np.ndarray], roi: list[float], spec: RoiAlignSpec) -> np.ndarray:
    which = slow_level(roi, spec)
    feature, stride = levels[which], spec.strides[which]
    out = np.zeros((feature.shape[0], spec.bins, spec.bins))
    x0, y0, x1, y1 = (v / stride for v in roi)
    for row in range(spec.bins):
        for column in range(spec.bins):
            for i in range(2):
                for j in range(2):
                    y = y0 + (row + (i + 0.5) / 2) * (y1 - y0) / spec.bins - 0.5
                    x = x0 + (column + (j + 0.5) / 2) * (x1 - x0) / spec.bins - 0.5
                    out[:, row, column] += slow_sample(feature, y, x) / 4
    return out


ROIS = {
    "inside": [10.0, 12.0, 50.0, 44.0],
    "tiny": [20.0, 20.0, 21.0, 20.5],
    "whole picture": [0.0, 0.0, 96.0, 80.0],
    "over the left and top edge": [-30.0, -20.0, 20.0, 30.0],
    "over the right and bottom edge": [70.0, 60.0, 140.0, 110.0],
    "off the picture": [200.0, 200.0, 260.0, 250.0],
    "no area": [30.0, 30.0, 30.0, 30.0],
    "inverted": [50.0, 40.0, 20.0, 10.0],
    "exactly the canonical size": [10.0, 10.0, 42.0, 42.0],
    "exactly twice the canonical size": [5.0, 5.0, 69.0, 69.0],
    "NaN": [math.nan, 10.0, 40.0, 40.0],
}


@pytest.fixture(scope="module")
def features() -> list[torch.Tensor]:
    generator = torch.Generator().manual_seed(0)
    return [torch.randn(2, 5, 80 // s, 96 // s, generator=generator) for s in (4, 8, 16)]


@pytest.mark.parametrize("name", ROIS)
@pytest.mark.parametrize("bins", [1, 3, 7])
def test_pools_as_the_slow_loop_does(features: list[torch.Tensor], name: str, bins: int) -> None:
    spec = spec_of(bins)
    rois = torch.tensor([[ROIS[name]], [ROIS["inside"]]])
    pooled = roi_align(features, rois, spec)
    for image, roi in enumerate((ROIS[name], ROIS["inside"])):
        expected = slow_roi_align([f[image].numpy() for f in features], roi, spec)
        # float32 coordinates of some hundred px leave about 1e-5 of a cell
        np.testing.assert_allclose(pooled[image, 0].numpy(), expected, atol=2e-5)


def test_many_rois_of_many_sizes_agree_with_the_slow_loop(features: list[torch.Tensor]) -> None:
    generator = np.random.default_rng(1)
    centre, size = generator.uniform(-10, 100, (40, 2)), np.exp(generator.uniform(0, 5, (40, 2)))
    rois = torch.tensor(np.concatenate([centre - size / 2, centre + size / 2], axis=1), dtype=torch.float32)
    spec = spec_of(4)
    pooled = roi_align(features, rois[None].expand(2, -1, -1), spec)
    for index, roi in enumerate(rois.tolist()):
        expected = slow_roi_align([f[1].numpy() for f in features], roi, spec)
        np.testing.assert_allclose(pooled[1, index].numpy(), expected, atol=5e-5)


@pytest.mark.parametrize(
    ("side", "level"), [(1.0, 0), (15.9, 0), (31.9, 0), (32.0, 1), (63.9, 1), (64.0, 2), (500.0, 2)]
)
def test_the_level_changes_exactly_at_powers_of_two(side: float, level: int) -> None:
    assert level_of(torch.tensor([[[0.0, 0.0, side, side]]]), spec_of()).item() == level


def test_zero_rois_give_an_empty_tensor(features: list[torch.Tensor]) -> None:
    assert roi_align(features, torch.zeros(2, 0, 4), spec_of(3)).shape == (2, 0, 5, 3, 3)


def test_a_constant_map_stays_constant_inside() -> None:
    levels = [torch.full((1, 2, 20, 24), 3.5), torch.full((1, 2, 10, 12), 3.5)]
    pooled = roi_align(levels, torch.tensor([[[10.0, 10.0, 60.0, 70.0]]]), spec_of(7, levels=2))
    assert torch.allclose(pooled, torch.full_like(pooled, 3.5))


def test_gradients_match_finite_differences() -> None:
    spec = spec_of(2, levels=1)
    feature = torch.randn(1, 2, 6, 5, dtype=torch.float64, requires_grad=True)
    rois = torch.tensor([[[1.0, 2.0, 15.0, 17.0], [-3.0, 4.0, 9.0, 30.0]]])
    assert torch.autograd.gradcheck(lambda f: roi_align([f], rois, spec), (feature,), eps=1e-6, atol=1e-6)
