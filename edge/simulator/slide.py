"""A simulated slide: drawn once, then looked at through a window."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.random import Generator

from edge.simulator.debris import draw_platelet, draw_precipitate, draw_smudge
from edge.simulator.light import expose, lamp_field, sensor_noise
from edge.simulator.red_cells import draw_red_cell
from edge.simulator.stains import Stain, lay, stain_named, transmitted
from edge.simulator.white_cells import FREQUENCIES, KINDS, SIZES, Stamp, draw_white_cell
from edge.types import CellTruth, Image

log = logging.getLogger(__name__)

_RED_STAMPS = 48  # different red cells of a slide; each is turned and mirrored when it is put down
_REPORT_EVERY = 64  # red cells between two calls of the progress function
_FIELD_CELLS = 50.0  # a field in which `density` is counted: as large as 50 squares of one cell diameter

Progress = Callable[[str, int, int], None]
"""Told what is being drawn, how many are done and how many there will be; drawing ends with what it raises."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SmearParameters:
    """What a smear looks like.

    Attributes
    ----------
    seed : repeats a slide exactly
    density : mean number of white cells in a field of 2048 x 1536 px at the default cell size
    white_cell_px : diameter of a neutrophil in px
    red_cover : share of the slide that red cells cover, 0..0.8
    touching : share of the white cells that have another one beside them
    stain : "wright", "giemsa", "rapid", "dull", "random" or "unusual"
    defocus_px : standard deviation of the blur, px
    noise : standard deviation of the sensor's noise, grey levels
    uneven : how far light falls off across the field, 0..1
    """

    seed: int = 1
    density: float = 2.0
    white_cell_px: float = 250.0
    red_cover: float = 0.5
    touching: float = 0.12
    stain: str = "wright"
    defocus_px: float = 1.2
    noise: float = 2.0
    uneven: float = 0.35


