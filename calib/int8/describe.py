"""What sets one picture apart from another: stain, density, focus, brightness, size, cells.

Optical density is -log10 of the transmitted share, so that a stain's strength adds up and a lamp's does not matter
once the background's is known.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from calib.int8.pictures import Unreadable, digest
from edge.cameras.files import read_picture
from edge.geometry import Letterbox
from edge.postprocess import postprocess
from edge.preprocess import preprocess
from edge.quality import assess
from edge.segmenters import Segmenter
from edge.spec import ModelSpec
from edge.types import Floats, Instances

STAINED = 0.15
"""Optical density above the background's at which a pixel counts as stained (Macenko et al., ISBI 2009, use 0.15)."""
SAMPLE_STEP = 2
"""Colours are taken from every second network pixel in x and y: they are medians."""

FEATURES = (
    *(f"background optical density, {channel}" for channel in ("red", "green", "blue")),
    *(f"stain optical density, {channel}" for channel in ("red", "green", "blue")),
    "share of stained pixels",
    "log10 of the focus measure",
    "brightness",
    "log10 of the picture's size in px",
    "log2 of 1 + cells",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Described:
    """A picture that can be read.

    Attributes
    ----------
    digest : SHA-256 of the file
    features : float64 [len(FEATURES)]
    cells : how many the FP32 model finds at its own threshold
    """

    path: Path
    digest: str
    features: NDArray[np.float64]
    cells: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Survey:
    """Every picture that was listed: `pictures` are distinct and sorted by digest, `twice` counts the copies left out.

    The order of the list and the names of the files therefore decide nothing.
    """

    pictures: tuple[Described, ...]
    unreadable: tuple[Unreadable, ...]
    twice: int


def survey(paths: Iterable[Path], segmenter: Segmenter) -> Survey:
    """Read every picture, run the FP32 model on it and describe it."""
    known: dict[str, Described] = {}
    unreadable: list[Unreadable] = []
    twice = 0
    for path in paths:
        try:
            image = read_picture(path)
            key = digest(path)
        except (ValueError, OSError) as error:
            unreadable.append(Unreadable(path=path, reason=str(error)))
            continue
        if key in known:
            twice += 1
            continue
        tensor, letterbox = preprocess(image, segmenter.spec)
        cells = postprocess(segmenter.segment(tensor), letterbox, segmenter.spec)
        features = describe(tensor, letterbox, cells, segmenter.spec)
        known[key] = Described(path=path, digest=key, features=features, cells=len(cells))
    return Survey(pictures=tuple(known[key] for key in sorted(known)), unreadable=tuple(unreadable), twice=twice)


def describe(tensor: Floats, letterbox: Letterbox, cells: Instances, spec: ModelSpec) -> NDArray[np.float64]:
    """The features of one picture, from what `preprocess` made of it; see `FEATURES` for their order."""
    levels = _picture_levels(tensor, letterbox, spec)
    density = -np.log10((np.clip(levels, 0, 255) + 1) / 256)
    total = density.sum(axis=0)
    background = np.median(density[:, total <= np.median(total)], axis=1)
    stained = ((density - background[:, None]) > STAINED).any(axis=0)
    stain = np.median(density[:, stained], axis=1) - background if stained.any() else np.zeros(3)
    quality = assess(tensor, letterbox, cells, spec)
    return np.array(
        [
            *background,
            *stain,
            stained.mean(),
            np.log10(max(quality.focus, 1e-3)),
            levels.mean() / 255,
            np.log10(letterbox.source_width * letterbox.source_height),
            np.log2(1 + len(cells)),
        ],
        np.float64,
    )


def _picture_levels(tensor: Floats, letterbox: Letterbox, spec: ModelSpec) -> NDArray[np.float64]:
    """Sampled pixels of the picture without its border, RGB [3, P], 0..255."""
    height = max(1, round(letterbox.source_height * letterbox.scale_y))
    width = max(1, round(letterbox.source_width * letterbox.scale_x))
    rows = slice(letterbox.pad_y, letterbox.pad_y + height, SAMPLE_STEP)
    columns = slice(letterbox.pad_x, letterbox.pad_x + width, SAMPLE_STEP)
    levels = tensor[0, :, rows, columns].reshape(3, -1).astype(np.float64)
    return np.asarray(levels * np.array(spec.std)[:, None] + np.array(spec.mean)[:, None])
