"""Lamp, vignette and sensor: from what a slide lets through to what a camera delivers."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from edge.simulator.stains import Stain
from edge.types import Image

_STRIP_ROWS = 256


def lamp_field(generator: Generator, stain: Stain, width: int, height: int, uneven: float) -> Image:
    """The picture of an empty slide, uint8 BGR [H, W, 3]: the lamp's colour, vignette, a slope and a bright spot."""
    y, x = np.mgrid[0:48, 0:64].astype(np.float32)
    x, y = x / 63 - 0.5, y / 47 - 0.5
    centre = generator.uniform(-0.15, 0.15, 2)
    falloff = 1 - uneven * ((x - centre[0]) ** 2 + (y - centre[1]) ** 2)
    slope = generator.uniform(-0.15, 0.15, 2) * uneven
    falloff *= 1 + slope[0] * x + slope[1] * y
    field = falloff[:, :, None] * np.array(stain.lamp, np.float32)
    spot = generator.uniform(-0.3, 0.3, 2)
    glow = np.exp(-((x - spot[0]) ** 2 + 0.6 * (y - spot[1]) ** 2) / generator.uniform(0.004, 0.03))
    field += glow[:, :, None] * np.array([30, 26, 18], np.float32) * np.float32(uneven)
    large = cv2.resize(field, (width, height), interpolation=cv2.INTER_CUBIC)
    return np.asarray(np.clip(large, 0, 255, out=large), np.uint8)


def sensor_noise(generator: Generator, deviation: float, width: int, height: int) -> NDArray[np.int16]:
    """Noise for `expose`, int16 [H, W, 3] in grey levels; drawn in strips, as float32 it would fill the memory."""
    noise = np.empty((height, width, 3), np.int16)
    for top in range(0, height, _STRIP_ROWS):
        strip = noise[top : top + _STRIP_ROWS]
        strip[:] = generator.standard_normal(strip.shape, np.float32) * np.float32(deviation)
    return noise


def expose(window: Image, field: Image, noise: NDArray[np.int16]) -> Image:
    """Light through a window of the slide, plus the sensor's noise [H, W, 3] in grey levels."""
    lit = cv2.multiply(window, field, scale=1 / 255)
    return np.asarray(cv2.add(lit, noise, dtype=cv2.CV_8U), np.uint8)
