"""Training pictures from labelled ones: geometry, stain, light, optics. Image and masks move together.

Everything is driven by one NumPy generator, so that a seed repeats a picture exactly.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from edge.types import Image
from train.data.sample import Sample, load

SMALLEST_VISIBLE = 0.15  # a cell of which less is left in the picture is not taught as a cell


@dataclass(frozen=True, slots=True, kw_only=True)
class Example:
    """A training picture: uint8 BGR [H, W, 3] and one soft mask uint8 [H, W] (0..255) per cell."""

    image: Image
    masks: list[NDArray[np.uint8]]


def read_example(sample: Sample) -> Example:
    """A labelled picture as it was published."""
    loaded = load(sample)
    count = int(loaded.instances.max())
    masks = [np.asarray((loaded.instances == number) * np.uint8(255), np.uint8) for number in range(1, count + 1)]
    return Example(image=loaded.image, masks=masks)


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """Where a new picture looks at an old one.

    `centre` is the point of the source in source px that comes to the middle, `scale` new px per source px, `stretch`
    the factor by which the source's width grows and its height shrinks before the turn, `angle` in degrees, `size`
    (width, height) of the new picture in px, `fill` the colour (BGR) beyond the source's edge.
    """

    centre: tuple[float, float]
    scale: float
    angle: float
    mirror: bool
    size: tuple[int, int]
    fill: tuple[int, int, int]
    stretch: float = 1.0


def look(source: Example, view: View) -> Example:
    """Take a view of a source picture; cells that are (almost) out of it are dropped from the masks."""
    image, masks, scale, centre = source.image, source.masks, view.scale, view.centre
    if scale < 0.7:  # warpAffine does not average: shrink by area first, so that fine texture does not alias
        shrink = scale / 0.85
        size = (max(1, round(image.shape[1] * shrink)), max(1, round(image.shape[0] * shrink)))
        exact = (size[0] / image.shape[1], size[1] / image.shape[0])
        image = np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_AREA), np.uint8)
        masks = [np.asarray(cv2.resize(mask, size, interpolation=cv2.INTER_AREA), np.uint8) for mask in masks]
        centre = (centre[0] * exact[0], centre[1] * exact[1])
        scale /= shrink
    matrix = _matrix(centre, scale, view)
    warped = cv2.warpAffine(image, matrix, view.size, flags=cv2.INTER_LINEAR, borderValue=view.fill)
    kept = []
    for mask in masks:
        moved = np.asarray(cv2.warpAffine(mask, matrix, view.size, flags=cv2.INTER_LINEAR), np.uint8)
        if moved.sum() >= SMALLEST_VISIBLE * mask.sum() * scale**2 and (moved > 127).sum() >= 16:
            kept.append(moved)
    return Example(image=np.asarray(warped, np.uint8), masks=kept)


def _matrix(centre: tuple[float, float], scale: float, view: View) -> NDArray[np.float64]:
    angle = np.deg2rad(view.angle)
    rotation = scale * np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    rotation = rotation @ np.diag([view.stretch, 1 / view.stretch])
    if view.mirror:
        rotation[:, 0] *= -1
    # pixel centres lie at half-integers of the continuous coordinates but at integers for OpenCV
    middle = np.array(view.size) / 2 - 0.5
    shift = middle - rotation @ (np.array(centre) - 0.5)
    return np.hstack([rotation, shift[:, None]])


def paste(canvas: Example, donor: Example, rng: Generator) -> Example:
    """Put the cells of `donor` (same size) onto `canvas`, their light matched to the canvas's background."""
    if not donor.masks:
        return canvas
    cells = np.max(donor.masks, axis=0)
    occupied = np.max(canvas.masks, axis=0) if canvas.masks else np.zeros_like(cells)
    overlap = float(((cells > 127) & (occupied > 127)).sum()) / max(1, int((cells > 127).sum()))
    if overlap > 0.15:  # touching is wanted, hiding is not
        return canvas
    light = background(canvas.image) / np.maximum(background(donor.image), 1)
    strength = rng.uniform(0.5, 1.0)
    matched = np.clip(donor.image * (1 + strength * (light - 1)), 0, 255)
    soft = cv2.GaussianBlur(cells, (0, 0), 1.0).astype(np.float32)[:, :, None] / 255
    image = canvas.image * (1 - soft) + matched * soft
    hidden = 255 - cells
    masks = [np.minimum(mask, hidden) for mask in canvas.masks]
    masks = [m for m in masks if (m > 127).sum() >= 16]
    return Example(image=image.astype(np.uint8), masks=masks + donor.masks)