@dataclass(frozen=True, slots=True, kw_only=True)
class PlacedCell:
    """A white cell on a slide: the top-left corner of its mask in slide px, its mask and its kind."""

    x: int
    y: int
    stamp: Stamp
    kind: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Slide:
    """The light that a slide lets through, uint8 BGR [H, W, 3] in 255ths of the lamp's, and its white cells."""

    image: Image
    cells: tuple[PlacedCell, ...]
    stain: Stain

    def truth(self, x: int, y: int, width: int, height: int) -> tuple[CellTruth, ...]:
        """The white cells of which any pixel lies in a window, in the window's coordinates."""
        found = []
        for cell in self.cells:
            mask = cell.stamp.mask
            left, top = max(x, cell.x), max(y, cell.y)
            right, bottom = min(x + width, cell.x + mask.shape[1]), min(y + height, cell.y + mask.shape[0])
            if left >= right or top >= bottom:
                continue
            visible = mask[top - cell.y : bottom - cell.y, left - cell.x : right - cell.x]
            rows, columns = np.flatnonzero(visible.any(axis=1)), np.flatnonzero(visible.any(axis=0))
            if len(rows) == 0:
                continue
            window = visible[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
            corner = (int(left - x + columns[0]), int(top - y + rows[0]))
            box = (*corner, corner[0] + window.shape[1], corner[1] + window.shape[0])
            found.append(CellTruth(bbox=box, mask=window.copy(), kind=cell.kind))
        return tuple(found)


def _unseen(_what: str, _done: int, _total: int) -> None:
    """Progress that nobody follows."""


def draw_slide(parameters: SmearParameters, width: int, height: int, progress: Progress = _unseen) -> Slide:
    """Draw a slide of width x height px; the same parameters and size give the same slide."""
    generator = np.random.default_rng([parameters.seed, 1])
    stain = stain_named(parameters.stain, generator)
    image = np.full((height, width, 3), 255, np.uint8)
    log.info("drawing a slide of %d x %d px", width, height)
    cells = _place_white_cells(generator, parameters, stain, (width, height), progress)
    _scatter_red_cells(generator, parameters, stain, _Ground(image=image, cells=cells), progress)
    for cell in cells:
        lay(image, transmitted(cell.stamp.density), cell.x, cell.y)
    _scatter_debris(generator, parameters, stain, image)
    if parameters.defocus_px > 0:
        cv2.GaussianBlur(image, (0, 0), parameters.defocus_px, dst=image)
    log.info("the slide has %d white cells", len(cells))
    return Slide(image=image, cells=tuple(cells), stain=stain)


def draw_field(parameters: SmearParameters, width: int, height: int) -> tuple[Image, tuple[CellTruth, ...]]:
    """One lit, noisy picture and its white cells: a slide as small as the picture."""
    slide = draw_slide(parameters, width, height)
    generator = np.random.default_rng([parameters.seed, 2])
    field = lamp_field(generator, slide.stain, width, height, parameters.uneven)
    noise = sensor_noise(generator, parameters.noise, width, height)
    return expose(slide.image, field, noise), slide.truth(0, 0, width, height)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Ground:
    """What red cells fall on: the slide's picture and the white cells that will lie there."""

    image: Image
    cells: list[PlacedCell]


def _place_white_cells(
    generator: Generator, parameters: SmearParameters, stain: Stain, extent: tuple[int, int], progress: Progress
) -> list[PlacedCell]:
    """White cells anywhere, also over the slide's edge, none on top of another; some in touch."""
    size, (width, height) = parameters.white_cell_px, extent
    count = generator.poisson(parameters.density * width * height / (_FIELD_CELLS * size**2))
    cells: list[PlacedCell] = []
    centres = np.zeros((count, 3))  # x, y, diameter of the first len(cells) rows
    for number in range(count):
        progress("white cells", number, count)
        kind = str(generator.choice(KINDS, p=FREQUENCIES))
        diameter = size * SIZES[kind] * float(np.clip(generator.normal(1, 0.08), 0.75, 1.3))
        for _attempt in range(20):
            if cells and generator.random() < parameters.touching:
                x, y, other = centres[int(generator.integers(len(cells)))]
                angle, reach = generator.uniform(0, 2 * np.pi), (diameter + other) / 2 * generator.uniform(0.98, 1.1)
                centre = (x + reach * np.cos(angle), y + reach * np.sin(angle))
            else:
                centre = (generator.uniform(0, width), generator.uniform(0, height))
            others = centres[: len(cells)]
            apart = np.hypot(centre[0] - others[:, 0], centre[1] - others[:, 1])
            if (apart > 0.49 * (diameter + others[:, 2])).all():
                stamp = draw_white_cell(generator, kind, diameter, stain)
                half = stamp.mask.shape[0] // 2
                centres[len(cells)] = (*centre, diameter)
                cells.append(PlacedCell(x=round(centre[0]) - half, y=round(centre[1]) - half, stamp=stamp, kind=kind))
                break
    return cells


def _scatter_red_cells(
    generator: Generator, parameters: SmearParameters, stain: Stain, ground: _Ground, progress: Progress
) -> None:
    """Red cells overlap each other; white cells push them aside and at most touch them."""
    height, width = ground.image.shape[:2]
    diameter = 0.56 * parameters.white_cell_px
    stamps = [draw_red_cell(generator, diameter, stain) for _ in range(_RED_STAMPS)]
    count = generator.poisson(parameters.red_cover * width * height / (0.785 * diameter**2))
    # crowding varies over a smear: a coarse map says where red cells settle
    crowding = generator.random((height // 400 + 2, width // 400 + 2)).astype(np.float32)
    sizes = np.array([cell.stamp.mask.shape[0] for cell in ground.cells])
    middles = np.array([(cell.x, cell.y) for cell in ground.cells]).reshape(-1, 2) + sizes[:, None] / 2
    for number in range(count):
        if number % _REPORT_EVERY == 0:
            progress("red cells", number, count)
        x, y = (
            generator.uniform(-diameter / 2, width + diameter / 2),
            generator.uniform(-diameter / 2, height + diameter / 2),
        )
        place = crowding[int(np.clip(y // 400, 0, height // 400)), int(np.clip(x // 400, 0, width // 400))]
        if generator.random() > 0.45 + 0.55 * place:
            continue
        if (np.hypot(middles[:, 0] - x, middles[:, 1] - y) < 0.4 * sizes + 0.3 * diameter).any():
            continue
        stamp = stamps[int(generator.integers(_RED_STAMPS))]
        stamp = np.rot90(stamp, int(generator.integers(4)))
        if generator.random() < 0.5:
            stamp = stamp[:, ::-1]
        lay(ground.image, stamp, round(x - stamp.shape[1] / 2), round(y - stamp.shape[0] / 2))


def _scatter_debris(generator: Generator, parameters: SmearParameters, stain: Stain, image: Image) -> None:
    height, width = image.shape[:2]
    size = parameters.white_cell_px
    fields = width * height / (_FIELD_CELLS * size**2)
    kinds: tuple[tuple[float, Callable[[], Image]], ...] = (
        (7.0, lambda: draw_platelet(generator, size, stain)),
        (3.0, lambda: draw_precipitate(generator, size)),
        (4.0, lambda: draw_smudge(generator, size)),
    )
    for mean, draw in kinds:
        for _ in range(generator.poisson(mean * fields)):
            stamp = draw()
            lay(image, stamp, int(generator.integers(-8, width)), int(generator.integers(-8, height)))
