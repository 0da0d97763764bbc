"""Where the pictures of a data set come from."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from edge.errors import ConfigurationError
from tests.train.data.trees import lisc
from train.data.open import read_dataset
from train.data.sample import load
from train.experiment import simulated_crops
from train.experiment.lisc_crops import SIDE_PX, lisc_crops
from train.experiment.sources import missing, read_labelled, samples_of


def test_each_cell_of_lisc_gets_a_crop_that_stays_inside_its_field(tmp_path: Path) -> None:
    fields = read_dataset(lisc(tmp_path / "LISC"))
    crops = {crop.source_id: crop for crop in lisc_crops(fields, tmp_path / "crops")}
    # cells in the trees' masks at (100, 200) and (500, 300), radius 40, 4 px further in the picture
    expected = {"baso/1-1": (0, 204 - 128), "mixt/1-1": (0, 204 - 128), "mixt/1-2": (504 - 128, 304 - 128)}
    assert crops.keys() == expected.keys()
    whole = {field.source_id: load(field) for field in fields}
    for name, (left, top) in expected.items():
        loaded, field = load(crops[name]), whole[name.split("-")[0]]
        window = slice(top, top + SIDE_PX), slice(left, left + SIDE_PX)
        assert np.array_equal(loaded.image, field.image[window])
        assert np.array_equal(loaded.instances > 0, field.instances[window] > 0)
    assert crops["mixt/1-1"].group == crops["mixt/1-2"].group != crops["baso/1-1"].group
    assert crops["baso/1-1"].kind == "basophil"
    assert crops["baso/1-1"].key == "lisc/baso/1-1"


def test_crops_are_cut_once(tmp_path: Path) -> None:
    fields = read_dataset(lisc(tmp_path / "LISC"))
    first = lisc_crops(fields, tmp_path / "crops")
    before = [crop.image_path.stat().st_mtime_ns for crop in first]
    assert lisc_crops(fields, tmp_path / "crops") == first
    assert [crop.image_path.stat().st_mtime_ns for crop in first] == before


def test_simulated_crops_show_a_cell_each_and_are_drawn_once(tmp_path: Path) -> None:
    samples = samples_of("simulated", [], tmp_path)
    assert len(samples) == simulated_crops.COUNT
    for sample in samples:
        loaded = load(sample)
        assert loaded.image.shape == (simulated_crops.SIDE_PX, simulated_crops.SIDE_PX, 3)
        assert loaded.instances.any()
    cv2.imwrite(str(samples[0].image_path), np.zeros((120, 120, 3), np.uint8))
    assert not load(samples_of("simulated", [], tmp_path)[0]).image.any()


def test_a_set_is_picked_from_the_labelled_pictures(tmp_path: Path) -> None:
    labelled = read_labelled([lisc(tmp_path / "LISC")])
    assert samples_of("dataset1", labelled, tmp_path / "out") == []
    assert len(samples_of("lisc", labelled, tmp_path / "out")) == 3
    assert "no labelled picture of dataset1 ('Dataset 1' of segmentation_WBC" in missing("dataset1", [tmp_path])


def test_a_folder_without_data_is_refused_with_what_was_looked_for(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"dataset1 is 'Dataset 1' of segmentation_WBC.*lisc is LISC"):
        read_labelled([tmp_path])
