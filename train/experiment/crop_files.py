"""Crops that a run draws or cuts itself, as PNG files that are either whole or not there."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from edge.errors import DiskFullError


def write_crop(path: Path, pixels: NDArray[np.integer]) -> None:
    """Write a PNG at once; raises DiskFullError if that fails."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.stem}.tmp.png")
    if not cv2.imwrite(str(temporary), pixels):
        temporary.unlink(missing_ok=True)
        raise DiskFullError(f"{path} cannot be written; make room there and run the same command again")
    temporary.replace(path)
