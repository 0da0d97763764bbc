"""The five folds: disjoint, complete, grouped, stratified, seeded, written down."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge.errors import ConfigurationError
from tests.train.experiment.tiny import sample
from train.data.sample import Sample
from train.experiment.folds import FOLDS, deal, folds_of, hash_of, prepare_folds


def keys(samples: tuple[Sample, ...]) -> set[str]:
    return {one.key for one in samples}


@settings(max_examples=30, deadline=None)
@given(groups=st.lists(st.integers(1, 6), min_size=5, max_size=40), seed=st.integers(0, 10))
def test_the_sides_of_a_fold_are_disjoint_and_cover_all_and_each_picture_is_tested_once(
    groups: list[int], seed: int
) -> None:
    samples = [sample(100 * g + i, group=f"g{g}") for g, size in enumerate(groups) for i in range(size)]
    folds = folds_of(samples, deal(samples, seed))
    everything = {one.key for one in samples}
    for fold in folds:
        sides = [keys(fold.train), keys(fold.validation), keys(fold.test)]
        assert set.union(*sides) == everything
        assert sum(len(side) for side in sides) == len(everything)
        assert all(sides)
        named = [{one.group for one in side} for side in (fold.train, fold.validation, fold.test)]
        assert len(set.union(*named)) == sum(len(groups) for groups in named)
    for side in ("test", "validation"):
        counts = Counter(one.key for fold in folds for one in getattr(fold, side))
        assert counts == Counter(everything)
    assert all(folds[k].validation == folds[(k + 1) % FOLDS].test for k in range(FOLDS))


def test_every_part_gets_its_share_of_each_kind() -> None:
    kinds = {"neutrophil": 176, "eosinophil": 22, "basophil": 1, "monocyte": 48, "lymphocyte": 53}
    names = [kind for kind, count in kinds.items() for _ in range(count)]
    samples = [sample(i, kind=kind) for i, kind in enumerate(names)]
    for fold in folds_of(samples, deal(samples, seed=0)):
        assert abs(len(fold.test) - 60) <= 1
        assert abs(len(fold.train) - 180) <= 2
        found = Counter(one.kind for one in fold.test)
        for kind, count in kinds.items():
            assert abs(found[kind] - count / FOLDS) <= 1, kind


def test_a_seed_repeats_the_folds_and_another_one_changes_them() -> None:
    samples = [sample(i) for i in range(40)]
    assert deal(samples, 1) == deal(list(reversed(samples)), 1)
    assert deal(samples, 1) != deal(samples, 2)


def test_fewer_than_five_scenes_are_refused() -> None:
    with pytest.raises(ConfigurationError, match="4 different scenes"):
        deal([sample(i, group=f"g{i % 4}") for i in range(20)], 0)


@pytest.fixture
def pictures(tmp_path: Path) -> list[Sample]:
    """Twelve pictures of noise; 10 and 11 are copies of 0."""
    samples = []
    for i in range(12):
        path = tmp_path / f"{i}.png"
        cv2.imwrite(str(path), np.random.default_rng(i if i < 10 else 0).integers(0, 256, (40, 40, 3), np.uint8))
        samples.append(replace(sample(i), image_path=path))
    return samples


def test_copies_of_a_picture_stay_together(pictures: list[Sample], tmp_path: Path) -> None:
    for fold in prepare_folds(tmp_path / "folds.json", "dataset1", pictures, 0):
        sides = {one.source_id: i for i, side in enumerate((fold.train, fold.validation, fold.test)) for one in side}
        assert sides["0"] == sides["10"] == sides["11"]


def test_written_folds_are_read_again_without_looking_at_the_pictures(pictures: list[Sample], tmp_path: Path) -> None:
    path = tmp_path / "folds.json"
    drawn = prepare_folds(path, "dataset1", pictures, 0)
    before = hash_of(path)
    for one in pictures:
        one.image_path.unlink()
    again = prepare_folds(path, "dataset1", list(reversed(pictures)), 0)
    assert [keys(fold.test) for fold in again] == [keys(fold.test) for fold in drawn]
    assert hash_of(path) == before


def test_folds_of_other_data_or_another_seed_are_refused(pictures: list[Sample], tmp_path: Path) -> None:
    path = tmp_path / "folds.json"
    prepare_folds(path, "dataset1", pictures, 0)
    with pytest.raises(ConfigurationError, match="1 pictures of the data are not in it and 0"):
        prepare_folds(path, "dataset1", [*pictures, sample(99)], 0)
    with pytest.raises(ConfigurationError, match=r"1 of its pictures are not in the data \(such as dataset1/11"):
        prepare_folds(path, "dataset1", pictures[:-1], 0)
    with pytest.raises(ConfigurationError, match="with seed 0 but dataset1 with seed 5"):
        prepare_folds(path, "dataset1", pictures, 5)


def test_a_tampered_folds_file_is_refused(pictures: list[Sample], tmp_path: Path) -> None:
    path = tmp_path / "folds.json"
    prepare_folds(path, "dataset1", pictures, 0)
    content = json.loads(path.read_text())
    content["folds"][0]["train"].append(content["folds"][0]["test"][0])
    path.write_text(json.dumps(content))
    with pytest.raises(ConfigurationError, match="not five parts that take turns"):
        prepare_folds(path, "dataset1", pictures, 0)
    path.write_text("{}")
    with pytest.raises(ConfigurationError, match="not a folds file"):
        prepare_folds(path, "dataset1", pictures, 0)
