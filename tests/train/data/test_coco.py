from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pycocotools import mask as rle

from edge.errors import ConfigurationError
from tests.train.data import trees
from train.data.open import read_dataset
from train.data.sample import load

HEIGHT, WIDTH = 40, 60


def annotation(number: int, segmentation: Any, **more: Any) -> dict[str, Any]:
    return {"id": number, "image_id": 1, "category_id": 1, "iscrowd": 0, "segmentation": segmentation} | more


def content(annotations: list[dict[str, Any]], names: tuple[str, ...] = ("WBC",)) -> dict[str, Any]:
    return {
        "images": [{"id": 1, "file_name": "a.png", "height": HEIGHT, "width": WIDTH}],
        "annotations": annotations,
        "categories": [{"id": number, "name": name} for number, name in enumerate(names, start=1)],
    }


def write(root: Path, what: dict[str, Any]) -> Path:
    trees.save(root / "images" / "a.png", trees.picture(HEIGHT, WIDTH))
    file = root / "annotations.json"
    file.write_text(json.dumps(what))
    return file


RECTANGLE = [[10, 5, 30, 5, 30, 15, 10, 15]]  # x in [10, 30), y in [5, 15)


def rectangle() -> np.ndarray:
    mask = np.zeros((HEIGHT, WIDTH), bool)
    mask[5:15, 10:30] = True
    return mask


def column_major_runs(mask: np.ndarray) -> list[int]:
    flat = mask.ravel(order="F").astype(int)
    edges = np.flatnonzero(np.diff(flat)) + 1
    runs = np.diff(np.concatenate([[0], edges, [flat.size]])).tolist()
    return [0, *runs] if flat[0] else runs


def compressed(mask: np.ndarray) -> dict[str, Any]:
    runs = rle.encode(np.asfortranarray(mask, np.uint8))
    return {"size": runs["size"], "counts": runs["counts"].decode()}


@pytest.mark.parametrize(
    "shape",
    [
        RECTANGLE,
        {"size": [HEIGHT, WIDTH], "counts": column_major_runs(rectangle())},
        compressed(rectangle()),
        [[10, 5, 20, 5, 20, 15, 10, 15], [20, 5, 30, 5, 30, 15, 20, 15]],
    ],
    ids=["polygon", "run lengths", "compressed", "two polygons of one cell"],
)
def test_every_kind_of_region_gives_its_pixels(tmp_path: Path, shape: Any) -> None:
    (sample,) = read_dataset(write(tmp_path, content([annotation(1, shape)])))
    np.testing.assert_array_equal(load(sample).instances, rectangle().astype(np.int32))
    assert load(sample).ignore is None


def test_the_folder_can_be_given_and_a_picture_without_annotations_has_no_cell(tmp_path: Path) -> None:
    write(tmp_path, content([]))
    (sample,) = read_dataset(tmp_path)
    assert sample.dataset == "coco"
    assert load(sample).instances.max() == 0


def test_crowds_are_ignored_outside_cells(tmp_path: Path) -> None:
    crowd = np.zeros((HEIGHT, WIDTH), bool)
    crowd[:20] = True
    regions = [annotation(1, RECTANGLE), annotation(2, compressed(crowd), iscrowd=1)]
    loaded = load(read_dataset(write(tmp_path, content(regions)))[0])
    np.testing.assert_array_equal(loaded.instances > 0, rectangle())
    np.testing.assert_array_equal(loaded.ignore, crowd & ~rectangle())


def test_only_white_cells_are_cells(tmp_path: Path) -> None:
    other = compressed(~rectangle())
    regions = [annotation(1, RECTANGLE, category_id=2), annotation(2, other, category_id=1)]
    sample = read_dataset(write(tmp_path, content(regions, names=("RBC", "Neutrophil"))))[0]
    np.testing.assert_array_equal(load(sample).instances > 0, rectangle())
    assert sample.kind == "neutrophil"


def test_no_white_cell_category_lists_what_there_is(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="RBC, platelet"):
        read_dataset(write(tmp_path, content([], names=("RBC", "platelet"))))


def test_the_only_category_may_have_any_name(tmp_path: Path) -> None:
    (sample,) = read_dataset(write(tmp_path, content([annotation(1, RECTANGLE)], names=("thing",))))
    assert load(sample).instances.max() == 1


@pytest.mark.parametrize(
    "shape",
    [None, [], [[1, 2, 3, 4]], [[]], {"size": [HEIGHT, WIDTH], "counts": [2400]}, {"size": [3, 3], "counts": "09"}, 7],
)
def test_a_region_that_is_none_is_refused_with_its_number(tmp_path: Path, shape: Any) -> None:
    with pytest.raises(ConfigurationError, match=r"annotation 31 of .* has no usable segmentation"):
        read_dataset(write(tmp_path, content([annotation(31, shape)])))


@pytest.mark.parametrize("text", ["{", "[]", '{"images": []}', "\x00"])
def test_a_file_that_is_not_coco_is_refused_in_a_sentence(tmp_path: Path, text: str) -> None:
    file = tmp_path / "annotations.json"
    file.write_text(text)
    with pytest.raises(ConfigurationError, match=r"annotations\.json"):
        read_dataset(file)


def test_an_annotation_without_a_picture_and_lists_without_keys_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="is for no picture"):
        read_dataset(write(tmp_path, content([annotation(1, RECTANGLE, image_id=9)])))
    with pytest.raises(ConfigurationError, match="lacks something"):
        read_dataset(write(tmp_path, content([{"id": 1}])))


@pytest.mark.parametrize("counts", [[5, 5], "09", "55"])
def test_run_lengths_that_do_not_fill_the_picture_are_refused(tmp_path: Path, counts: Any) -> None:
    region = annotation(1, {"size": [HEIGHT, WIDTH], "counts": counts})
    with pytest.raises(ConfigurationError, match=r"a\.png has run lengths that do not fill the picture"):
        load(read_dataset(write(tmp_path, content([region])))[0])


def test_a_missing_picture_is_named_with_the_place_to_put_it(tmp_path: Path) -> None:
    file = write(tmp_path, content([]))
    (tmp_path / "images" / "a.png").unlink()
    with pytest.raises(ConfigurationError, match=r"1 of 1 pictures .* missing, among them a\.png"):
        read_dataset(file)


def test_a_picture_of_another_size_than_annotated_is_refused(tmp_path: Path) -> None:
    file = write(tmp_path, content([annotation(1, RECTANGLE)]))
    trees.save(tmp_path / "images" / "a.png", trees.picture(HEIGHT, WIDTH - 1))
    with pytest.raises(ConfigurationError, match="59x40 px but its annotations are for 60x40"):
        load(read_dataset(file)[0])
