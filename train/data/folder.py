"""A user's own pictures: a folder of images beside a folder of masks with the same names.

`images/<name>.<png, jpg, bmp or tif>` and `masks/<name>.<png, bmp or tif>`. A mask holds either two values (0 and 1, or
0 and 255): then each connected part is a cell; or a number per cell (8 or 16 bit). A picture without a cell needs a
mask all the same, all 0.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from natsort import natsorted
from numpy.typing import NDArray

from edge.errors import ConfigurationError
from train.data.components import number_parts
from train.data.sample import Sample, Truth, decode, same_size

LAYOUT = "a folder with 'images' and 'masks' of the same names"
FOLDERS = (("images", "masks"), ("image", "mask"))
IMAGE_SUFFIXES = {".png", ".jpg", ".jpeg", ".bmp", ".tif", ".tiff"}
MASK_SUFFIXES = {".png", ".bmp", ".tif", ".tiff"}  # lossless: a JPEG would blur the numbers
WHITE = 255


@dataclass(frozen=True, slots=True, kw_only=True)
class MaskFile:
    """A binary mask or a number per cell."""

    path: Path

    def read(self, height: int, width: int) -> Truth:
        mask = self._one_channel(decode(self.path, cv2.IMREAD_UNCHANGED))
        same_size(self.path, mask, height, width)
        values = [int(value) for value in np.unique(mask) if value]
        if len(values) <= 1:
            return Truth(instances=number_parts(mask > 0, smallest_share=0))
        if WHITE in values and mask.dtype == np.uint8:
            raise ConfigurationError(
                f"the mask {self.path} holds grey values between 0 and 255: it is neither a binary mask nor a number "
                "per cell; set each pixel to one of them"
            )
        return Truth(instances=np.searchsorted(np.array([0, *values]), mask).astype(np.int32))

    def _one_channel(self, mask: NDArray) -> NDArray:
        if mask.ndim == 2:
            return mask
        channels = mask[:, :, :3]
        if (channels != channels[:, :, :1]).any():
            raise ConfigurationError(
                f"{self.path} is coloured; give one value per pixel: 0 for background, 255 or a number per cell"
            )
        return np.asarray(channels[:, :, 0])


def recognise(path: Path) -> bool:
    return _folders(path) is not None


def read(path: Path) -> list[Sample]:
    """All pictures of the folder; raises ConfigurationError for one without a mask or a mask without a picture."""
    folders = _folders(path)
    if folders is None:
        return []
    images, masks = _by_name(folders[0], IMAGE_SUFFIXES), _by_name(folders[1], MASK_SUFFIXES)
    alone = sorted(images.keys() ^ masks.keys())
    if alone:
        missing = "mask" if alone[0] in images else "picture"
        raise ConfigurationError(
            f"{len(alone)} names in {path} have a picture or a mask but not both, among them {alone[0]}, which has no "
            f"{missing}; give each picture a mask (all 0 if it shows no cell)"
        )
    name = path.resolve().name
    return [
        Sample(
            image_path=image_path,
            dataset="folder",
            source_id=f"{name}/{stem}",
            group=f"folder/{name}/{stem}",
            labels=MaskFile(path=masks[stem]),
        )
        for stem, image_path in images.items()
    ]


def _folders(path: Path) -> tuple[Path, Path] | None:
    for images, masks in FOLDERS:
        if (path / images).is_dir() and (path / masks).is_dir():
            return path / images, path / masks
    return None


def _by_name(folder: Path, suffixes: set[str]) -> dict[str, Path]:
    """Name without suffix -> file, in natural order."""
    files: dict[str, Path] = {}
    for path in natsorted(folder.iterdir()):
        if path.suffix.lower() not in suffixes:
            continue
        if path.stem in files:
            raise ConfigurationError(f"{path} and {files[path.stem].name} have the same name; take one away")
        files[path.stem] = path
    return files
