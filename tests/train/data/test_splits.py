from __future__ import annotations

import json
from collections import Counter, defaultdict
from pathlib import Path

import numpy as np
import pytest

from edge.errors import ConfigurationError
from tests.train.data import trees
from train.data.open import read_dataset
from train.data.sample import Part, Sample, Truth
from train.data.splits import SIDES, divide, read_split, split_samples, write_split


class NoLabels:
    """Marks a sample as annotated; never read here."""

    def read(self, height: int, width: int) -> Truth:
        raise AssertionError("a split reads no labels")


def sample(name: str, *, group: str | None = None, kind: str = "monocyte", part: Part | None = None) -> Sample:
    dataset, _, source_id = name.partition("/")
    return Sample(
        image_path=Path(f"{source_id}.png"),
        dataset=dataset,
        source_id=source_id,
        group=group or name,
        kind=kind,
        labels=NoLabels(),
        published_part=part,
    )


def many() -> list[Sample]:
    """Two sets; in the second, three pictures to a group."""
    kinds = ["neutrophil"] * 60 + ["lymphocyte"] * 30 + ["basophil"] * 10
    single = [sample(f"one/{i}", kind=kind) for i, kind in enumerate(kinds)]
    return single + [sample(f"two/{i}", group=f"two/g{i // 3}") for i in range(90)]


def sides_by_key(split) -> dict[str, str]:
    return {s.key: side for side in SIDES for s in split.side(side)}


@pytest.mark.parametrize("seed", range(5))
def test_every_sample_has_one_side_and_groups_never_part(seed: int) -> None:
    samples = many()
    split = divide(samples, seed)
    chosen = [s.key for side in SIDES for s in split.side(side)]
    assert sorted(chosen) == sorted(s.key for s in samples)
    sides = sides_by_key(split)
    by_group = defaultdict(set)
    for s in samples:
        by_group[s.group].add(sides[s.key])
    assert all(len(found) == 1 for found in by_group.values())


@pytest.mark.parametrize("seed", range(5))
def test_each_set_and_each_class_is_divided_in_the_fractions(seed: int) -> None:
    split = divide(many(), seed)
    for dataset, size in (("one", 100), ("two", 90)):
        counts = split.counts()[dataset]
        for side, share in zip(SIDES, (0.6, 0.2, 0.2), strict=True):
            assert counts[side] == pytest.approx(size * share, abs=3)
    for kind, size in (("neutrophil", 60), ("lymphocyte", 30), ("basophil", 10)):
        found = Counter(side for side in SIDES for s in split.side(side) if s.dataset == "one" and s.kind == kind)
        assert found["train"] == pytest.approx(0.6 * size, abs=2)
        assert found["test"] == pytest.approx(0.2 * size, abs=2)


def test_the_seed_alone_decides(tmp_path: Path) -> None:
    samples = many()
    first, again, other = divide(samples, 1), divide(samples[::-1], 1), divide(samples, 2)
    assert sides_by_key(first) == sides_by_key(again)
    assert sides_by_key(first) != sides_by_key(other)


def test_a_publishers_own_parts_are_kept() -> None:
    samples = [sample(f"dranet/t{i}", part="train") for i in range(30)]
    samples += [sample(f"dranet/v{i}", part="valid") for i in range(20)]
    split = divide(samples, 0)
    assert {s.source_id[0] for s in split.train} == {"t"}
    assert (len(split.train), len(split.validation), len(split.test)) == (30, 10, 10)


def test_a_group_that_spans_a_publishers_parts_is_held_out() -> None:
    samples = [sample("dranet/t", group="g", part="train"), sample("dranet/v", group="g", part="valid")]
    assert divide(samples, 0).train == ()


def test_no_samples_give_an_empty_split() -> None:
    assert divide([], 0).counts() == {}


@pytest.mark.parametrize("fractions", [(0.5, 0.2, 0.2), (1.2, -0.1, -0.1)])
def test_fractions_that_do_not_add_up_are_refused(fractions: tuple[float, float, float]) -> None:
    with pytest.raises(ConfigurationError, match="do not add up to 1"):
        divide(many(), 0, fractions)


