"""LISC: 720x576 fields with their cells outlined by an expert (Rezatofighi and Soltanian-Zadeh, 2011).

`Main Dataset/<class>/<n>.bmp` and `Ground Truth Segmentation/<class>/areaforexpert1/<n>_expert.bmp`, where the class is
Baso, eosi, lymp, mixt, mono or neut. A mask is 4 px smaller than its picture on each side; nucleus and cytoplasm are
both not 0. Nothing is known of the border that the mask leaves out, so it is ignored. The second expert's masks are
not used.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from natsort import natsorted

from edge.errors import ConfigurationError
from train.data.components import number_parts, read_mask
from train.data.sample import Sample, Truth, same_size

LAYOUT = "LISC ('Main Dataset' and 'Ground Truth Segmentation')"
PICTURES, MASKS, EXPERT = "Main Dataset", "Ground Truth Segmentation", "areaforexpert1"
KINDS = {
    "baso": "basophil",
    "eosi": "eosinophil",
    "lymp": "lymphocyte",
    "mixt": None,
    "mono": "monocyte",
    "neut": "neutrophil",
}
BORDER_PX = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class ExpertMask:
    """A mask without the outermost pixels of its picture."""

    path: Path

    def read(self, height: int, width: int) -> Truth:
        inner = read_mask(self.path)
        same_size(self.path, np.pad(inner, BORDER_PX), height, width)
        ignore = np.ones((height, width), bool)
        ignore[BORDER_PX:-BORDER_PX, BORDER_PX:-BORDER_PX] = False
        return Truth(instances=np.pad(number_parts(inner > 0), BORDER_PX), ignore=ignore)


def recognise(path: Path) -> bool:
    return (path / PICTURES).is_dir() and (path / MASKS).is_dir()


def read(path: Path) -> list[Sample]:
    """All pictures of the set."""
    samples = []
    for folder in sorted((path / PICTURES).iterdir()):
        short = folder.name.lower()
        if short not in KINDS:
            continue
        for image_path in natsorted(folder.glob("*.bmp")):
            samples.append(
                Sample(
                    image_path=image_path,
                    dataset="lisc",
                    source_id=f"{short}/{image_path.stem}",
                    group=f"lisc/{short}/{image_path.stem}",
                    kind=KINDS[short],
                    labels=ExpertMask(path=_mask_of(image_path, path / MASKS)),
                )
            )
    return samples


def _mask_of(image_path: Path, masks: Path) -> Path:
    """The one mask of a picture; a few carry a remark after `_expert`."""
    folder = masks / image_path.parent.name / EXPERT
    found = sorted(folder.glob(f"{image_path.stem}_expert*.bmp"))
    if len(found) != 1:
        raise ConfigurationError(
            f"{image_path} has {len(found)} masks named {image_path.stem}_expert*.bmp in {folder} but needs one; "
            "fetch the data set again"
        )
    return found[0]
