"""Platelets drawn onto training pictures, dyed like their own cells: small purple things that are no white cells.

Most labelled sets show few platelets, and a network that has not seen a laboratory's takes them for small white cells.
Here they lie on each picture at the size that its white cells call for, single or in clumps.
"""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from edge.simulator.debris import draw_platelet
from edge.simulator.stains import Stain, lay, stain_named
from edge.types import Image
from train.data.augment import Example
from train.data.uptake import density_over

GROUPS = (1, 5)  # single platelets or clumps on a picture
CLUMP_SHARE, CLUMP = 0.12, (4, 12)
SIZE = (0.8, 1.8)  # times what the simulator draws for a white cell of this size
DYE = (0.35, 1.6)  # times the mean density of the picture's white cells
BLUR = (0.02, 0.4)  # of a platelet's radius: from crisp granules to one dark spot with a pale rim
HIDDEN = 0.1  # of a platelet, over a labelled cell: no more


def add_platelets(example: Example, slide: NDArray[np.float64], cell_px: float, rng: Generator) -> Example:
    """Draw platelets beside white cells of about `cell_px` in diameter; `slide` is the empty slide's BGR [3]."""
    image = example.image.copy()
    height, width = image.shape[:2]
    labelled = np.max(example.masks, axis=0) > 127 if example.masks else np.zeros((height, width), bool)
    for _ in range(int(rng.integers(*GROUPS))):
        stain = _stain_of(example, labelled, slide, rng)
        size = cell_px * _log_uniform(rng, SIZE)
        place = rng.uniform((0, 0), (width, height))
        count = int(rng.integers(*CLUMP)) if rng.random() < CLUMP_SHARE else 1
        for x, y in place + rng.normal(0, 0.15 * size, (count, 2)):
            if not (0 <= x < width and 0 <= y < height):
                continue
            stamp = _blurred(draw_platelet(rng, size, stain), 0.08 * size * _log_uniform(rng, BLUR))
            left, top = round(x - stamp.shape[1] / 2), round(y - stamp.shape[0] / 2)
            seen = stamp[max(0, -top) : height - top, max(0, -left) : width - left].min(axis=2) < 240
            under = labelled[max(0, top) : top + stamp.shape[0], max(0, left) : left + stamp.shape[1]]
            if (seen & under).sum() <= HIDDEN * seen.sum():
                lay(image, stamp, left, top)
    return replace(example, image=image)


def _stain_of(example: Example, labelled: NDArray[np.bool_], slide: NDArray[np.float64], rng: Generator) -> Stain:
    """A stain whose platelets are dyed like the white cells in the picture; a random one where there are none."""
    stain = stain_named("random", rng)
    if not labelled.any():
        return stain
    inside = np.maximum(density_over(slide, example.image)[labelled], 0)
    body = inside.mean(axis=0) * _log_uniform(rng, DYE)
    granule = np.quantile(inside, 0.9, axis=0) * rng.uniform(0.3, 1.3)
    return replace(stain, platelet=tuple(body.tolist()), basic_granule=tuple(granule.tolist()))


def _blurred(stamp: Image, sigma: float) -> Image:
    reach = int(np.ceil(3 * sigma))
    wide = cv2.copyMakeBorder(stamp, reach, reach, reach, reach, cv2.BORDER_REPLICATE)
    return np.asarray(cv2.GaussianBlur(wide, (0, 0), sigma), np.uint8)


def _log_uniform(rng: Generator, limits: tuple[float, float]) -> float:
    return float(np.exp(rng.uniform(*np.log(limits))))
