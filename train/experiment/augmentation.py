"""The paper's data augmentation (section 3.2, Figure 9) in its three configurations.

The paper names the operations and the range of the rotation; how often and how strongly the others act is our choice.
Lengths are shares of the picture's shorter side, because the data sets show the same cells at 120 to 300 px.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import cv2
import numpy as np
from numpy.random import Generator

from train.data.augment import Example
from train.data.deformation import elastic, elastic_scale, rotate


@dataclass(frozen=True, slots=True, kw_only=True)
class Augmentation:
    """How often each operation acts (probability) and how strongly (smallest and largest value, drawn evenly).

    Attributes
    ----------
    flip_horizontal, flip_vertical, rotation, elastic, blur, gamma : probabilities
    degrees : angle of the rotation
    elastic_sigma : Simard's sigma / shorter side of the picture (his own: 4 / 29 px)
    elastic_displacement : root mean square displacement along each axis / shorter side (his own: 1.4 / 29 px)
    blur_sigma : sigma of the Gaussian blur / shorter side
    gamma_exponent : of intensities in 0..1, drawn evenly in its logarithm; above 1 darkens
    """

    flip_horizontal: float = 0.0
    flip_vertical: float = 0.0
    rotation: float = 0.0
    elastic: float = 0.0
    blur: float = 0.0
    gamma: float = 0.0
    degrees: tuple[float, float] = (-180.0, 180.0)
    elastic_sigma: tuple[float, float] = (0.08, 0.14)
    elastic_displacement: tuple[float, float] = (0.01, 0.03)
    blur_sigma: tuple[float, float] = (0.003, 0.01)
    gamma_exponent: tuple[float, float] = (0.67, 1.5)


WITHOUT_ELASTIC = Augmentation(flip_horizontal=0.5, flip_vertical=0.5, rotation=0.75, blur=0.25, gamma=0.5)
AUGMENTATIONS: dict[str, Augmentation] = {
    "noAug": Augmentation(),
    "Aug-noET": WITHOUT_ELASTIC,
    "Aug-ET": replace(WITHOUT_ELASTIC, elastic=0.5),
}


def augment(example: Example, augmentation: Augmentation, rng: Generator) -> Example:
    """One random variant of a picture, of the same size; masks move with the image.

    The generator's state decides everything, so that a seed repeats a picture. The input is not changed; it is returned
    itself if no operation acts.
    """
    if rng.random() < augmentation.flip_horizontal:
        example = flip_horizontal(example)
    if rng.random() < augmentation.flip_vertical:
        example = flip_vertical(example)
    if rng.random() < augmentation.rotation:
        example = rotate(example, rng.uniform(*augmentation.degrees))
    side = min(example.image.shape[:2])
    if rng.random() < augmentation.elastic:
        sigma_px = rng.uniform(*augmentation.elastic_sigma) * side
        alpha_px = elastic_scale(rng.uniform(*augmentation.elastic_displacement) * side, sigma_px)
        example = elastic(example, alpha_px, sigma_px, rng)
    if rng.random() < augmentation.blur:
        example = blur(example, rng.uniform(*augmentation.blur_sigma) * side)
    if rng.random() < augmentation.gamma:
        low, high = augmentation.gamma_exponent
        example = gamma(example, math.exp(rng.uniform(math.log(low), math.log(high))))
    return example


def flip_horizontal(example: Example) -> Example:
    """FlipH: left becomes right."""
    return Example(
        image=np.ascontiguousarray(example.image[:, ::-1]),
        masks=[np.ascontiguousarray(mask[:, ::-1]) for mask in example.masks],
    )


def flip_vertical(example: Example) -> Example:
    """FlipV: top becomes bottom."""
    return Example(
        image=np.ascontiguousarray(example.image[::-1]),
        masks=[np.ascontiguousarray(mask[::-1]) for mask in example.masks],
    )


def blur(example: Example, sigma_px: float) -> Example:
    """GB: Gaussian blur, as out of focus; cells stay where they are."""
    return Example(image=np.asarray(cv2.GaussianBlur(example.image, (0, 0), sigma_px), np.uint8), masks=example.masks)


def gamma(example: Example, exponent: float) -> Example:
    """GT: intensities in 0..1 to the power of `exponent`, as under a weaker (> 1) or stronger (< 1) lamp."""
    table = np.rint(255 * (np.arange(256) / 255) ** exponent).astype(np.uint8)
    return Example(image=table[example.image], masks=example.masks)