def background(image: Image) -> NDArray[np.float64]:
    """Colour of the empty slide: the median of the brightest quarter of the pixels, BGR [3]."""
    small = image[::4, ::4].reshape(-1, 3)
    brightness = small.sum(axis=1)
    return np.asarray(np.median(small[brightness >= np.quantile(brightness, 0.75)], axis=0), np.float64)


def stain(image: Image, rng: Generator) -> Image:
    """Vary the dyes: optical densities scaled and mixed between the channels (Beer-Lambert)."""
    table = -np.log((np.arange(256, dtype=np.float32) + 1) / 256)
    density = table[image]
    mix = np.eye(3, dtype=np.float32) * rng.uniform(0.7, 1.4, 3).astype(np.float32)
    mix += rng.normal(0, 0.09, (3, 3)).astype(np.float32)
    mix *= np.float32(rng.uniform(0.7, 1.6))
    density = cv2.transform(density, mix) + rng.normal(0, 0.03, 3).astype(np.float32)
    return np.asarray(np.clip(cv2.exp(-density) * 256 - 1, 0, 255), np.uint8)


def hue(image: Image, rng: Generator) -> Image:
    """Turn the hue and change the saturation, as another camera or lamp would."""
    hsv = cv2.cvtColor(image, cv2.COLOR_BGR2HSV).astype(np.int16)
    hsv[:, :, 0] = (hsv[:, :, 0] + round(rng.normal(0, 7))) % 180
    hsv[:, :, 1] = np.clip(hsv[:, :, 1] * rng.uniform(0.6, 1.4), 0, 255)
    return np.asarray(cv2.cvtColor(hsv.astype(np.uint8), cv2.COLOR_HSV2BGR), np.uint8)


def light(image: Image, rng: Generator) -> Image:
    """Gamma, exposure, white balance and a gradient across the field."""
    gamma, gain = rng.uniform(0.7, 1.45), rng.uniform(0.8, 1.12)
    balance = rng.normal(1, 0.05, 3)
    ramp = np.arange(256) / 255
    table = np.stack([np.clip(255 * gain * b * ramp**gamma, 0, 255) for b in balance], axis=1).astype(np.uint8)
    image = np.asarray(cv2.LUT(image, table[:, None, :]), np.uint8)
    if rng.random() < 0.3:
        height, width = image.shape[:2]
        slope = rng.uniform(-0.25, 0.25, 2)
        field = 1 + slope[0] * np.linspace(-0.5, 0.5, width)[None] + slope[1] * np.linspace(-0.5, 0.5, height)[:, None]
        image = np.clip(image * field[:, :, None], 0, 255).astype(np.uint8)
    return image


def optics(image: Image, rng: Generator) -> Image:
    """Defocus, sensor noise, JPEG: at most mild, each now and then."""
    if rng.random() < 0.35:
        image = np.asarray(cv2.GaussianBlur(image, (0, 0), rng.uniform(0.4, 1.8)), np.uint8)
    if rng.random() < 0.3:
        noise = rng.standard_normal(image.shape, np.float32) * np.float32(rng.uniform(1, 8))
        image = np.clip(image + noise, 0, 255).astype(np.uint8)
    if rng.random() < 0.25:
        _, code = cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, int(rng.integers(35, 95))])
        image = np.asarray(cv2.imdecode(code, cv2.IMREAD_COLOR), np.uint8)
    return image


def appearance(image: Image, rng: Generator) -> Image:
    """All changes that leave the cells where they are, each with its own probability."""
    if rng.random() < 0.7:
        image = stain(image, rng)
    if rng.random() < 0.4:
        image = hue(image, rng)
    if rng.random() < 0.7:
        image = light(image, rng)
    return optics(image, rng)
