"""Cells lost, cells invented, outlines moved."""

from __future__ import annotations

import numpy as np
import pytest

from calib.int8.compare import best, compare, find_cells, mask_iou, matched_ious
from calib.int8.ranges import MethodFigures
from edge.geometry import MaskPatch
from tests.edge.examples import outputs, smear
from tests.tiny_model import SPEC


def square(x: int, y: int, side: int = 10) -> MaskPatch:
    return MaskPatch(x=x, y=y, values=np.ones((side, side), np.float32))


def test_the_iou_of_two_patches_is_that_of_their_full_masks() -> None:
    generator = np.random.default_rng(0)
    for _ in range(50):
        patches, masks = [], []
        for _ in range(2):
            y, x, h, w = generator.integers(0, 12, 4)
            values = generator.random((h, w)).astype(np.float32)
            mask = np.zeros((24, 24), bool)
            mask[y : y + h, x : x + w] = values >= 0.5
            patches.append(MaskPatch(x=int(x), y=int(y), values=values))
            masks.append(mask)
        union = int((masks[0] | masks[1]).sum())
        wanted = int((masks[0] & masks[1]).sum()) / union if union else 0.0
        assert mask_iou(patches[0], patches[1], 0.5) == pytest.approx(wanted)


def test_each_cell_is_matched_once_the_best_pair_first() -> None:
    wanted = [square(0, 0), square(1, 0)]
    assert matched_ious(wanted, [square(1, 0)], 0.5) == [1.0]
    # 0 -> 2 overlap 80 of 120 px, which beats nothing; the pair of equal squares goes first.
    assert matched_ious(wanted, [square(2, 0), square(1, 0)], 0.5) == pytest.approx([1.0, 80 / 120])


def test_lost_and_invented_cells_are_counted_per_picture() -> None:
    wanted = [[square(0, 0), square(50, 50)], [], [square(5, 5)]]
    given = [[square(0, 1)], [square(0, 0)], [square(40, 40)]]
    found = compare("max", wanted, given, 0.5)
    assert (found.cells, found.lost, found.invented) == (3, 2, 2)
    assert found.mean_iou == pytest.approx(90 / 110)
    assert found.recall == pytest.approx(1 / 3)


def test_without_cells_there_is_no_mean() -> None:
    found = compare("max", [[], []], [[], []], 0.5)
    assert (found.cells, found.lost, found.invented, found.mean_iou) == (0, 0, 0, None)


def test_recall_decides_and_then_the_outlines() -> None:
    def figures(method: str, lost: int, iou: float | None) -> MethodFigures:
        return MethodFigures(method=method, cells=10, lost=lost, invented=0, mean_iou=iou)  # type: ignore[arg-type]

    assert best([figures("max", 1, 0.99), figures("percentile", 0, 0.9)]).method == "percentile"
    assert best([figures("max", 0, 0.98), figures("percentile", 0, 0.99), figures("entropy", 10, None)]).method == (
        "percentile"
    )
    assert best([figures("max", 0, 0.98), figures("percentile", 0, 0.98)]).method == "max"


def test_cells_come_at_the_resolution_of_the_picture() -> None:
    image = smear().repeat(2, axis=0).repeat(2, axis=1)
    (patch,) = find_cells(lambda tensor: outputs([[32, 0, 64, 32]], [0.9]), image, SPEC)
    assert (patch.x, patch.y, patch.values.shape) == (64, 0, (64, 64))
