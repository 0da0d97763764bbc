"""Small parts of a mask that lie apart from the cell."""

from __future__ import annotations

import numpy as np

from edge.islands import without_islands


def masks_with(*parts: tuple[slice, slice, float]) -> np.ndarray:
    masks = np.full((1, 56, 56), 0.1, np.float32)
    for rows, columns, value in parts:
        masks[0, rows, columns] = value
    return masks


CELL = (slice(10, 40), slice(10, 40), 0.9)


def test_an_island_goes_and_the_cell_and_everything_faint_stay():
    given = masks_with(CELL, (slice(45, 50), slice(45, 50), 0.8))
    cleaned = without_islands(given, 0.5)
    assert (cleaned[0, 45:50, 45:50] == 0).all()
    assert (given[0, 45:50, 45:50] == np.float32(0.8)).all()
    cleaned[0, 45:50, 45:50] = given[0, 45:50, 45:50]
    np.testing.assert_array_equal(cleaned, given)


def test_the_other_half_of_a_cell_stays():
    given = masks_with(CELL, (slice(42, 54), slice(10, 40), 0.8))
    assert without_islands(given, 0.5) is given


def test_a_part_that_touches_by_its_side_is_no_island_and_one_at_a_corner_is():
    touching = masks_with(CELL, (slice(39, 45), slice(40, 42), 0.8))
    assert without_islands(touching, 0.5) is touching
    corner = without_islands(masks_with(CELL, (slice(40, 45), slice(40, 45), 0.8)), 0.5)
    assert (corner[0, 40:45, 40:45] == 0).all()


def test_a_bridge_below_the_threshold_makes_an_island_and_above_it_none():
    bridge, island = (slice(38, 47), slice(38, 47), 0.4), (slice(45, 50), slice(45, 50), 0.8)
    given = masks_with(bridge, CELL, island)
    assert without_islands(given, 0.3) is given
    assert without_islands(given, 0.5) is not given


def test_each_cell_is_judged_by_itself():
    masks = np.concatenate([masks_with(CELL), masks_with((slice(45, 50), slice(45, 50), 0.8))])
    assert without_islands(masks, 0.5) is masks


def test_no_cells_and_empty_masks_pass():
    assert without_islands(np.zeros((0, 56, 56), np.float32), 0.5).shape == (0, 56, 56)
    nothing = np.zeros((2, 56, 56), np.float32)
    assert without_islands(nothing, 0.5) is nothing
