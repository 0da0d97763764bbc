"""What is measured of a picture."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from calib.int8.describe import FEATURES, describe, survey
from edge.preprocess import preprocess
from edge.segmenters import open_segmenter
from edge.types import Image
from tests.calib.int8.tiny_network import write_pictures, write_tiny_network
from tests.edge.examples import instances
from tests.tiny_model import SPEC


def features(image: Image) -> dict[str, float]:
    tensor, letterbox = preprocess(image, SPEC)
    values = describe(tensor, letterbox, instances([[0, 0, 20, 20]] * 3), SPEC)
    return dict(zip(FEATURES, values.tolist(), strict=True))


def test_stain_background_density_and_brightness_of_two_flat_colours_are_what_they_were_drawn_with() -> None:
    image = np.full((48, 64, 3), (220, 210, 200), np.uint8)  # BGR
    image[:12] = (150, 60, 90)
    found = features(image)
    assert found["background optical density, red"] == pytest.approx(-np.log10(201 / 256), abs=1e-4)
    assert found["background optical density, blue"] == pytest.approx(-np.log10(221 / 256), abs=1e-4)
    assert found["stain optical density, green"] == pytest.approx(np.log10(211 / 61), abs=1e-4)
    assert found["share of stained pixels"] == pytest.approx(0.25)
    assert found["brightness"] == pytest.approx((210 * 3 * 0.75 + 100 * 3 * 0.25) / 3 / 255, abs=1e-3)
    assert found["log10 of the picture's size in px"] == pytest.approx(np.log10(48 * 64))
    assert found["log2 of 1 + cells"] == 2


@pytest.mark.parametrize("level", [0, 255])
@pytest.mark.parametrize("shape", [(1, 1, 3), (96, 128, 3), (3, 500, 3)])
def test_a_flat_picture_of_any_size_has_finite_features_and_no_stain(level: int, shape: tuple[int, ...]) -> None:
    found = features(np.full(shape, level, np.uint8))
    assert np.isfinite(list(found.values())).all()
    assert found["share of stained pixels"] == 0
    assert found["stain optical density, red"] == 0


def test_a_blurred_picture_has_less_focus() -> None:
    sharp = np.random.default_rng(0).integers(0, 255, (96, 128, 3)).astype(np.uint8)
    blurred = np.asarray(cv2.GaussianBlur(sharp, (0, 0), 2), np.uint8)
    name = "log10 of the focus measure"
    assert features(blurred)[name] < features(sharp)[name] - 1


def test_the_survey_counts_cells_copies_and_unreadable_files_whatever_their_order(tmp_path: Path) -> None:
    folder = write_pictures(tmp_path / "pictures", 4)
    (folder / "copy.png").write_bytes((folder / "2.png").read_bytes())
    (folder / "broken.png").write_bytes((folder / "1.png").read_bytes()[:100])
    segmenter = open_segmenter(write_tiny_network(tmp_path / "model.onnx"), threads=1)
    paths = [*sorted(folder.iterdir()), folder / "gone.png"]
    found = survey(paths, segmenter)
    assert sorted(picture.cells for picture in found.pictures) == [0, 0, 1, 2]
    assert found.twice == 1
    assert [item.path.name for item in found.unreadable] == ["broken.png", "gone.png"]
    again = survey(paths[::-1], segmenter)
    assert [picture.digest for picture in again.pictures] == [picture.digest for picture in found.pictures]
