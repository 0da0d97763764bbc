"""Matching of the cells of two backends, by hand-made outputs."""

from __future__ import annotations

import numpy as np
import pytest

from edge.segmenters.protocol import RawOutputs
from tests.gpu.agreement import Agreement, agreement


def outputs(*cells: tuple[float, float, float]) -> RawOutputs:
    """Cells of 20 px at (x, 0) with a score and a mask of one value."""
    return RawOutputs(
        boxes=np.array([(x, 0, x + 20, 20) for x, _, _ in cells], np.float32).reshape(-1, 4),
        scores=np.array([score for _, score, _ in cells], np.float32),
        masks=np.array([np.full((2, 2), mask) for _, _, mask in cells], np.float32).reshape(-1, 2, 2),
    )


def test_the_same_outputs_agree_whatever_their_order() -> None:
    found = agreement(outputs((0, 0.9, 1), (50, 0.8, 1)), outputs((50, 0.8, 1), (0, 0.9, 1)))
    assert found == Agreement(cells=2, matched=2)
    assert found.holds(1.0, 0.0)


def test_differences_are_means_over_the_matched_cells() -> None:
    figures = agreement(outputs((0, 0.9, 1.0)), outputs((2, 0.7, 0.5))).figures()
    assert figures["box px"] == pytest.approx(1.0)  # two of four coordinates are 2 px off
    assert figures["score"] == pytest.approx(0.2)
    assert figures["mask"] == pytest.approx(0.5)
    assert figures["worst IoU"] == pytest.approx(18 / 22)


def test_a_lost_cell_and_an_invented_one_are_counted() -> None:
    found = agreement(outputs((0, 0.9, 1)), outputs((200, 0.9, 1)))
    assert (found.cells, found.matched, found.invented) == (1, 0, 1)
    assert not found.holds(0.9, 1.0)


def test_cells_of_low_score_need_not_be_found_but_may_explain_a_confident_one() -> None:
    found = agreement(outputs((0, 0.3, 1)), outputs((0, 0.9, 1), (200, 0.3, 1)))
    assert (found.cells, found.matched, found.invented) == (0, 0, 0)


def test_one_cell_of_the_other_serves_one_cell_only() -> None:
    found = agreement(outputs((0, 0.9, 1), (4, 0.8, 1)), outputs((0, 0.9, 1)))
    assert (found.cells, found.matched) == (2, 1)


def test_nothing_on_either_side() -> None:
    assert agreement(outputs(), outputs()) == Agreement()
    assert agreement(outputs((0, 0.9, 1)), outputs()) == Agreement(cells=1)
    assert agreement(outputs(), outputs((0, 0.9, 1))) == Agreement(invented=1)
    assert not Agreement().holds(0.9, 1.0)


def test_pictures_add_up() -> None:
    one = agreement(outputs((0, 0.9, 1)), outputs((2, 0.9, 1)))
    assert (one + one).figures() == one.figures() | {"cells": 2, "matched": 2}
