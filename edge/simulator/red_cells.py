"""Red cells: discs with pale centres, some bent, some seen from the side."""

from __future__ import annotations

import numpy as np
from numpy.random import Generator

from edge.simulator.shapes import outline, soft, texture
from edge.simulator.stains import Stain, transmitted
from edge.types import Image


def draw_red_cell(generator: Generator, diameter: float, stain: Stain) -> Image:
    """The light that one cell of about `diameter` px lets through, uint8 [h, w, 3] in 255ths."""
    radius = diameter / 2 * generator.normal(1, 0.07)
    elongation = float(np.exp(abs(generator.normal(0, 0.14))))
    distance = outline(generator, radius, generator.uniform(0.005, 0.035), elongation)
    edge = max(1.0, 0.06 * radius)
    body = soft(distance, edge)
    depth = (distance / radius).clip(0, 1)
    pallor = generator.uniform(0.0, 0.75) * soft((depth - generator.uniform(0.45, 0.7)) * radius, 0.5 * radius)
    thickness = body * (1 - pallor) * (0.82 + 0.3 * np.exp(-(((depth - 0.22) / 0.16) ** 2)))
    thickness *= 1 + 0.025 * texture(generator, (body.shape[0], body.shape[1]), radius * 0.6, 2)
    density = thickness[:, :, None] * np.array(stain.red_cell, np.float32)
    return transmitted((density * generator.uniform(0.85, 1.15)).astype(np.float32))
