"""Simulated smears as training pictures: stains and cell sizes that no data set has."""

from __future__ import annotations

import numpy as np

from edge.simulator import SmearParameters, draw_field
from train.data.augment import Example


def simulated_examples(count: int, seed: int) -> list[Example]:
    """Fields of random stain and density, 640 x 480 px with cells of 60 to 110 px, some of them empty."""
    generator = np.random.default_rng([seed, 77])
    examples = []
    for _ in range(count):
        parameters = _random_parameters(generator)
        image, truth = draw_field(parameters, 640, 480)
        masks = []
        for cell in truth:
            x0, y0, x1, y1 = cell.bbox
            mask = np.zeros(image.shape[:2], np.uint8)
            mask[y0:y1, x0:x1] = cell.mask * np.uint8(255)
            masks.append(mask)
        examples.append(Example(image=image, masks=masks))
    return examples


def _random_parameters(generator: np.random.Generator) -> SmearParameters:
    return SmearParameters(
        seed=int(generator.integers(2**31)),
        density=float(generator.choice([0.0, 1.0, 3.0, 7.0, 14.0])),
        white_cell_px=float(generator.uniform(60, 110)),
        red_cover=float(generator.uniform(0.0, 0.8)),
        touching=0.25,
        stain=str(generator.choice(["unusual", "random", "wright"], p=[0.45, 0.35, 0.2])),
        defocus_px=float(generator.uniform(0.0, 1.2)),
        noise=float(generator.uniform(0, 4)),
        uneven=float(generator.uniform(0, 0.6)),
    )