def test_a_split_comes_back_from_its_file_wherever_the_data_lie(tmp_path: Path) -> None:
    trees.bcisc(tmp_path / "here" / "BCISC")
    samples = read_dataset(tmp_path / "here")
    split = split_samples(samples, 3)
    write_split(split, tmp_path / "split.json")
    (tmp_path / "here").rename(tmp_path / "there")
    moved = read_split(tmp_path / "split.json", read_dataset(tmp_path / "there"))
    assert sides_by_key(moved) == sides_by_key(split)
    assert (moved.seed, moved.fractions) == (3, (0.6, 0.2, 0.2))
    assert str(tmp_path) not in (tmp_path / "split.json").read_text()


def test_unannotated_pictures_are_on_no_side(tmp_path: Path) -> None:
    samples = read_dataset(trees.bcisc(tmp_path))
    keys = sides_by_key(split_samples(samples, 0)).keys()
    assert keys == {s.key for s in samples if s.annotated}
    assert "bcisc-field/neut/1-4" not in keys


def test_a_split_of_more_sets_than_are_opened_fits(tmp_path: Path) -> None:
    write_split(divide(many(), 0), tmp_path / "s.json")
    only = [s for s in many() if s.dataset == "one"]
    split = read_split(tmp_path / "s.json", only)
    assert set(split.counts()) == {"one"}


def test_a_split_that_lacks_or_exceeds_the_data_is_refused(tmp_path: Path) -> None:
    write_split(divide(many()[1:], 0), tmp_path / "s.json")
    with pytest.raises(ConfigurationError, match=r"1 pictures \(one/0, .*\) of the data not in the split"):
        read_split(tmp_path / "s.json", many())
    with pytest.raises(ConfigurationError, match=r"1 pictures \(one/1, .*\) of the split not in the data"):
        read_split(tmp_path / "s.json", many()[2:])


WHOLE = {"train": 1, "validation": 0, "test": 0}
VALID = {"version": 1, "seed": 0, "fractions": WHOLE, "counts": {}, "samples": {"a/b": "train"}}


@pytest.mark.parametrize(
    "content",
    [
        [],
        {},
        VALID | {"version": 9},
        VALID | {"seed": "x"},
        VALID | {"fractions": {"train": 1}},
        VALID | {"fractions": 3},
        VALID | {"samples": {"a/b": "dev"}},
        VALID | {"samples": {"a/b": []}},
        VALID | {"more": 1},
    ],
)
def test_a_file_that_is_no_split_is_refused_in_a_sentence(tmp_path: Path, content: object) -> None:
    file = tmp_path / "s.json"
    file.write_text(json.dumps(VALID))
    assert read_split(file, []).train == ()
    file.write_text(json.dumps(content))
    with pytest.raises(ConfigurationError, match=r"s\.json is not a split file"):
        read_split(file, [])


def test_a_file_cut_short_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "s.json"
    file.write_text(json.dumps(VALID)[:-5])
    with pytest.raises(ConfigurationError, match=r"s\.json is not a split file"):
        read_split(file, [])


def test_a_missing_split_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"absent\.json cannot be read"):
        read_split(tmp_path / "absent.json", [])


def test_the_published_split_fits_the_data_and_keeps_known_duplicates_together(data_root: Path) -> None:
    file = Path(__file__).parents[3] / "train" / "splits" / "published.json"
    samples = read_dataset(data_root)
    split = read_split(file, samples)
    assert split.counts() == json.loads(file.read_text())["counts"]
    sides = sides_by_key(split)
    assert sides["dataset1/112"] == sides["dataset1/139"]
    assert sides["bcisc-sub/lymp_8-1_0"] == sides["bcisc-sub/lymp_8-2_0"] == sides["bcisc-field/lymp/8-1"]
    for s in samples:
        if s.dataset == "bcisc-sub":
            _, _, rest = s.source_id.partition("_")
            field = f"bcisc-field/{s.source_id[:4]}/{rest.rsplit('_', 1)[0]}"
            assert sides.get(field, sides[s.key]) == sides[s.key]
    assert np.all([s.published_part == "train" for s in split.train if s.dataset == "dranet"])
