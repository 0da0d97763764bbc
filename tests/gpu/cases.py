"""The poolings that are looked at, and what they pool."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

SAMPLES = 2
LAYOUTS = {"float32": ("linear", "hwc"), "float16": ("linear", "hwc8", "hwc16"), "int8": ("linear", "hwc16", "chw32")}
"""The plugin's types with their formats, by the names of `tests.export.plugin.host_library`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One pooling; sizes in network px."""

    name: str
    rois: int
    bins: int
    channels: int
    width: int
    height: int
    strides: tuple[int, ...]
    first_level: int
    canonical_level: int
    canonical_size: float


LARGE = Case(
    name="300 ROIs, 7x7, C 256, 512x512",
    rois=300,
    bins=7,
    channels=256,
    width=512,
    height=512,
    strides=(4, 8, 16, 32),
    first_level=2,
    canonical_level=4,
    canonical_size=224.0,
)
EDGE_BOXES = Case(
    name="edge boxes: 48 ROIs, 7x7, C 64",
    rois=48,
    bins=7,
    channels=64,
    width=512,
    height=384,
    strides=(8, 16, 32),
    first_level=3,
    canonical_level=4,
    canonical_size=128.0,
)
EDGE_MASKS = Case(
    name="edge masks: 48 ROIs, 28x28, C 32",
    rois=48,
    bins=28,
    channels=32,
    width=512,
    height=384,
    strides=(4,),
    first_level=2,
    canonical_level=4,
    canonical_size=128.0,
)
CASES = (LARGE, EDGE_BOXES, EDGE_MASKS)


def draw_rois(case: Case, seed: int = 0) -> NDArray[np.float32]:
    """Boxes [R, 4] of all sizes from 10 px to the picture's, some of them beyond its border."""
    random = np.random.default_rng(seed)
    sides = np.exp(random.uniform(np.log(10), np.log(case.width), (case.rois, 2)))
    centres = random.uniform(0, (case.width, case.height), (case.rois, 2))
    return np.concatenate([centres - sides / 2, centres + sides / 2], axis=1).astype(np.float32)


def draw_levels(case: Case, dtype: str, seed: int = 1) -> list[NDArray]:
    """Random features, [1, C, H, W] a level."""
    random = np.random.default_rng(seed)
    shapes = [(1, case.channels, case.height // stride, case.width // stride) for stride in case.strides]
    if dtype == "int8":
        return [random.integers(-128, 128, shape).astype(np.int8) for shape in shapes]
    return [random.standard_normal(shape, np.float32).astype(dtype) for shape in shapes]


def levels_of(rois: NDArray[np.float32], case: Case) -> NDArray[np.int64]:
    """The index into `case.strides` that each ROI reads."""
    sides = (rois[:, 2:] - rois[:, :2]).clip(0)
    ratio = np.sqrt(sides[:, 0] * sides[:, 1]) / np.float32(case.canonical_size)
    octave = np.floor(np.log2(np.maximum(ratio, 1e-6)) + case.canonical_level + 1e-6)
    return (octave - case.first_level).clip(0, len(case.strides) - 1).astype(np.int64)
