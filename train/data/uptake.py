"""Dye uptake varied within a picture: paler or darker cytoplasm, paler or darker surroundings, the slide left as it is.

A stain changed over a whole picture keeps the order of densities that its laboratory produces: nucleus, red cells,
cytoplasm, slide. Other laboratories have another order; here it changes, in optical density over the empty slide
(Beer-Lambert), where the labels say what is a white cell and what is not.
"""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from edge.types import Image
from train.data.augment import Example

CYTOPLASM = (0.2, 1.4)  # factors of density, drawn evenly in their logarithm
SURROUNDINGS = (0.5, 2.4)
TINT = (0.8, 1.25)  # factor of each channel of the surroundings
NUCLEUS_FROM, NUCLEUS_TO = 0.35, 0.65  # of the cell's greatest density: below it cytoplasm, above it nucleus


def vary_uptake(example: Example, slide: NDArray[np.float64], rng: Generator) -> Example:
    """Let cytoplasm and whatever is no white cell take up more or less dye; `slide` is the empty slide's BGR [3]."""
    labelled = np.zeros(example.image.shape[:2], np.uint8)
    for mask in example.masks:
        labelled = np.maximum(labelled, mask)
    cell = (cv2.GaussianBlur(labelled, (0, 0), 1.0).astype(np.float32) / 255)[:, :, None]
    density = density_over(slide, example.image)
    factor = (1 - cell) * _log_uniform(rng, SURROUNDINGS) * rng.uniform(*TINT, 3).astype(np.float32)
    factor += cell * _cytoplasm_factor(density, labelled, _log_uniform(rng, CYTOPLASM))
    changed = np.where(density > 0, density * factor, density)  # what is brighter than the slide holds no dye
    image = np.clip(cv2.exp(-changed) * (slide.astype(np.float32) + 1) - 1, 0, 255).astype(np.uint8)
    return replace(example, image=image)


def density_over(slide: NDArray[np.float64], image: Image) -> NDArray[np.float32]:
    """Optical density (natural logarithm, BGR [H, W, 3]) over the empty slide; negative where brighter than it."""
    levels = -np.log((np.arange(256, dtype=np.float32)[:, None] + 1) / (slide.astype(np.float32) + 1))
    return np.asarray(cv2.LUT(image, levels[:, None, :]), np.float32)


def _cytoplasm_factor(density: NDArray[np.float32], labelled: NDArray[np.uint8], pale: float) -> NDArray[np.float32]:
    """`pale` where a cell is light, 1 where it is as dense as a nucleus: float32 [H, W, 1]."""
    mean = density.mean(axis=2)
    inside = mean[labelled > 127]
    greatest = max(float(np.quantile(inside, 0.98)), 0.05) if inside.size else 1.0
    nucleus = np.clip((mean / greatest - NUCLEUS_FROM) / (NUCLEUS_TO - NUCLEUS_FROM), 0, 1)
    return np.asarray(pale + (1 - pale) * nucleus, np.float32)[:, :, None]


def _log_uniform(rng: Generator, limits: tuple[float, float]) -> float:
    return float(np.exp(rng.uniform(*np.log(limits))))
