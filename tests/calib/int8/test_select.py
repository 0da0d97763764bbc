"""Choosing pictures that differ."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from calib.int8.describe import FEATURES, Described
from calib.int8.select import EMPTY_SHARE, FURTHEST, farthest_points, scale, select
from calib.int8.sheet import COLUMNS, TILE_PX, draw_sheet
from tests.calib.int8.tiny_network import write_pictures


def pictures(count: int, empty: int = 0, clusters: int = 1, seed: int = 0) -> list[Described]:
    """Clusters of nearly equal pictures, the first as large as all others together; the last `empty` show no cell."""
    generator = np.random.default_rng(seed)
    centres = 10 * generator.normal(size=(clusters, len(FEATURES)))
    member = [0 if number % 2 else number // 2 % clusters for number in range(count)]
    features = centres[member] + 0.01 * generator.normal(size=(count, len(FEATURES)))
    return [
        Described(path=Path(f"{number}.png"), digest=f"{number:03d}", features=row, cells=int(number < count - empty))
        for number, row in enumerate(features)
    ]


def test_the_first_picks_come_from_all_clusters_though_one_is_larger_than_all_others() -> None:
    points = np.array([[0.0, 0.0]] * 90 + [[9.0, 0.0]] * 5 + [[0.0, 9.0]] * 5)
    points += np.random.default_rng(0).normal(scale=0.1, size=points.shape)
    taken = farthest_points(points, np.arange(100), [], 3, np.random.default_rng(4))
    assert {int(np.searchsorted([90, 95], index, side="right")) for index in taken} == {0, 1, 2}


def test_the_selection_spreads_wider_than_a_random_one() -> None:
    listed = pictures(400, clusters=20)
    features = scale(np.stack([picture.features for picture in listed]))
    taken = farthest_points(features, np.arange(400), [], 20, np.random.default_rng(0))

    def nearest(indices: np.ndarray) -> float:
        distances = np.linalg.norm(features[indices][:, None] - features[indices][None], axis=2)
        return float((distances + np.diag([np.inf] * len(indices))).min(axis=1).mean())

    random = [np.random.default_rng(seed).choice(400, 20, replace=False) for seed in range(5)]
    assert nearest(np.array(taken)) > 1.5 * max(map(nearest, random))


def test_the_same_seed_gives_the_same_selection_and_another_seed_another_one() -> None:
    listed = pictures(120, empty=10)
    one, same, other = (select(listed, 40, 20, seed) for seed in (1, 1, 2))
    assert one == same
    assert {p.digest for p in one.held_back} != {p.digest for p in other.held_back}


def test_the_two_parts_are_disjoint_and_have_the_sizes_asked_for() -> None:
    listed = pictures(200)
    found = select(listed, 100, 40, 0)
    chosen, held_back = ({p.digest for p in part} for part in (found.chosen, found.held_back))
    assert (len(chosen), len(held_back), chosen & held_back) == (100, 40, set())


def test_of_few_pictures_all_are_used_and_a_quarter_is_held_back() -> None:
    found = select(pictures(50), 300, 60, 0)
    assert (len(found.chosen), len(found.held_back)) == (38, 12)


def test_empty_fields_get_their_share_where_there_are_enough_and_all_places_where_there_are_few() -> None:
    listed = pictures(300, empty=30)
    # Empty fields that look like the others would be chosen in proportion only: the share is asked for.
    found = select(listed, 80, 20, 0)
    everything = (*found.chosen, *found.held_back)
    assert sum(p.cells == 0 for p in everything) >= EMPTY_SHARE * 100
    assert any(p.cells == 0 for p in found.chosen)
    assert any(p.cells == 0 for p in found.held_back)
    few = select(pictures(300, empty=2), 80, 20, 0)
    assert sum(p.cells == 0 for p in (*few.chosen, *few.held_back)) == 2


def test_scaling_is_robust_to_an_outlier_and_to_features_that_do_not_vary() -> None:
    features = np.stack([np.linspace(0, 1, 101), np.full(101, 7.0), np.r_[np.zeros(100), 5.0]], axis=1)
    features[-1, 0] = 1e6
    scaled = scale(features)
    assert np.isfinite(scaled).all()
    assert np.abs(scaled).max() <= FURTHEST
    np.testing.assert_allclose(np.diff(scaled[:100, 0]), 0.01 / (0.5 / 1.349))
    assert (scaled[:, 1] == 0).all()
    assert scaled[-1, 0] == FURTHEST
    np.testing.assert_allclose(scaled[-1, 2], 5 / features[:, 2].std())


def test_the_sheet_has_a_tile_for_each_picture(tmp_path: Path) -> None:
    folder = write_pictures(tmp_path, COLUMNS + 2)
    features = np.random.default_rng(0).normal(size=(COLUMNS + 2, len(FEATURES)))
    listed = [
        Described(path=folder / f"{i}.png", digest=f"{i:03d}", features=row, cells=i % 3)
        for i, row in enumerate(features)
    ]
    selection = select(listed, 300, 60, 0)
    sheet = draw_sheet(selection)
    bottom = sheet[-TILE_PX:]
    assert sheet.shape[1] == COLUMNS * TILE_PX
    assert (bottom[:, : 2 * TILE_PX] != 255).any(axis=2).mean() > 0.9
    assert (bottom[:, 2 * TILE_PX :] == 255).all()
