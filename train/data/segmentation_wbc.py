"""Dataset 1 and Dataset 2 of segmentation_WBC (Zheng et al., Micron 107, 2018).

`Dataset N/NNN.bmp` is a picture with one cell in its middle, `NNN.png` beside it the mask: 0 background,
128 cytoplasm, 255 nucleus. A white cell is both. A few masks hold stray grey values along their outlines.
"""

from __future__ import annotations

import csv
import re
from dataclasses import dataclass
from pathlib import Path

from edge.errors import ConfigurationError
from train.data.components import number_parts, read_mask
from train.data.sample import Sample, Truth, same_size

LAYOUT = "segmentation_WBC ('Dataset 1' and 'Dataset 2' with NNN.bmp and NNN.png)"
KINDS = {1: "neutrophil", 2: "lymphocyte", 3: "monocyte", 4: "eosinophil", 5: "basophil"}
CELL_LEVEL = 64  # halfway between background (0) and cytoplasm (128)
FOLDER = re.compile(r"dataset[ _-]?([12])", re.IGNORECASE)


@dataclass(frozen=True, slots=True, kw_only=True)
class NucleusAndCytoplasm:
    """A mask with the levels 0, 128 and 255."""

    path: Path

    def read(self, height: int, width: int) -> Truth:
        mask = read_mask(self.path)
        same_size(self.path, mask, height, width)
        return Truth(instances=number_parts(mask >= CELL_LEVEL))


def recognise(path: Path) -> bool:
    return bool(_folders(path))


def read(path: Path) -> list[Sample]:
    """All pictures of `path`, which is a 'Dataset N' folder or holds such folders."""
    return [sample for number, folder in _folders(path) for sample in _read_folder(number, folder)]


def _folders(path: Path) -> list[tuple[int, Path]]:
    """(1 or 2, folder) of the data sets that `path` is or holds."""
    if not path.is_dir():
        return []
    own = FOLDER.fullmatch(path.name)
    if own and any(path.glob("*.bmp")):
        return [(int(own[1]), path)]
    found = [(FOLDER.fullmatch(folder.name), folder) for folder in sorted(path.iterdir()) if folder.is_dir()]
    return [(int(match[1]), folder) for match, folder in found if match and any(folder.glob("*.bmp"))]


def _read_folder(number: int, folder: Path) -> list[Sample]:
    kinds = _read_kinds(folder.parent / f"Class Labels of Dataset {number}.csv")
    samples = []
    for image_path in sorted(folder.glob("*.bmp")):
        mask_path = image_path.with_suffix(".png")
        if not mask_path.exists():
            raise ConfigurationError(f"{image_path} has no mask {mask_path.name} beside it; fetch the data set again")
        samples.append(
            Sample(
                image_path=image_path,
                dataset=f"dataset{number}",
                source_id=image_path.stem,
                group=f"dataset{number}/{image_path.stem}",
                kind=kinds.get(image_path.stem.lstrip("0")),
                labels=NucleusAndCytoplasm(path=mask_path),
            )
        )
    return samples


def _read_kinds(path: Path) -> dict[str, str]:
    """Picture number without leading zeros -> class; empty if the table does not lie beside the folder."""
    if not path.exists():
        return {}
    kinds = {}
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            for row in csv.DictReader(file):
                kinds[str(int(row["image ID"]))] = KINDS[int(row["class label"])]
    except (KeyError, ValueError, TypeError, csv.Error) as error:
        raise ConfigurationError(
            f"{path} is not the table 'image ID,class label' with classes 1 to 5 ({error}); fetch the data set again"
        ) from error
    return kinds
