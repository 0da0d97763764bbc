"""The three methods against NumPy and against the textbook."""

from __future__ import annotations

import math

import numpy as np
import pytest

from calib.int8.amax import LEVELS, entropy_amax, percentile_amax
from calib.int8.histogram import Histogram

GENERATOR = np.random.default_rng(5)
SAMPLES = {
    "normal": GENERATOR.normal(size=200_000) * 0.3,
    "relu": np.maximum(GENERATOR.normal(size=200_000), 0),
    "long tail": GENERATOR.standard_t(2, size=200_000),
    "clipped at 6": np.clip(GENERATOR.normal(3, 4, size=100_000), 0, 6),
    "few values": GENERATOR.choice([0.0, 0.5, 1.0, 9.0], size=5000),
}


def histogram_of(values: np.ndarray) -> Histogram:
    histogram = Histogram()
    histogram.add(values.astype(np.float32))
    return histogram


def textbook_entropy(counts: list[int], width: float) -> float:
    """Migacz' algorithm written bin by bin; the first bin counts as the second."""
    counts = [counts[1], *counts[1:]]
    best, least = 0, math.inf
    for bins in range(LEVELS, len(counts) + 1):
        p = [*counts[: bins - 1], sum(counts[bins - 1 :])]
        groups: dict[int, list[int]] = {}
        for j in range(bins):
            if counts[j]:
                groups.setdefault(j * LEVELS // bins, []).append(j)
        q = {j: sum(counts[i] for i in group) / len(group) for group in groups.values() for j in group}
        p_sum, q_sum = sum(p), sum(q.values())
        divergence = 0.0
        for j, value in enumerate(p):
            if value:
                divergence += value / p_sum * math.log(value / p_sum / (q[j] / q_sum)) if j in q else math.inf
        if divergence <= least:
            best, least = bins, divergence
    return best * width


@pytest.mark.parametrize("name", SAMPLES)
def test_the_largest_value_is_numpys(name: str) -> None:
    assert histogram_of(SAMPLES[name]).largest == np.abs(SAMPLES[name].astype(np.float32)).max()


@pytest.mark.parametrize("name", ["normal", "relu", "long tail", "clipped at 6"])
def test_the_percentile_is_numpys_within_a_bin(name: str) -> None:
    histogram = histogram_of(SAMPLES[name])
    wanted = np.percentile(np.abs(SAMPLES[name]), 99.99)
    # A value may fall anywhere in its bin, and NumPy interpolates between values that lie far apart in a tail.
    gap = np.diff(np.sort(np.abs(SAMPLES[name]))[-25:-15]).max()
    assert abs(percentile_amax(histogram) - wanted) <= histogram.width + gap


def test_the_percentile_is_never_beyond_the_largest_value() -> None:
    assert percentile_amax(histogram_of(np.full(10, 5.0))) == 5.0
    assert percentile_amax(histogram_of(np.array([1e-3]))) == np.float32(1e-3)


@pytest.mark.parametrize("name", SAMPLES)
def test_the_entropy_method_is_the_textbooks(name: str) -> None:
    histogram = histogram_of(SAMPLES[name][:5000])
    used = int(histogram.largest / histogram.width) + 1
    wanted = min(textbook_entropy(histogram.counts[:used].tolist(), histogram.width), histogram.largest)
    assert entropy_amax(histogram) == pytest.approx(wanted, rel=1e-9)


def test_entropy_clips_a_long_tail_and_keeps_a_uniform_range() -> None:
    tail = np.concatenate([GENERATOR.normal(size=500_000), GENERATOR.uniform(5, 15, size=50)])
    assert 2 < entropy_amax(histogram_of(tail)) < 7
    uniform = GENERATOR.uniform(0, 1.99, size=500_000)
    assert entropy_amax(histogram_of(uniform)) > 1.8


def test_a_tensor_of_one_value_keeps_it() -> None:
    assert entropy_amax(histogram_of(np.full(100, 3.0))) == 3.0
    assert entropy_amax(histogram_of(np.array([0.0, 1e-6, 1.0]))) == 1.0
