"""The arithmetic of the measurements, against closed forms and the definition of RoIAlign."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from tests.gpu.cases import CASES, EDGE_MASKS, LARGE, LAYOUTS, Case, draw_levels, draw_rois, levels_of
from tests.gpu.figures import bytes_moved, median, percentile, touched_cells
from train.model.config import EDGE
from train.model.leukocytemask import LeukocyteMask
from train.model.roi_align import RoiAlignSpec, level_of

SMALL = Case(
    name="small",
    rois=1,
    bins=2,
    channels=16,
    width=64,
    height=32,
    strides=(8,),
    first_level=3,
    canonical_level=3,
    canonical_size=32.0,
)


def boxes(*rows: tuple[float, float, float, float]) -> np.ndarray:
    return np.array(rows, np.float32).reshape(-1, 4)


def test_median_and_percentile() -> None:
    assert median([3.0, 1.0, 2.0]) == 2.0
    assert percentile([float(i) for i in range(101)], 95) == 95.0


def test_a_box_needs_the_cells_between_which_its_samples_lie() -> None:
    # 1 to 3 cells: samples at 0.75, 1.25, 1.75 and 2.25, so cells 0 to 3 along both axes
    assert touched_cells(boxes((8, 8, 24, 24)), SMALL) == 16


def test_cells_that_two_boxes_need_count_once() -> None:
    assert touched_cells(boxes((8, 8, 24, 24), (8, 8, 24, 24)), SMALL) == 16


def test_boxes_off_the_frame_and_no_boxes_need_no_cell() -> None:
    assert touched_cells(boxes((500, 8, 600, 24)), SMALL) == 0
    assert touched_cells(boxes(), SMALL) == 0


def test_a_box_over_all_needs_every_cell_only_if_its_samples_are_dense() -> None:
    assert touched_cells(boxes((0, 0, 64, 32)), replace(SMALL, bins=8)) == 8 * 4
    assert touched_cells(boxes((0, 0, 64, 32)), replace(SMALL, bins=1)) == 4 * 4


def test_bytes_are_cells_in_boxes_in_and_bins_out() -> None:
    assert bytes_moved(boxes((8, 8, 24, 24)), SMALL, 2) == 16 * 16 * 2 + 16 + 16 * 4 * 2


def test_the_large_case_moves_at_most_what_its_whole_pyramid_holds() -> None:
    pyramid = sum((512 // stride) ** 2 for stride in LARGE.strides) * 256 * 2
    output = 300 * 256 * 49 * 2
    moved = bytes_moved(draw_rois(LARGE), LARGE, 2)
    assert output < moved <= pyramid + output + 300 * 16


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_levels_are_those_of_the_definition(case: Case) -> None:
    rois = draw_rois(case)
    spec = RoiAlignSpec(
        strides=case.strides,
        first_level=case.first_level,
        canonical_level=case.canonical_level,
        canonical_size=case.canonical_size,
        bins=case.bins,
    )
    np.testing.assert_array_equal(levels_of(rois, case), level_of(torch.from_numpy(rois), spec).numpy())


def test_the_large_case_reads_every_level() -> None:
    assert set(levels_of(draw_rois(LARGE), LARGE)) == {0, 1, 2, 3}


def test_the_edge_cases_are_those_of_the_preset() -> None:
    model = LeukocyteMask(EDGE)
    sizes = {"boxes": (EDGE.proposals, EDGE.fpn_channels), "masks": (EDGE.slots, EDGE.mask_channels)}
    for case, align, (rois, channels) in zip(
        CASES[1:], (model.box_align, model.mask_align), sizes.values(), strict=True
    ):
        assert (case.rois, case.channels) == (rois, channels)
        assert (case.width, case.height) == (EDGE.input_width, EDGE.input_height)
        assert align.spec == RoiAlignSpec(
            strides=case.strides,
            first_level=case.first_level,
            canonical_level=case.canonical_level,
            canonical_size=case.canonical_size,
            bins=case.bins,
        )


@pytest.mark.parametrize("dtype", LAYOUTS)
def test_features_have_the_shapes_of_the_levels(dtype: str) -> None:
    (level,) = draw_levels(EDGE_MASKS, dtype)
    assert (level.shape, level.dtype) == ((1, 32, 96, 128), np.dtype(dtype))
