"""Outlines and textures that cells are drawn from. All sizes in px; arrays are float32 [H, W]."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from edge.types import Floats


def outline(generator: Generator, radius: float, roughness: float, elongation: float = 1.0) -> Floats:
    """The signed distance (roughly, in px, positive inside) to a rounded irregular outline.

    `roughness` is the typical deviation from the ellipse as a share of the radius; the array is square with the
    outline's centre in its middle and some room around.
    """
    half = int(np.ceil(radius * max(elongation, 1) * (1.15 + 2.0 * roughness))) + 4
    y, x = np.mgrid[-half : half + 1, -half : half + 1].astype(np.float32)
    turn = generator.uniform(0, np.pi)
    along, across = x * np.cos(turn) + y * np.sin(turn), -x * np.sin(turn) + y * np.cos(turn)
    along, across = along / np.sqrt(elongation), across * np.sqrt(elongation)
    distance, angle = cv2.cartToPolar(along, across)
    bound = np.full_like(distance, radius)
    for order in range(2, 8):
        size = radius * roughness * generator.normal() / (order - 1) ** 0.8
        bound += np.float32(size) * np.cos(order * angle + np.float32(generator.uniform(0, 2 * np.pi)))
    return np.asarray(bound - distance, np.float32)


def soft(distance: NDArray[np.floating], edge: float) -> Floats:
    """Distance to the outline -> coverage 0..1 that rises over `edge` px."""
    t = np.clip(distance / edge + 0.5, 0, 1)
    return np.asarray(t * t * (3 - 2 * t), np.float32)


def texture(generator: Generator, shape: tuple[int, int], grain: float, octaves: int = 3) -> Floats:
    """Smooth noise of mean 0 and deviation about 1; `grain` is the size of its coarsest spots in px."""
    total = np.zeros(shape, np.float32)
    for octave in range(octaves):
        spot = max(1.0, grain / 2**octave)
        coarse = (max(2, round(shape[0] / spot) + 2), max(2, round(shape[1] / spot) + 2))
        noise = generator.standard_normal(coarse, np.float32)
        total += cv2.resize(noise, (shape[1], shape[0]), interpolation=cv2.INTER_CUBIC) * np.float32(0.65**octave)
    return np.asarray(total / (total.std() + 1e-6), np.float32)


def speckle(generator: Generator, inside: Floats, radius: float, count: int) -> Floats:
    """`count` round granules of about `radius` px, centred where `inside` > 0.6: coverage 0..1."""
    canvas = np.zeros(inside.shape, np.float32)
    rows, columns = np.nonzero(inside > 0.6)
    if len(rows) == 0:
        return canvas
    for i in generator.integers(0, len(rows), count):
        size = radius * generator.uniform(0.6, 1.3)
        centre = (int(columns[i] * 16 + generator.integers(16)), int(rows[i] * 16 + generator.integers(16)))
        strength = generator.uniform(0.55, 1.0)
        cv2.circle(
            canvas, centre, max(8, int(size * 16)), strength, -1, cv2.LINE_AA if canvas.dtype == np.uint8 else 8, 4
        )
    return np.asarray(cv2.GaussianBlur(canvas, (0, 0), max(0.5, radius * 0.35)), np.float32)
