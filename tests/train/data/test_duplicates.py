from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np

from tests.train.data import trees
from train.data.duplicates import find_duplicates, group_duplicates, thumbnails
from train.data.open import read_dataset
from train.data.sample import Sample


def sample(path: Path, dataset: str = "folder") -> Sample:
    return Sample(image_path=path, dataset=dataset, source_id=path.stem, group=f"{dataset}/{path.stem}")


def scene(seed: int) -> np.ndarray:
    """A smooth picture: coarse noise enlarged."""
    coarse = np.random.default_rng(seed).integers(0, 256, (12, 12, 3), np.uint8)
    return np.asarray(cv2.resize(coarse, (160, 120), interpolation=cv2.INTER_CUBIC), np.uint8)


def test_copies_resavings_and_brighter_copies_share_a_group_and_others_do_not(tmp_path: Path) -> None:
    original = trees.save(tmp_path / "a.bmp", scene(0))
    copies = [
        trees.save(tmp_path / "b.bmp", scene(0)),
        trees.save(tmp_path / "c.jpg", scene(0)),
        trees.save(tmp_path / "d.bmp", cv2.resize(scene(0), (80, 60), interpolation=cv2.INTER_AREA)),
        trees.save(tmp_path / "e.bmp", cv2.convertScaleAbs(scene(0), alpha=0.9, beta=10)),
    ]
    others = [trees.save(tmp_path / f"x{i}.bmp", scene(i)) for i in range(1, 6)]
    grouped = group_duplicates([sample(path) for path in (original, *copies, *others)])
    assert {s.group for s in grouped[:5]} == {"folder/a"}
    assert [s.group for s in grouped[5:]] == [f"folder/x{i}" for i in range(1, 6)]


def test_duplicates_join_whole_groups(tmp_path: Path) -> None:
    """As with BCISC: two fields are the same picture, so their crops belong together too."""
    fields = [trees.save(tmp_path / f"{name}.bmp", scene(0)) for name in "ab"]
    crops = [trees.save(tmp_path / f"{name}.bmp", scene(seed)) for name, seed in (("a1", 3), ("b1", 4))]
    samples = [
        Sample(image_path=path, dataset=dataset, source_id=path.stem, group=path.stem[0])
        for path, dataset in [*((p, "fields") for p in fields), *((p, "crops") for p in crops)]
    ]
    assert len({s.group for s in group_duplicates(samples)}) == 1


def test_pictures_of_one_colour_are_no_duplicates_of_each_other(tmp_path: Path) -> None:
    paths = [trees.save(tmp_path / f"{i}.bmp", np.full((20, 20, 3), i, np.uint8)) for i in (0, 128, 255)]
    assert len({s.group for s in group_duplicates([sample(path) for path in paths])}) == 3


def test_no_samples_have_no_duplicates() -> None:
    assert group_duplicates([]) == []


def test_pairs_are_found_across_blocks() -> None:
    rows = np.random.default_rng(0).normal(size=(2100, 16)).astype(np.float32)
    rows[2090] = rows[5]
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    assert [(i, j) for i, j, _ in find_duplicates(rows, 0.9999)] == [(5, 2090)]


def test_the_known_duplicates_of_the_published_sets_are_found_and_no_others(data_root: Path) -> None:
    expected = {
        "dataset1": {("112", "139"), ("166", "171")},
        "dataset2": set(),
        "bcisc-sub": {("lymp_8-1_0", "lymp_8-2_0")},
    }
    samples = read_dataset(data_root / "segmentation_WBC") + read_dataset(data_root / "BCISC" / "sub-images")
    for dataset, pairs in expected.items():
        members = [s for s in samples if s.dataset == dataset]
        found = {(members[i].source_id, members[j].source_id) for i, j, _ in find_duplicates(thumbnails(members))}
        assert found == pairs
