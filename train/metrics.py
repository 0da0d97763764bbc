"""The paper's six measures of a segmentation (Eqs. 6-11), and intervals for what was counted.

Undefined cases, so that no picture drops out of a mean and an empty answer never looks good beside a real cell:

* nothing predicted: precision is 1 if there is nothing to find, else 0;
* nothing predicted and nothing to find: Dice is 1;
* each of the two IoUs in mIoU is 1 if its class is neither in the truth nor in the prediction;
* FPR is 0 without background, FNR is 0 without foreground, ME is 0 without pixels.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

NORMAL_QUANTILE_95 = 1.959963984540054
RESAMPLES = 2000


@dataclass(frozen=True, slots=True, kw_only=True)
class SixMetrics:
    """Precision, Dice, mIoU (better near 1), FPR, FNR, ME (better near 0) of one picture."""

    precision: float
    dice: float
    miou: float
    fpr: float
    fnr: float
    me: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimate:
    """A value with its 95 % interval."""

    value: float
    low: float
    high: float


def six_metrics(
    truth: NDArray[np.bool_], prediction: NDArray[np.bool_], ignore: NDArray[np.bool_] | None = None
) -> SixMetrics:
    """Compare two masks bool [H, W]; pixels in `ignore` do not count."""
    if ignore is not None:
        truth, prediction = truth[~ignore], prediction[~ignore]
    both = int((truth & prediction).sum())  # |Fg and Fp|
    extra = int(prediction.sum()) - both  # |Bg and Fp|
    missed = int(truth.sum()) - both  # |Fg and Bp|
    neither = truth.size - both - extra - missed  # |Bg and Bp|
    nothing_there = both + missed == 0
    return SixMetrics(
        precision=_ratio(both, both + extra, 1.0 if nothing_there else 0.0),
        dice=_ratio(2 * both, 2 * both + extra + missed, 1.0),
        miou=(_ratio(both, both + extra + missed, 1.0) + _ratio(neither, neither + extra + missed, 1.0)) / 2,
        fpr=_ratio(extra, extra + neither, 0.0),
        fnr=_ratio(missed, both + missed, 0.0),
        me=_ratio(extra + missed, truth.size, 0.0),
    )


def wilson_interval(successes: int, trials: int) -> Estimate:
    """A proportion (Wilson 1927). Without trials nothing is known: value NaN between 0 and 1."""
    if trials == 0:
        return Estimate(value=math.nan, low=0.0, high=1.0)
    z2 = NORMAL_QUANTILE_95**2
    share = successes / trials
    middle = (share + z2 / (2 * trials)) / (1 + z2 / trials)
    half = NORMAL_QUANTILE_95 / (1 + z2 / trials) * math.sqrt(share * (1 - share) / trials + z2 / (4 * trials**2))
    low = 0.0 if successes == 0 else middle - half
    high = 1.0 if successes == trials else middle + half
    return Estimate(value=share, low=low, high=high)


def count_interval(count: int, pictures: int) -> Estimate:
    """Events per picture from a Poisson count (Byar's approximation, within 1 % of the exact interval's upper end).

    Honest at zero events, where resampling the pictures would claim certainty. Without pictures nothing is known:
    value NaN between 0 and infinity.
    """
    if pictures == 0:
        return Estimate(value=math.nan, low=0.0, high=math.inf)
    low = count * (1 - 1 / (9 * count) - NORMAL_QUANTILE_95 / (3 * math.sqrt(count))) ** 3 if count else 0.0
    above = count + 1
    high = above * (1 - 1 / (9 * above) + NORMAL_QUANTILE_95 / (3 * math.sqrt(above))) ** 3
    return Estimate(value=count / pictures, low=max(0.0, low) / pictures, high=high / pictures)


def mean_interval(values: ArrayLike, seed: int = 0) -> Estimate:
    """A mean and the 2.5 and 97.5 percentiles of the means of `RESAMPLES` resamples (bootstrap, seeded).

    Of no values all three are NaN; of one value nothing is known about the spread and the ends are NaN.
    """
    array = np.asarray(values, np.float64)
    if array.size == 0:
        return Estimate(value=math.nan, low=math.nan, high=math.nan)
    if array.size == 1:
        return Estimate(value=float(array[0]), low=math.nan, high=math.nan)
    rng = np.random.default_rng(seed)
    means = array[rng.integers(0, array.size, (RESAMPLES, array.size))].mean(axis=1)
    low, high = np.percentile(means, [2.5, 97.5])
    return Estimate(value=float(array.mean()), low=float(low), high=float(high))


def _ratio(part: int, whole: int, otherwise: float) -> float:
    return part / whole if whole else otherwise
