"""The crops of single cells that the paper takes from LISC's fields: 256x256 px, one for each white cell."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np

from train.data.folder import MaskFile
from train.data.sample import Sample, load
from train.experiment.crop_files import write_crop

SIDE_PX = 256


def lisc_crops(fields: list[Sample], folder: Path) -> list[Sample]:
    """Cut a crop around each cell of labelled fields, written below `folder` as `images` and `masks` once.

    The cell lies in the middle, or off it where the field ends. Other cells in a crop are part of its truth. Crops of
    one field share its group. The unlabelled rim of a field (4 px) counts as background.
    """
    crops = []
    for field in fields:
        loaded = load(field)
        height, width = loaded.instances.shape
        for number in range(1, int(loaded.instances.max()) + 1):
            rows, columns = np.nonzero(loaded.instances == number)
            if len(rows) == 0:
                continue
            top = _start((int(rows.min()) + int(rows.max()) + 1) // 2, height)
            left = _start((int(columns.min()) + int(columns.max()) + 1) // 2, width)
            window = slice(top, top + SIDE_PX), slice(left, left + SIDE_PX)
            name = f"{field.source_id}-{number}"
            image, mask = (folder / part / f"{name}.png" for part in ("images", "masks"))
            if not image.exists():
                write_crop(image, loaded.image[window])
            write_crop(mask, loaded.instances[window].astype(np.uint16))  # always: labels are corrected now and then
            crops.append(replace(field, image_path=image, source_id=name, labels=MaskFile(path=mask)))
    return crops


def _start(middle: int, extent: int) -> int:
    """First row or column of a crop about `middle` that stays inside."""
    return max(0, min(middle - SIDE_PX // 2, extent - SIDE_PX))
