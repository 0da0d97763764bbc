from __future__ import annotations

from itertools import product

import numpy as np
import pytest
from numpy.typing import NDArray

from edge.geometry import MaskPatch
from train.matching import match_cells, match_greedily


def patch(x: int, y: int, width: int, height: int) -> MaskPatch:
    return MaskPatch(x=x, y=y, values=np.ones((height, width), np.float32))


def square(instances: NDArray[np.int32], number: int, x: int, y: int, size: int) -> None:
    instances[y : y + size, x : x + size] = number


def test_each_cell_is_found_once_and_the_rest_is_false() -> None:
    instances = np.zeros((40, 60), np.int32)
    square(instances, 1, 0, 0, 10)
    square(instances, 2, 30, 20, 10)
    patches = [patch(0, 0, 10, 10), patch(1, 0, 10, 10), patch(50, 0, 5, 5)]
    matching = match_cells(patches, instances, 0.5)
    assert (matching.cells, matching.found, matching.false_cells) == (2, 1, 2)
    assert matching.ious == (1.0,)


def test_an_overlap_of_exactly_one_half_counts() -> None:
    instances = np.zeros((10, 30), np.int32)
    instances[:, :10] = 1
    assert match_cells([patch(0, 0, 20, 10)], instances, 0.5).ious == (0.5,)
    assert match_cells([patch(0, 0, 21, 10)], instances, 0.5).ious == ()


def test_iou_agrees_with_a_count_over_whole_pictures() -> None:
    rng = np.random.default_rng(3)
    instances = np.zeros((30, 30), np.int32)
    square(instances, 1, 4, 5, 14)
    values = rng.random((16, 15)).astype(np.float32)
    whole = np.zeros((30, 30), bool)
    whole[5:21, 4:19] = values >= 0.3
    expected = (whole & (instances == 1)).sum() / (whole | (instances == 1)).sum()
    matching = match_cells([MaskPatch(x=4, y=5, values=values)], instances, 0.3)
    assert matching.ious == (pytest.approx(expected),)


@pytest.mark.parametrize("count", [0, 2])
def test_a_picture_without_cells_has_only_false_ones(count: int) -> None:
    matching = match_cells([patch(3, 3, 4, 4)] * count, np.zeros((10, 10), np.int32), 0.5)
    assert (matching.cells, matching.found, matching.false_cells) == (0, 0, count)


def test_without_predictions_every_cell_is_missed() -> None:
    instances = np.zeros((10, 10), np.int32)
    square(instances, 1, 0, 0, 5)
    matching = match_cells([], instances, 0.5)
    assert (matching.cells, matching.found, matching.false_cells) == (1, 0, 0)


def test_an_empty_patch_is_a_false_cell() -> None:
    empty = MaskPatch(x=0, y=0, values=np.zeros((0, 0), np.float32))
    assert match_cells([empty], np.zeros((10, 10), np.int32), 0.5).false_cells == 1


def test_a_prediction_mostly_in_an_ignored_region_is_not_false() -> None:
    ignore = np.zeros((20, 20), bool)
    ignore[:, :10] = True
    inside, half_outside = patch(0, 0, 10, 5), patch(8, 8, 8, 5)
    matching = match_cells([inside, half_outside], np.zeros((20, 20), np.int32), 0.5, ignore)
    assert matching.false_cells == 1


def test_a_true_cell_in_an_ignored_region_is_not_missed() -> None:
    instances = np.zeros((20, 20), np.int32)
    square(instances, 1, 0, 0, 5)
    square(instances, 2, 12, 12, 5)
    ignore = instances == 1
    matching = match_cells([patch(12, 12, 5, 5)], instances, 0.5, ignore)
    assert (matching.cells, matching.found, matching.false_cells) == (1, 1, 0)


def test_greedy_pairs_are_one_to_one_best_first_and_cannot_be_extended() -> None:
    rng = np.random.default_rng(5)
    for _ in range(50):
        iou = rng.uniform(0, 1, (5, 4)).astype(np.float32)
        pairs = match_greedily(iou, 0.5)
        rows, columns = {row for row, _ in pairs}, {column for _, column in pairs}
        assert len(rows) == len(columns) == len(pairs)
        assert [iou[pair] for pair in pairs] == sorted((iou[pair] for pair in pairs), reverse=True)
        free = [iou[r, c] for r, c in product(range(5), range(4)) if r not in rows and c not in columns]
        assert all(value < 0.5 for value in free)


def test_an_empty_table_has_no_pairs() -> None:
    assert match_greedily(np.zeros((0, 3), np.float32), 0.5) == []
    assert match_greedily(np.zeros((3, 0), np.float32), 0.5) == []
