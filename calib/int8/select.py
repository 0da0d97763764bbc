"""Choose pictures that differ as much as possible, a part of them held back for judging the ranges."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from calib.int8.describe import Described

EMPTY_SHARE = 0.1
"""Least share of pictures in which the model finds no cell, where there are so many."""
LARGEST_HELD_BACK_SHARE = 0.25
FURTHEST = 12.0
"""Scaled features are cut here, so that one odd picture does not make all the others look alike. Far out on purpose:
where one source gives nine pictures in ten, the others lie beyond 3 and would be taken for one and the same."""
NORMAL_IQR = 1.349
"""Interquartile range of a normal distribution in standard deviations."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Selection:
    """Two disjoint parts of one diverse set, sorted by digest: `chosen` sets the ranges, `held_back` judges them."""

    chosen: tuple[Described, ...]
    held_back: tuple[Described, ...]


def select(pictures: Sequence[Described], count: int, held_back: int, seed: int) -> Selection:
    """At most `count` and `held_back` pictures, the latter at most a quarter of all.

    Farthest-point order (Gonzalez 1985): each picture taken is the one least like all that were taken before; empty
    fields come first, up to their share. The same pictures and seed give the same selection.
    """
    held_back = min(held_back, int(LARGEST_HELD_BACK_SHARE * len(pictures)))
    wanted = min(count + held_back, len(pictures))
    features = scale(np.stack([picture.features for picture in pictures]))
    generator = np.random.default_rng(seed)
    empty = np.flatnonzero([picture.cells == 0 for picture in pictures])
    first = farthest_points(features, empty, [], min(len(empty), round(EMPTY_SHARE * wanted)), generator)
    taken = farthest_points(features, np.arange(len(pictures)), first, wanted - len(first), generator)
    drawn = set(_draw(pictures, taken, held_back, generator))
    return Selection(
        chosen=tuple(pictures[i] for i in sorted(taken) if i not in drawn),
        held_back=tuple(pictures[i] for i in sorted(drawn)),
    )


def scale(features: NDArray[np.float64]) -> NDArray[np.float64]:
    """Features [P, F] less their median, over a spread that outliers do not move, cut at `FURTHEST`.

    Where more than half the pictures agree, the interquartile range says nothing and the standard deviation stands in.
    """
    low, middle, high = np.percentile(features, [25, 50, 75], axis=0)
    spread = (high - low) / NORMAL_IQR
    spread = np.where(spread > 0, spread, features.std(axis=0))
    scaled = (features - middle) / np.where(spread > 0, spread, 1)
    return np.asarray(np.clip(scaled, -FURTHEST, FURTHEST))


def farthest_points(
    features: NDArray[np.float64],
    candidates: NDArray[np.intp],
    taken: Sequence[int],
    count: int,
    generator: np.random.Generator,
) -> list[int]:
    """`taken` and `count` more of the candidates, each the farthest from all before it; the first one is drawn.

    Ties go to the lowest index.
    """
    result = list(taken)
    candidates = np.setdiff1d(candidates, result)
    count = min(count, len(candidates))
    if count and not result:
        result.append(int(generator.choice(candidates)))
        count -= 1
    distance = np.full(len(features), np.inf)
    for index in result:
        distance = np.minimum(distance, _distance(features, index))
    open_ = np.zeros(len(features), bool)
    open_[candidates] = True
    open_[result] = False
    for _ in range(count):
        index = int(np.where(open_, distance, -1).argmax())
        result.append(index)
        open_[index] = False
        distance = np.minimum(distance, _distance(features, index))
    return result


def _distance(features: NDArray[np.float64], index: int) -> NDArray[np.float64]:
    return np.asarray(np.square(features - features[index]).sum(axis=1))


def _draw(
    pictures: Sequence[Described], taken: Sequence[int], count: int, generator: np.random.Generator
) -> NDArray[np.intp]:
    """A random part of what was taken; empty fields and others in the same proportion."""
    empty = np.array([index for index in taken if pictures[index].cells == 0], np.intp)
    others = np.array([index for index in taken if pictures[index].cells > 0], np.intp)
    from_empty = round(count * len(empty) / max(1, len(taken)))
    parts = [generator.permutation(empty)[:from_empty], generator.permutation(others)[: count - from_empty]]
    return np.concatenate(parts)
