"""The growing histogram against NumPy on all the data at once."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from calib.int8.histogram import BINS, CHUNK, Histogram


def filled(*parts: np.ndarray) -> Histogram:
    histogram = Histogram()
    for part in parts:
        histogram.add(part)
    return histogram


def of_numpy(values: np.ndarray, top: float) -> np.ndarray:
    return np.histogram(np.abs(values), bins=BINS, range=(0, top))[0]


def test_merged_counts_equal_those_of_numpy_over_the_whole_data() -> None:
    generator = np.random.default_rng(0)
    parts = [(generator.normal(size=(3, 50, 7)) * size).astype(np.float32) for size in (0.01, 3, 0, 40, 1000, 5)]
    histogram = filled(*parts)
    everything = np.concatenate([part.reshape(-1) for part in parts])
    assert histogram.largest == float(np.abs(everything).max())
    assert histogram.top / 2 <= histogram.largest < histogram.top
    assert histogram.total == everything.size
    np.testing.assert_array_equal(histogram.counts, of_numpy(everything, histogram.top))


@given(st.lists(st.lists(st.floats(-1e6, 1e6, width=32), max_size=20), max_size=6))
def test_the_order_of_the_parts_changes_nothing(parts: list[list[float]]) -> None:
    arrays = [np.array(part, np.float32) for part in parts]
    forward, backward, at_once = filled(*arrays), filled(*arrays[::-1]), filled(*[np.concatenate([*arrays, [0]])])
    np.testing.assert_array_equal(forward.counts, backward.counts)
    np.testing.assert_array_equal(forward.counts[1:], at_once.counts[1:])
    assert forward.largest == backward.largest == at_once.largest


def test_powers_of_two_on_the_edges_of_bins_merge_exactly() -> None:
    values = np.array([2.0**k for k in range(-12, 12)], np.float32)
    one_by_one = filled(*values.reshape(-1, 1))
    np.testing.assert_array_equal(one_by_one.counts, of_numpy(values, one_by_one.top))


def test_values_beyond_one_chunk_are_all_counted() -> None:
    values = np.random.default_rng(1).normal(size=2 * CHUNK + 17).astype(np.float32)
    histogram = filled(values)
    np.testing.assert_array_equal(histogram.counts, of_numpy(values, histogram.top))


def test_nothing_and_zeros_have_no_range() -> None:
    assert filled(np.zeros((0, 4), np.float32)).total == 0
    zeros = filled(np.zeros(5, np.float32))
    assert (zeros.total, zeros.largest, int(zeros.counts[0])) == (5, 0.0, 5)


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_a_value_that_is_not_finite_is_an_error_and_counts_nothing(bad: float) -> None:
    histogram = filled(np.ones(3, np.float32))
    with pytest.raises(ValueError, match="not finite"):
        histogram.add(np.array([1, bad, 2], np.float32))
    assert histogram.total == 3
