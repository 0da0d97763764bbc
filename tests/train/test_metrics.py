from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from train.metrics import SixMetrics, count_interval, mean_interval, six_metrics, wilson_interval


def by_pixel_sets(truth: NDArray[np.bool_], prediction: NDArray[np.bool_]) -> SixMetrics:
    """Eqs. 6-11 letter by letter on sets of pixels, for masks where each is defined."""
    pixels = [(r, c) for r in range(truth.shape[0]) for c in range(truth.shape[1])]
    fg, bg = {p for p in pixels if truth[p]}, {p for p in pixels if not truth[p]}
    fp, bp = {p for p in pixels if prediction[p]}, {p for p in pixels if not prediction[p]}
    return SixMetrics(
        precision=len(fg & fp) / len(fp),
        dice=2 * len(fg & fp) / (len(fg) + len(fp)),
        miou=0.5 * (len(fg & fp) / len(fg | fp) + len(bg & bp) / len(bg | bp)),
        fpr=len(bg & fp) / len(bg),
        fnr=len(fg & bp) / len(fg),
        me=1 - (len(bg & bp) + len(fg & fp)) / (len(fg) + len(bg)),
    )


def values(metrics: SixMetrics) -> tuple[float, ...]:
    return metrics.precision, metrics.dice, metrics.miou, metrics.fpr, metrics.fnr, metrics.me


@given(seed=st.integers(0, 10_000), density=st.floats(0.1, 0.9))
def test_six_metrics_agree_with_the_equations_on_sets_of_pixels(seed: int, density: float) -> None:
    rng = np.random.default_rng(seed)
    truth, prediction = rng.random((7, 9)) < density, rng.random((7, 9)) < 0.5
    truth[0, :2], prediction[0, :2] = (True, False), (True, False)
    assert values(six_metrics(truth, prediction)) == pytest.approx(values(by_pixel_sets(truth, prediction)))


def test_two_overlapping_squares_give_the_closed_form() -> None:
    truth, prediction = np.zeros((10, 10), bool), np.zeros((10, 10), bool)
    truth[0:4, 0:4] = True
    prediction[2:6, 0:4] = True
    expected = (8 / 16, 16 / 32, (8 / 24 + 76 / 92) / 2, 8 / 84, 8 / 16, 16 / 100)
    assert values(six_metrics(truth, prediction)) == pytest.approx(expected)


def test_a_perfect_answer_is_perfect_even_where_a_class_is_absent() -> None:
    for mask in (np.zeros((4, 4), bool), np.ones((4, 4), bool), np.eye(4, dtype=bool)):
        assert values(six_metrics(mask, mask)) == (1, 1, 1, 0, 0, 0)


def test_predicting_nothing_where_a_cell_is_scores_no_precision() -> None:
    truth = np.zeros((4, 4), bool)
    truth[:2] = True
    assert values(six_metrics(truth, ~truth & truth)) == (0, 0, 0.25, 0, 1, 0.5)


def test_predicting_a_cell_where_none_is_scores_no_precision() -> None:
    prediction = np.zeros((4, 4), bool)
    prediction[:2] = True
    assert values(six_metrics(np.zeros((4, 4), bool), prediction)) == (0, 0, 0.25, 0.5, 0, 0.5)


def test_ignored_pixels_do_not_count() -> None:
    rng = np.random.default_rng(0)
    truth, prediction = rng.random((6, 8)) < 0.5, rng.random((6, 8)) < 0.5
    ignore = np.zeros((6, 8), bool)
    ignore[:, 5:] = True
    assert values(six_metrics(truth, prediction, ignore)) == values(six_metrics(truth[:, :5], prediction[:, :5]))


def test_with_every_pixel_ignored_nothing_is_wrong() -> None:
    everything = np.ones((3, 3), bool)
    assert values(six_metrics(everything, ~everything, everything)) == (1, 1, 1, 0, 0, 0)


def test_wilson_ends_solve_the_score_equation() -> None:
    z = 1.959963984540054
    for successes, trials in ((1, 10), (29, 31), (155, 157), (5, 5), (0, 7)):
        estimate = wilson_interval(successes, trials)
        share = successes / trials
        for end in (estimate.low, estimate.high):
            assert (share - end) ** 2 == pytest.approx(z**2 * end * (1 - end) / trials, abs=1e-12)
        assert estimate.low <= share <= estimate.high


def test_a_proportion_of_nothing_is_unknown() -> None:
    estimate = wilson_interval(0, 0)
    assert math.isnan(estimate.value)
    assert (estimate.low, estimate.high) == (0, 1)


@pytest.mark.parametrize(
    # exact (Garwood) 95 % limits of a Poisson count, from published tables
    ("count", "low", "high"),
    [(0, 0.0, 3.689), (1, 0.0253, 5.572), (5, 1.623, 11.668), (10, 4.795, 18.390), (50, 37.11, 65.92)],
)
def test_count_interval_is_near_the_exact_one(count: int, low: float, high: float) -> None:
    estimate = count_interval(count, 4)
    assert estimate.value == count / 4
    assert estimate.low * 4 == pytest.approx(low, rel=0.02, abs=0.015)  # cruder only below 2 events
    assert estimate.high * 4 == pytest.approx(high, rel=0.01)


def test_a_count_over_no_pictures_is_unknown() -> None:
    estimate = count_interval(0, 0)
    assert math.isnan(estimate.value)
    assert estimate.high == math.inf


def test_mean_interval_has_the_width_of_the_normal_one_on_many_values() -> None:
    sample = np.random.default_rng(1).normal(0.9, 0.05, 400)
    estimate = mean_interval(sample)
    half = 1.96 * sample.std(ddof=1) / math.sqrt(400)
    assert estimate.value == pytest.approx(sample.mean())
    assert estimate.high - estimate.low == pytest.approx(2 * half, rel=0.1)
    assert mean_interval(sample) == estimate


def test_means_of_none_and_of_one_claim_no_spread() -> None:
    assert math.isnan(mean_interval([]).value)
    one = mean_interval([0.7])
    assert one.value == 0.7
    assert math.isnan(one.low)
