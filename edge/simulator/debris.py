"""What lies on a smear besides cells: platelets, stain precipitate, dirt out of focus."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.random import Generator

from edge.simulator.shapes import outline, soft, speckle, texture
from edge.simulator.stains import Stain, transmitted
from edge.types import Image


def draw_platelet(generator: Generator, white_cell_px: float, stain: Stain) -> Image:
    """A platelet, or now and then a small clump of them."""
    radius = white_cell_px * generator.uniform(0.05, 0.11)
    if generator.random() < 0.12:
        radius *= 1.7
    distance = outline(generator, radius, generator.uniform(0.05, 0.14), float(generator.uniform(1, 1.5)))
    body = soft(distance, max(1.0, 0.25 * radius))
    grain = texture(generator, (body.shape[0], body.shape[1]), max(2.0, radius * 0.4), 2)
    density = (body * (0.5 + 0.28 * grain.clip(-1.5, 2)).clip(0.08, None))[:, :, None] * np.array(stain.platelet)
    granules = speckle(generator, body, max(0.6, 0.12 * radius), 14)[:, :, None] * np.array(stain.basic_granule) * 0.5
    return transmitted((density + granules * body[:, :, None]).astype(np.float32))


def draw_precipitate(generator: Generator, white_cell_px: float) -> Image:
    """A few dark specks of dried stain close together."""
    size = int(max(8, white_cell_px * generator.uniform(0.05, 0.25)))
    canvas = np.zeros((2 * size, 2 * size), np.float32)
    for _ in range(int(generator.integers(1, 6))):
        x, y = generator.normal(size, size * 0.3, 2)
        cv2.circle(
            canvas, (int(x * 16), int(y * 16)), int(16 * white_cell_px * generator.uniform(0.006, 0.022)), 1.0, -1, 8, 4
        )
    canvas = np.asarray(cv2.GaussianBlur(canvas, (0, 0), generator.uniform(0.6, 2.2)), np.float32)
    colour = np.array([1.1, 1.6, 1.4], np.float32) * generator.uniform(0.6, 1.3)
    return transmitted((canvas[:, :, None] * colour).astype(np.float32))


def draw_smudge(generator: Generator, white_cell_px: float) -> Image:
    """Dirt far out of focus: a faint, wide, grey or brown spot."""
    radius = white_cell_px * generator.uniform(0.06, 0.2)
    distance = outline(generator, radius, 0.1)
    body = soft(distance, radius * 1.2)
    colour = np.array([0.25, 0.2, 0.12]) * generator.uniform(0.4, 1.2)
    return transmitted((body[:, :, None] * colour).astype(np.float32))
