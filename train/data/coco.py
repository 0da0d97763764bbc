"""A user's own pictures in COCO's JSON format, with polygons or run lengths.

Give the JSON file or a folder that holds it as `annotations.json`, `_annotations.coco.json` or `instances_*.json`, also
under `annotations/`. Pictures are looked for beside the file, in `images/` beside it and in `images/` one level up.
White cells are the categories named after them; the only category of a file may have any name. Regions marked
`iscrowd` are ignored.
"""

from __future__ import annotations

import json
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pycocotools import mask as rle

from edge.errors import ConfigurationError
from edge.link.errors import LinkError
from edge.link.rle import decode_counts
from train.data.components import number_masks
from train.data.sample import Sample, Truth

LAYOUT = "COCO annotations (a .json file, or a folder with annotations.json)"
FILE_PATTERNS = ("annotations.json", "_annotations.coco.json", "instances_*.json")
WHITE_CELL_WORDS = ("wbc", "leuko", "leuco", "white")
KIND_WORDS = {
    "neutro": "neutrophil",
    "lympho": "lymphocyte",
    "mono": "monocyte",
    "eosino": "eosinophil",
    "baso": "basophil",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class CocoRegions:
    """The annotations of one picture as compressed run lengths of its whole size."""

    image_path: Path
    height: int
    width: int
    cells: tuple[str, ...]
    crowds: tuple[str, ...]

    def read(self, height: int, width: int) -> Truth:
        if (height, width) != (self.height, self.width):
            raise ConfigurationError(
                f"{self.image_path} is {width}x{height} px but its annotations are for {self.width}x{self.height} px; "
                "give the picture that was annotated"
            )
        masks = [self._mask(counts) for counts in self.cells]
        instances = number_masks(masks) if masks else np.zeros((height, width), np.int32)
        crowds = [self._mask(counts) for counts in self.crowds]
        return Truth(instances=instances, ignore=np.any(crowds, axis=0) & (instances == 0) if crowds else None)

    def _mask(self, counts: str) -> NDArray[np.bool_]:
        try:
            return decode_counts(counts, self.height, self.width)
        except LinkError as error:
            raise ConfigurationError(
                f"a region of {self.image_path} has run lengths that do not fill the picture; export it again"
            ) from error


def recognise(path: Path) -> bool:
    return _annotation_file(path) is not None


def read(path: Path) -> list[Sample]:
    """All pictures that the file names, those without a cell too."""
    file = _annotation_file(path)
    if file is None:
        return []
    content = _read_json(file)
    try:
        return _samples(file, content)
    except (KeyError, TypeError, AttributeError) as error:
        raise ConfigurationError(
            f"{file} lacks something that COCO annotations have ({type(error).__name__}: {error}); export it again"
        ) from error


def _annotation_file(path: Path) -> Path | None:
    if path.is_file():
        return path if path.suffix.lower() == ".json" else None
    for folder in (path, path / "annotations"):
        found = [file for pattern in FILE_PATTERNS for file in sorted(folder.glob(pattern))]
        if len(found) > 1:
            names = ", ".join(file.name for file in found)
            raise ConfigurationError(f"{folder} holds several annotation files ({names}); give one of them instead")
        if found:
            return found[0]
    return None


def _read_json(file: Path) -> dict[str, Any]:
    try:
        content = json.loads(file.read_text(encoding="utf-8-sig"))
    except OSError as error:
        raise ConfigurationError(f"the annotations {file} cannot be read ({error.strerror}); check the path") from error
    except ValueError as error:
        raise ConfigurationError(f"{file} is not valid JSON ({error}); export the annotations again") from error
    if not isinstance(content, dict) or not {"images", "annotations", "categories"} <= content.keys():
        raise ConfigurationError(f"{file} has no lists images, annotations and categories; give COCO annotations")
    return content


def _samples(file: Path, content: dict[str, Any]) -> list[Sample]:
    kinds = _white_cell_kinds(file, content["categories"])
    pictures = {image["id"]: image for image in content["images"]}
    cells: dict[Any, list[str]] = defaultdict(list)
    crowds: dict[Any, list[str]] = defaultdict(list)
    seen: dict[Any, set[str | None]] = defaultdict(set)
    for annotation in content["annotations"]:
        if annotation["category_id"] not in kinds:
            continue
        image_id = annotation["image_id"]
        if image_id not in pictures:
            raise ConfigurationError(
                f"annotation {annotation.get('id')} of {file} is for no picture of it; export it again"
            )
        region = _region(file, annotation, pictures[image_id])
        (crowds if annotation.get("iscrowd") else cells)[image_id].append(region)
        seen[image_id].add(kinds[annotation["category_id"]])
    paths = _find_pictures(file, [str(image["file_name"]) for image in content["images"]])
    samples = []
    for image_id, image in pictures.items():
        name, path = str(image["file_name"]), paths[str(image["file_name"])]
        labels = CocoRegions(
            image_path=path,
            height=int(image["height"]),
            width=int(image["width"]),
            cells=tuple(cells[image_id]),
            crowds=tuple(crowds[image_id]),
        )
        source_id = f"{file.stem}/{name}"
        kind = next(iter(seen[image_id])) if len(seen[image_id]) == 1 else None
        samples.append(
            Sample(
                image_path=path,
                dataset="coco",
                source_id=source_id,
                group=f"coco/{source_id}",
                kind=kind,
                labels=labels,
            )
        )
    return samples


def _white_cell_kinds(file: Path, categories: list[dict[str, Any]]) -> dict[Any, str | None]:
    """Category id -> cell class (None if not told) of the categories that are white cells."""
    found: dict[Any, str | None] = {}
    for category in categories:
        name = str(category["name"]).lower()
        kind = next((kind for word, kind in KIND_WORDS.items() if name.startswith(word)), None)
        if kind or any(word in name for word in WHITE_CELL_WORDS) or len(categories) == 1:
            found[category["id"]] = kind
    if not found:
        names = ", ".join(str(category["name"]) for category in categories) or "none"
        raise ConfigurationError(f"no category of {file} is a white cell ({names}); name it 'wbc'")
    return found


def _region(file: Path, annotation: dict[str, Any], image: dict[str, Any]) -> str:
    """One annotation as compressed run lengths."""
    try:
        return _compress(annotation.get("segmentation"), int(image["height"]), int(image["width"]))
    except (ValueError, TypeError, KeyError, OverflowError) as error:
        raise ConfigurationError(
            f"annotation {annotation.get('id')} of {file} has no usable segmentation ({error}); "
            "give each cell a polygon or run lengths of its picture's size"
        ) from error


def _compress(shape: Any, height: int, width: int) -> str:
    """Polygons, plain or compressed run lengths -> compressed run lengths; ValueError if it is none of them."""
    if isinstance(shape, list) and shape and all(isinstance(part, list) and len(part) >= 6 for part in shape):
        region = rle.merge(rle.frPyObjects(shape, height, width))
    elif not isinstance(shape, dict):
        raise ValueError("no polygons of three points or more and no run lengths")
    elif list(shape["size"]) != [height, width]:
        raise ValueError(f"run lengths for another size than {width}x{height}")
    elif isinstance(shape["counts"], list):
        region = rle.frPyObjects(shape, height, width)
    else:
        region = {"size": [height, width], "counts": str(shape["counts"]).encode()}
    if rle.area(region) == 0:
        raise ValueError("an empty region")
    return str(region["counts"].decode())


def _find_pictures(file: Path, names: list[str]) -> dict[str, Path]:
    folders = (file.parent, file.parent / "images", file.parent.parent / "images")
    paths = {}
    for name in names:
        found = next((folder / name for folder in folders if (folder / name).is_file()), None)
        if found is not None:
            paths[name] = found
    missing = [name for name in names if name not in paths]
    if missing:
        raise ConfigurationError(
            f"{len(missing)} of {len(names)} pictures of {file} are missing, among them {missing[0]}; "
            f"put them beside the file or in {folders[1]}"
        )
    return paths
