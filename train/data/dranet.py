"""The masks of DRA-Net over the Barcelona PBC pictures (Acevedo et al.): `{train,valid}/{image,label}`.

A label picture holds 0 for background and the class of the cell elsewhere. The labels are semi-automatic and a second
cell in a picture is not always labelled. Erythroblasts are no white cells: they are kept as pictures without a cell.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from natsort import natsorted

from edge.errors import ConfigurationError
from train.data.components import number_parts, read_mask
from train.data.sample import Part, Sample, Truth, same_size

LAYOUT = "DRA-Net ('train' and 'valid', each with 'image' and 'label')"
KINDS = {1: "basophil", 2: "eosinophil", 3: "neutrophil", 4: "lymphocyte", 5: "monocyte", 6: "erythroblast"}
ERYTHROBLAST = 6
PARTS: tuple[Part, ...] = ("train", "valid")


@dataclass(frozen=True, slots=True, kw_only=True)
class ClassLabel:
    """A label picture whose value is the class."""

    path: Path

    def read(self, height: int, width: int) -> Truth:
        label = read_mask(self.path)
        same_size(self.path, label, height, width)
        if label.max() > ERYTHROBLAST:
            raise ConfigurationError(
                f"the label {self.path} holds the value {label.max()} but the classes end at {ERYTHROBLAST}; "
                "fetch the data set again"
            )
        instances = np.zeros(label.shape, np.int32)
        for value in range(1, ERYTHROBLAST):
            if (label == value).any():
                parts = number_parts(label == value)
                instances[parts > 0] = parts[parts > 0] + instances.max()
        return Truth(instances=instances)


def recognise(path: Path) -> bool:
    return bool(_parts(path))


def read(path: Path) -> list[Sample]:
    """All pictures of the set, or of one of its two parts."""
    return [sample for part, folder in _parts(path) for sample in _read_part(part, folder)]


def _parts(path: Path) -> list[tuple[Part, Path]]:
    candidates = [(part, path / part) for part in PARTS] + [(part, path) for part in PARTS if path.name == part]
    return [(part, folder) for part, folder in candidates if all((folder / n).is_dir() for n in ("image", "label"))]


def _read_part(part: Part, folder: Path) -> list[Sample]:
    samples = []
    for image_path in natsorted((folder / "image").glob("*.jpg")):
        label_path = folder / "label" / f"{image_path.stem}.png"
        if not label_path.exists():
            raise ConfigurationError(f"{image_path} has no label {label_path}; fetch the data set again")
        source_id = f"{part}/{image_path.stem}"
        samples.append(
            Sample(
                image_path=image_path,
                dataset="dranet",
                source_id=source_id,
                group=f"dranet/{source_id}",
                kind=_kind(image_path.stem),
                labels=ClassLabel(path=label_path),
                complete=False,
                published_part=part,
            )
        )
    return samples


def _kind(stem: str) -> str | None:
    """The publisher numbers the pictures 1001, 1002, ... 6001, ...: the first digit is the class."""
    return KINDS.get(int(stem) // 1000) if stem.isdigit() else None
