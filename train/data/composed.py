"""Fields put together from real ones: empty parts of fields, and cells of other pictures pasted onto fields.

The published sets hold few fields with a cell or two each. From pictures that no model was trained on these are unseen
cells on unseen backgrounds, as crowded or as empty as one likes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from edge.errors import ConfigurationError
from train.data.augment import Example, View, background, look, paste, read_example
from train.data.sample import Sample

WIDTH, HEIGHT = 1024, 768
FEW, MANY = (1, 4), (12, 20)  # cells to paste
CELL_PX = (80.0, 160.0)  # their diameters
MOST_ENLARGED = 1.3
SHRUNK = (
    0.5,
    0.7,
)  # fields are shown smaller where cells are pasted: at full size one cell fills a third of the height
_TRIES = 60


@dataclass(frozen=True, slots=True, kw_only=True)
class Sources:
    """Pictures to compose from: fields whose every cell is labelled, and pictures that show a cell."""

    fields: tuple[Sample, ...]
    donors: tuple[Sample, ...]


def sources_of(samples: Sequence[Sample]) -> Sources:
    """Divide labelled samples; raises ConfigurationError if there is no field or no donor among them."""
    donors = tuple(
        sample for sample in samples if not sample.dataset.endswith("-field") and sample.kind != "erythroblast"
    )
    fields = tuple(sample for sample in samples if sample.dataset.endswith("-field") and sample.complete)
    if not fields or not donors:
        raise ConfigurationError(
            f"fields are composed from labelled fields and single-cell pictures, but of {len(samples)} pictures "
            f"{len(fields)} are such fields and {len(donors)} such pictures; give BCISC (fields and crops) at least"
        )
    return Sources(fields=fields, donors=donors)


def empty_field(sources: Sources, generator: Generator) -> Example:
    """A part of a field at its own scale in which no white cell lies."""
    for _ in range(_TRIES):
        field = read_example(_any(sources.fields, generator))
        height, width = field.image.shape[:2]
        x, y = (int(generator.integers(0, max(1, spare))) for spare in (width - WIDTH + 1, height - HEIGHT + 1))
        window = (slice(y, y + HEIGHT), slice(x, x + WIDTH))
        if all(not mask[window].any() for mask in field.masks):
            return Example(image=np.ascontiguousarray(field.image[window]), masks=[])
    raise ConfigurationError("no part of the fields is free of white cells; give fields with fewer cells")


def populated_field(sources: Sources, generator: Generator, count: tuple[int, int]) -> Example:
    """A part of a field with its own cells, and cells of other pictures pasted in."""
    field = read_example(_any(sources.fields, generator))
    height, width = field.image.shape[:2]
    scale = max(float(generator.uniform(*SHRUNK)), WIDTH / width, HEIGHT / height)
    reach = (0.5 * WIDTH / scale, 0.5 * HEIGHT / scale)
    centre = (
        float(generator.uniform(reach[0], width - reach[0])),
        float(generator.uniform(reach[1], height - reach[1])),
    )
    picture = look(field, _view(field, centre, scale))
    wanted = len(picture.masks) + int(generator.integers(count[0], count[1] + 1))
    for _ in range(_TRIES):
        if len(picture.masks) >= wanted:
            break
        picture = paste(picture, _one_cell(read_example(_any(sources.donors, generator)), generator), generator)
    return picture


def _one_cell(donor: Example, generator: Generator) -> Example:
    """One cell of a picture somewhere on a canvas of the field's size; no cell if the picture has none."""
    if not donor.masks:
        return Example(image=np.zeros((HEIGHT, WIDTH, 3), np.uint8), masks=[])
    mask = donor.masks[int(generator.integers(len(donor.masks)))]
    rows, columns = np.nonzero(mask > 127)
    diameter = float(np.sqrt(len(rows) * 4 / np.pi))
    scale = min(float(generator.uniform(*CELL_PX)) / diameter, MOST_ENLARGED)
    half = 0.6 * diameter * scale
    place = (float(generator.uniform(half, WIDTH - half)), float(generator.uniform(half, HEIGHT - half)))
    centre = (columns.mean() - (place[0] - WIDTH / 2) / scale, rows.mean() - (place[1] - HEIGHT / 2) / scale)
    alone = Example(image=donor.image, masks=[mask])
    return look(alone, _view(donor, centre, scale))


def _view(source: Example, centre: tuple[float, float], scale: float) -> View:
    blue, green, red = (int(value) for value in background(source.image))
    return View(centre=centre, scale=scale, angle=0.0, mirror=False, size=(WIDTH, HEIGHT), fill=(blue, green, red))


def instances_of(example: Example) -> NDArray[np.uint8]:
    """A number per cell, 0 for background."""
    instances = np.zeros(example.image.shape[:2], np.uint8)
    for number, mask in enumerate(example.masks, start=1):
        instances[mask > 127] = number
    return instances


def _any(samples: Sequence[Sample], generator: Generator) -> Sample:
    return samples[int(generator.integers(len(samples)))]
