"""BCISC: microscope fields of five cell classes, and crops of them at half scale.

`original-images/<class>/<field>.jpg` is a field, its masks lie beside it: `<field>.png`, `<field>(1).png`,
`<field>_1.png`, one cell or several in a file, 0/1 or 0/255, a few saved with a lossy codec in between.
`sub-images/images/<class>_<field>_<n>.jpg` is a crop of a field, `sub-images/masks/<class>_<field>_<n>.png` its mask.

There is one crop per cell, so a field counts as annotated only if its masks hold as many cells as it has crops.
Without the crops nobody can tell, and no field counts as annotated.
"""

from __future__ import annotations

import re
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from natsort import natsorted
from numpy.typing import NDArray

from edge.errors import ConfigurationError
from train.data.components import foreground, number_masks, number_parts, read_mask
from train.data.sample import Sample, Truth, decode, same_size

LAYOUT = "BCISC ('sub-images' and 'original-images')"
KINDS = {"neut": "neutrophil", "lymp": "lymphocyte", "mono": "monocyte", "eosi": "eosinophil", "baso": "basophil"}
CROP_NAME = re.compile(r"(?P<kind>[a-z]+)_(?P<field>\d+-\d+)_\d+")
MASK_NAME = re.compile(r"(?P<field>\d+-\d+)(\(\d+\)|_\d+)?")
SAME_CELL_IOU = 0.9  # one cell saved twice under two names; distinct cells do not overlap at all
ASPECT_TOLERANCE = 0.02  # sizes are compared on a picture decoded at an eighth, which rounds up to 8 px
CROPS, FIELDS = "sub-images", "original-images"


@dataclass(frozen=True, slots=True, kw_only=True)
class CropMask:
    """One binary mask; parts of other cells in the crop are separate parts of it."""

    path: Path

    def read(self, height: int, width: int) -> Truth:
        mask = read_mask(self.path)
        same_size(self.path, mask, height, width)
        return Truth(instances=number_parts(foreground(mask)))


@dataclass(frozen=True, slots=True, kw_only=True)
class FieldMasks:
    """The mask files of one field. A mask of another size but the same shape is scaled to the picture."""

    paths: tuple[Path, ...]

    def read(self, height: int, width: int) -> Truth:
        return Truth(instances=number_masks([self._fit(cell, height, width) for cell in read_cells(self.paths)]))

    def _fit(self, cell: NDArray[np.bool_], height: int, width: int) -> NDArray[np.bool_]:
        if not _same_aspect(cell.shape, (height, width)):
            same_size(self.paths[0], cell, height, width)
        scaled = cv2.resize(cell.astype(np.uint8), (width, height), interpolation=cv2.INTER_NEAREST)
        return np.asarray(scaled, bool)


def read_cells(paths: tuple[Path, ...]) -> list[NDArray[np.bool_]]:
    """One mask bool [h, w] per cell in the files; a cell that two files hold counts once."""
    cells: list[NDArray[np.bool_]] = []
    for path in paths:
        parts = number_parts(foreground(read_mask(path)))
        for number in range(1, int(parts.max()) + 1):
            cell = parts == number
            if not any(_is_same_cell(cell, other) for other in cells):
                cells.append(cell)
    return cells


def recognise(path: Path) -> bool:
    return bool(_places(path))


def read(path: Path) -> list[Sample]:
    """Crops and fields of the set, or of one of its two parts."""
    samples: list[Sample] = []
    for name, folder in _places(path):
        samples += _read_crops(folder) if name == CROPS else _read_fields(folder)
    return samples


def _places(path: Path) -> list[tuple[str, Path]]:
    candidates = [(name, path / name) for name in (CROPS, FIELDS)] + [(path.name, path)]
    return [
        (name, folder)
        for name, folder in candidates
        if (name == CROPS and (folder / "images").is_dir() and (folder / "masks").is_dir())
        or (name == FIELDS and any((folder / kind).is_dir() for kind in KINDS))
    ]


def _crop_names(folder: Path) -> list[tuple[Path, str, str]]:
    """(file, kind, field) of each crop."""
    found = []
    for path in natsorted((folder / "images").glob("*.jpg")):
        match = CROP_NAME.fullmatch(path.stem)
        if match is None or match["kind"] not in KINDS:
            raise ConfigurationError(f"{path} is not named <class>_<field>_<n>.jpg as BCISC does; take it away")
        found.append((path, match["kind"], match["field"]))
    return found


def _read_crops(folder: Path) -> list[Sample]:
    samples = []
    for path, kind, field in _crop_names(folder):
        mask_path = folder / "masks" / f"{path.stem}.png"
        if not mask_path.exists():
            raise ConfigurationError(f"{path} has no mask {mask_path}; fetch the data set again")
        samples.append(
            Sample(
                image_path=path,
                dataset="bcisc-sub",
                source_id=path.stem,
                group=f"bcisc/{kind}_{field}",
                kind=KINDS[kind],
                labels=CropMask(path=mask_path),
            )
        )
    return samples


def _read_fields(folder: Path) -> list[Sample]:
    crops: Counter[tuple[str, str]] = Counter()
    if (folder.parent / CROPS / "images").is_dir():
        crops.update((kind, field) for _, kind, field in _crop_names(folder.parent / CROPS))
    found = [
        (kind, path, masks.get(path.stem, ()))
        for kind in KINDS
        for masks in [_masks_by_field(folder / kind)]
        for path in natsorted((folder / kind).glob("*.jpg"))
    ]
    with ThreadPoolExecutor() as pool:  # decoding masks is what takes the time
        annotated = list(pool.map(lambda item: _is_annotated(item[1], item[2], crops[item[0], item[1].stem]), found))
    return [
        Sample(
            image_path=path,
            dataset="bcisc-field",
            source_id=f"{kind}/{path.stem}",
            group=f"bcisc/{kind}_{path.stem}",
            kind=KINDS[kind],
            labels=FieldMasks(paths=paths) if known else None,
            complete=known,
        )
        for (kind, path, paths), known in zip(found, annotated, strict=True)
    ]


def _masks_by_field(folder: Path) -> dict[str, tuple[Path, ...]]:
    masks: dict[str, tuple[Path, ...]] = {}
    for path in natsorted(folder.glob("*.png")):
        match = MASK_NAME.fullmatch(path.stem)
        if match is None:
            raise ConfigurationError(f"the mask {path} is not named after a field as BCISC does; take it away")
        masks[match["field"]] = (*masks.get(match["field"], ()), path)
    return masks


def _is_annotated(path: Path, mask_paths: tuple[Path, ...], crops: int) -> bool:
    if not mask_paths or crops == 0:
        return False
    cells = read_cells(mask_paths)
    picture = decode(path, cv2.IMREAD_REDUCED_GRAYSCALE_8)
    return len(cells) >= crops and all(_same_aspect(cell.shape, picture.shape) for cell in cells)


def _same_aspect(a: tuple[int, ...], b: tuple[int, ...]) -> bool:
    return abs(a[0] * b[1] / (a[1] * b[0]) - 1) < ASPECT_TOLERANCE


def _is_same_cell(a: NDArray[np.bool_], b: NDArray[np.bool_]) -> bool:
    if a.shape != b.shape:
        return False
    union = int((a | b).sum())
    return union > 0 and int((a & b).sum()) / union > SAME_CELL_IOU
