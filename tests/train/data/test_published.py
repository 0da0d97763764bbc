"""The readers on the real data sets."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import numpy as np

from train.data.open import read_dataset
from train.data.sample import load


def test_the_single_cell_sets_have_one_cell_in_every_picture(data_root: Path) -> None:
    samples = read_dataset(data_root / "segmentation_WBC")
    assert all(s.kind is not None for s in samples)
    assert Counter(int(load(s).instances.max()) for s in samples) == {1: len(samples)}


def test_about_145_fields_with_about_155_cells_are_annotated(data_root: Path) -> None:
    samples = read_dataset(data_root / "BCISC")
    annotated = [s for s in samples if s.dataset == "bcisc-field" and s.annotated]
    assert 140 <= len(annotated) <= 150
    assert not any(s.kind == "eosinophil" for s in annotated)
    crops = Counter(s.group for s in samples if s.dataset == "bcisc-sub")
    assert 150 <= sum(crops[s.group] for s in annotated) <= 165
    for s in annotated[::20]:
        loaded = load(s)
        assert loaded.instances.shape == loaded.image.shape[:2]
        assert loaded.instances.max() >= crops[s.group]


def test_every_crop_has_a_cell_and_no_specks(data_root: Path) -> None:
    for s in read_dataset(data_root / "BCISC" / "sub-images"):
        areas = np.bincount(load(s).instances.ravel())[1:]
        assert 1 <= len(areas) <= 2
        assert areas.min() > 500


def test_the_class_in_a_dranet_name_is_the_class_in_its_label(data_root: Path) -> None:
    samples = read_dataset(data_root / "DRA-Net")[::50]
    for s in samples:
        loaded = load(s)
        assert s.kind is not None
        assert bool(loaded.instances.max()) == (s.kind != "erythroblast")
        assert loaded.image.shape == (256, 256, 3)
