"""The five white-cell types as optical densities with their masks."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from edge.simulator.shapes import outline, soft, speckle, texture
from edge.simulator.stains import Density, Stain
from edge.types import Floats

KINDS = ("neutrophil", "lymphocyte", "monocyte", "eosinophil", "basophil")
FREQUENCIES = (0.5, 0.25, 0.1, 0.09, 0.06)  # near a healthy count, the rare kinds a little more often
SIZES = {"neutrophil": 1.0, "lymphocyte": 0.8, "monocyte": 1.18, "eosinophil": 1.02, "basophil": 0.92}


@dataclass(frozen=True, slots=True, kw_only=True)
class Stamp:
    """Something to put on a slide: optical density float32 [h, w, 3] (BGR) and, for a cell, its bool mask [h, w]."""

    density: NDArray[np.float32]
    mask: NDArray[np.bool_]


def draw_white_cell(generator: Generator, kind: str, diameter: float, stain: Stain) -> Stamp:
    """One cell of about `diameter` px."""
    radius = diameter / 2
    elongation = float(np.exp(abs(generator.normal(0, 0.10))))
    distance = outline(generator, radius, generator.uniform(0.015, 0.075), elongation)
    edge = max(1.2, 0.035 * radius)
    body = soft(distance, edge)
    rim = soft(distance, edge) - soft(distance - 2 * edge, 2 * edge)
    nucleus = _NUCLEI[kind](generator, body, distance, radius)
    cytoplasm_density, granule_density, granule_radius, granules = _cytoplasm(kind, radius, stain)
    grain = texture(generator, (body.shape[0], body.shape[1]), radius * 0.35)
    chromatin = texture(generator, (body.shape[0], body.shape[1]), radius * 0.22, 4)
    thickness = body * (0.9 + 0.12 * grain.clip(-2, 2)) + 0.25 * rim
    if kind == "monocyte":
        thickness *= 1 - 0.7 * speckle(generator, body * (1 - nucleus), radius * 0.07, int(generator.integers(0, 9)))
    covered = body if kind == "basophil" else body * (1 - 0.85 * nucleus)
    spots = speckle(generator, covered, granule_radius, granules).clip(0, 1) if granules else np.zeros_like(body)
    layers: list[tuple[NDArray[np.floating], Density]] = [
        (thickness * (1 - 0.6 * nucleus), cytoplasm_density),
        (nucleus * (0.95 + 0.16 * chromatin.clip(-2, 2)) * (0.7 if kind == "basophil" else 1.0), stain.nucleus),
        (spots * body, granule_density),
    ]
    density = np.zeros((*body.shape, 3), np.float32)
    for amount, colour in layers:
        density += amount[:, :, None] * np.array(colour, np.float32)
    return Stamp(density=density * np.float32(generator.uniform(0.85, 1.12)), mask=distance > 0)


def _cytoplasm(kind: str, radius: float, stain: Stain) -> tuple[Density, Density, float, int]:
    """Density of the cytoplasm and of the granules, their radius in px and their number."""
    return {
        "neutrophil": (stain.pale_cytoplasm, stain.neutral_granule, max(0.6, 0.015 * radius), 520),
        "lymphocyte": (stain.blue_cytoplasm, stain.neutral_granule, 1.0, 0),
        "monocyte": (stain.grey_cytoplasm, stain.neutral_granule, max(0.6, 0.014 * radius), 200),
        "eosinophil": (stain.pale_cytoplasm, stain.eosin_granule, max(0.9, 0.062 * radius), 230),
        "basophil": (stain.pale_cytoplasm, stain.basic_granule, max(0.9, 0.065 * radius), 130),
    }[kind]


def _lobes(generator: Generator, body: Floats, radius: float, count: int, size: float) -> Floats:
    """Lobes along a bent line, joined by thin strands."""
    middle = body.shape[0] / 2
    canvas = np.zeros(body.shape, np.float32)
    start, sweep = generator.uniform(0, 2 * np.pi), generator.uniform(2.4, 4.6) * generator.choice([-1, 1])
    path = radius * generator.uniform(0.38, 0.5)
    points = []
    for i in range(count):
        angle = start + sweep * (i / max(1, count - 1) - 0.5)
        reach = path * generator.uniform(0.75, 1.15)
        points.append((middle + reach * np.cos(angle), middle + reach * np.sin(angle)))
    for (x, y), follower in zip(points, [*points[1:], points[-1]], strict=True):
        axes = (
            int(16 * radius * size * generator.uniform(0.85, 1.3)),
            int(16 * radius * size * generator.uniform(0.7, 1.0)),
        )
        centre = (int(x * 16), int(y * 16))
        cv2.ellipse(canvas, centre, axes, generator.uniform(0, 180), 0, 360, 1.0, -1, cv2.LINE_8, 4)
        strand = max(1, int(radius * generator.uniform(0.05, 0.16)))
        cv2.line(canvas, centre, (int(follower[0] * 16), int(follower[1] * 16)), 1.0, strand, cv2.LINE_8, 4)
    return _rounded(generator, canvas, radius)


def _rounded(generator: Generator, canvas: Floats, radius: float) -> Floats:
    """A hard-edged drawing -> a nucleus with smooth, slightly wavy outlines."""
    wavy = cv2.GaussianBlur(canvas, (0, 0), max(0.8, 0.055 * radius))
    wavy += np.float32(0.05) * texture(generator, (canvas.shape[0], canvas.shape[1]), radius * 0.2, 2)
    return soft(np.asarray((wavy - 0.5) * radius * 0.3, np.float32), max(1.2, 0.04 * radius))


def _neutrophil(generator: Generator, body: Floats, distance: Floats, radius: float) -> Floats:
    return _lobes(generator, body, radius, int(generator.integers(2, 6)), 0.25) * soft(distance - 0.05 * radius, 2.0)


def _eosinophil(generator: Generator, body: Floats, distance: Floats, radius: float) -> Floats:
    return _lobes(generator, body, radius, int(generator.choice([2, 2, 2, 3])), 0.34) * soft(
        distance - 0.05 * radius, 2.0
    )


def _basophil(generator: Generator, body: Floats, distance: Floats, radius: float) -> Floats:
    return _lobes(generator, body, radius, int(generator.integers(2, 4)), 0.4) * soft(distance - 0.08 * radius, 2.0)


def _lymphocyte(generator: Generator, body: Floats, distance: Floats, radius: float) -> Floats:
    """Round and large, a little off the middle, never over the rim."""
    canvas = np.zeros(body.shape, np.float32)
    size = radius * generator.uniform(0.72, 0.9)
    shift = generator.normal(0, 0.3, 2) * (radius - size)
    middle = body.shape[0] / 2 + shift
    axes = (int(16 * size), int(16 * size * generator.uniform(0.86, 1.0)))
    centre = (int(16 * middle[0]), int(16 * middle[1]))
    cv2.ellipse(canvas, centre, axes, generator.uniform(0, 180), 0, 360, 1.0, -1, cv2.LINE_8, 4)
    return _rounded(generator, canvas, radius) * soft(distance - 0.04 * radius, 2.0)


def _monocyte(generator: Generator, body: Floats, distance: Floats, radius: float) -> Floats:
    """A kidney: a large ellipse with a bite."""
    canvas = np.zeros(body.shape, np.float32)
    middle, turn = body.shape[0] / 2, generator.uniform(0, 360)
    centre = (int(16 * middle), int(16 * middle))
    axes = (int(16 * radius * generator.uniform(0.62, 0.76)), int(16 * radius * generator.uniform(0.46, 0.6)))
    cv2.ellipse(canvas, centre, axes, turn, 0, 360, 1.0, -1, cv2.LINE_8, 4)
    side = np.deg2rad(turn + 90 * generator.choice([-1, 1]))
    reach = radius * generator.uniform(0.5, 0.75)
    bite = (int(16 * (middle + reach * np.cos(side))), int(16 * (middle + reach * np.sin(side))))
    size = int(16 * radius * generator.uniform(0.2, 0.36))
    cv2.ellipse(canvas, bite, (size, size), 0, 0, 360, 0.0, -1, cv2.LINE_8, 4)
    return _rounded(generator, canvas, radius) * soft(distance - 0.06 * radius, 2.0)


_NUCLEI: dict[str, Callable[[Generator, Floats, Floats, float], Floats]] = {
    "neutrophil": _neutrophil,
    "lymphocyte": _lymphocyte,
    "monocyte": _monocyte,
    "eosinophil": _eosinophil,
    "basophil": _basophil,
}
