"""What dyes and lamps do to light.

Everything on a slide absorbs: it is described by its optical density per channel (natural logarithm, BGR), so that
overlaps come out right by themselves (Beer-Lambert: densities add, transmitted light multiplies).
"""

from __future__ import annotations

from dataclasses import dataclass, fields, replace

import cv2
import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from edge.types import Image

Density = tuple[float, float, float]
"""Optical density in blue, green and red."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Stain:
    """Optical densities of the parts of cells at full thickness, and the colour of the lamp (BGR, 0..255)."""

    lamp: Density
    red_cell: Density
    nucleus: Density
    pale_cytoplasm: Density
    blue_cytoplasm: Density
    grey_cytoplasm: Density
    neutral_granule: Density
    eosin_granule: Density
    basic_granule: Density
    platelet: Density


WRIGHT = Stain(
    lamp=(216, 228, 158),
    red_cell=(0.52, 0.70, 0.20),
    nucleus=(0.95, 2.35, 1.15),
    pale_cytoplasm=(0.24, 0.55, 0.10),
    blue_cytoplasm=(0.14, 0.42, 0.36),
    grey_cytoplasm=(0.22, 0.52, 0.30),
    neutral_granule=(0.20, 0.42, 0.14),
    eosin_granule=(0.95, 0.85, 0.12),
    basic_granule=(0.80, 2.10, 1.15),
    platelet=(0.45, 1.05, 0.50),
)
GIEMSA = replace(
    WRIGHT,
    lamp=(206, 232, 252),
    red_cell=(0.28, 0.42, 0.10),
    nucleus=(0.62, 1.75, 1.25),
    pale_cytoplasm=(0.12, 0.28, 0.12),
    eosin_granule=(0.75, 0.80, 0.10),
)
RAPID = replace(
    WRIGHT,
    lamp=(150, 245, 253),
    red_cell=(0.10, 0.06, 0.04),
    nucleus=(0.65, 2.10, 0.75),
    pale_cytoplasm=(0.42, 0.45, 0.18),
    blue_cytoplasm=(0.20, 0.40, 0.35),
)
DULL = replace(WRIGHT, lamp=(112, 158, 178), red_cell=(0.55, 0.62, 0.38))
STAINS = {"wright": WRIGHT, "giemsa": GIEMSA, "rapid": RAPID, "dull": DULL}


_UNUSUAL = {"red_cell": (0.5, 2.6), "pale_cytoplasm": (0.35, 1.1), "nucleus": (0.6, 1.3)}
"""Smallest and largest factor: from laked red cells to ones as dark as nuclei, from ghostly cytoplasm to a full one."""


def stain_named(name: str, generator: Generator) -> Stain:
    """A preset; for "random" a preset with every density and the lamp varied; for "unusual" one that is further out."""
    if name == "unusual":
        stain = stain_named("random", generator)
        factors = {part: np.exp(generator.uniform(*np.log(limits))) for part, limits in _UNUSUAL.items()}
        return replace(stain, **{part: _scaled(getattr(stain, part), factor) for part, factor in factors.items()})
    if name != "random":
        return STAINS[name]
    base = STAINS[str(generator.choice(sorted(STAINS)))]
    varied: dict[str, Density] = {}
    for field in fields(base):
        value = np.array(getattr(base, field.name))
        if field.name == "lamp":
            value = np.clip(value * generator.normal(1, 0.08, 3), 60, 255)
        else:
            value = value * generator.normal(1, 0.12, 3).clip(0.6, 1.5) * generator.uniform(0.75, 1.25)
        varied[field.name] = (float(value[0]), float(value[1]), float(value[2]))
    return replace(base, **varied)


def _scaled(density: Density, factor: float) -> Density:
    blue, green, red = (float(value * factor) for value in density)
    return blue, green, red


def transmitted(density: NDArray[np.float32]) -> NDArray[np.uint8]:
    """Optical density [H, W, 3] -> share of the light that passes, in 255ths."""
    return np.asarray(255 * np.exp(-density) + 0.5, np.uint8)


def lay(image: Image, stamp: Image, x: int, y: int) -> None:
    """Let light pass through a stamp as well, in place; what reaches over the edge is cut off."""
    height, width = image.shape[:2]
    left, top = max(0, x), max(0, y)
    right, bottom = min(width, x + stamp.shape[1]), min(height, y + stamp.shape[0])
    if left >= right or top >= bottom:
        return
    part = np.ascontiguousarray(stamp[top - y : bottom - y, left - x : right - x])
    image[top:bottom, left:right] = cv2.multiply(image[top:bottom, left:right], part, scale=1 / 255)
