"""An endless stream of training pictures mixed from several data sets."""

from __future__ import annotations

import math
from collections import defaultdict
from dataclasses import dataclass, field

import cv2
import numpy as np
import torch
from numpy.random import Generator
from numpy.typing import NDArray
from torch import Tensor

from train.data.augment import Example, View, appearance, background, look, paste, read_example
from train.data.deformation import elastic, elastic_scale
from train.data.platelets import add_platelets
from train.data.sample import Sample
from train.data.uptake import vary_uptake
from train.losses import Target

CACHE_LIMIT_PX = 1024  # larger pictures are kept in memory shrunk to this width: no view needs more
SMALLEST_BOX_PX = 6.0
Colour = tuple[int, int, int]
SIMULATED = "simulated"
CROWD_CELL_PX = 80.0  # of the cells pasted onto a crowd: no larger, so that many find room
CROWD_DONORS = (4, 12)
ELASTIC_SIGMA = (0.15, 0.35)  # of the cell's diameter
ELASTIC_DISPLACEMENT = (0.03, 0.10)  # of the cell's diameter, root mean square along each axis
LARGEST_SIGMA = 0.14  # of the view's shorter side: a wider field moves the cell as a whole


@dataclass(frozen=True, slots=True, kw_only=True)
class MixConfig:
    """What the training pictures look like; shares are relative weights.

    Attributes
    ----------
    size : width and height of the training pictures, px, a multiple of 64
    shares : weight of each data set; one that is absent counts 1
    kinds : weight of the pictures of a kind within their data set, e.g. {"erythroblast": 4}; other pictures count 1
    cell_px : smallest and largest cell diameter in a training picture; drawn evenly in its logarithm
    crowd, mosaic, pasted : probability of many small cells pasted onto one picture; of the rest, of four pictures in
        one; of the rest of that, of one to three pasted pictures' cells
    elsewhere : probability of a view that does not look for a cell
    stretch : standard deviation of the logarithm of a view's stretch, which makes round cells oval
    elastic : probability of an elastic transformation of a view, in proportion to its cell
    platelets : probability that platelets are drawn onto a view
    uptake : probability that the cells and the surroundings of a view take up dye each in its own way
    blank : probability of a picture without any specimen (black, white, noise)
    pad_rgb : the letterbox colour, one of the fills beyond a picture's edge
    """

    size: int = 320
    shares: dict[str, float] = field(default_factory=dict)
    kinds: dict[str, float] = field(default_factory=dict)
    cell_px: tuple[float, float] = (28.0, 290.0)
    crowd: float = 0.0
    mosaic: float = 0.3
    pasted: float = 0.3
    elsewhere: float = 0.12
    stretch: float = 0.0
    elastic: float = 0.0
    uptake: float = 0.0
    platelets: float = 0.0
    blank: float = 0.01
    pad_rgb: tuple[int, int, int] = (124, 116, 104)


class Mixer:
    """Draws training pictures. Reads each small source once and keeps it; not thread-safe."""

    def __init__(self, samples: list[Sample], simulated: list[Example], config: MixConfig, seed: int) -> None:
        self.config = config
        self.rng: Generator = np.random.default_rng(seed)
        self._by_dataset: dict[str, list[Sample | Example]] = defaultdict(list)
        for sample in samples:
            self._by_dataset[sample.dataset].append(sample)
        if simulated:
            self._by_dataset[SIMULATED] += simulated
        self._names = sorted(self._by_dataset)
        shares = np.array([config.shares.get(name, 1.0) for name in self._names])
        self._shares = shares / shares.sum()
        self._weights = {name: self._weights_of(group) for name, group in self._by_dataset.items()}
        self._cache: dict[str, Example] = {}

    def batch(self, count: int) -> tuple[Tensor, list[Target]]:
        """uint8 RGB [count, 3, size, size] and one Target per picture."""
        examples = [self.example() for _ in range(count)]
        images = np.stack([example.image[:, :, ::-1].transpose(2, 0, 1) for example in examples])
        return torch.from_numpy(np.ascontiguousarray(images)), [to_target(example) for example in examples]

    def example(self) -> Example:
        """One augmented picture."""
        config, rng = self.config, self.rng
        if rng.random() < config.blank:
            return _blank(config.size, rng)
        if rng.random() < config.crowd:
            picture = self._crowd()
        elif rng.random() < config.mosaic:
            picture = self._mosaic()
        else:
            picture = self._view((config.size, config.size))
            if rng.random() < config.pasted:
                for _ in range(int(rng.integers(1, 4))):
                    picture = paste(picture, self._donor((config.size, config.size)), rng)
        return Example(image=appearance(picture.image, rng), masks=picture.masks)

    def _crowd(self) -> Example:
        """A view with the small cells of several others pasted onto it; some touch."""
        size = (self.config.size, self.config.size)
        picture = self._view(size, largest_px=CROWD_CELL_PX)
        for _ in range(int(self.rng.integers(CROWD_DONORS[0], CROWD_DONORS[1] + 1))):
            picture = paste(picture, self._donor(size, CROWD_CELL_PX), self.rng)
        return picture

    def _mosaic(self) -> Example:
        """Four views side by side, the cross at a random place."""
        size, rng = self.config.size, self.rng
        x, y = (int(v) for v in rng.integers(size // 4, 3 * size // 4, 2))
        image = np.empty((size, size, 3), np.uint8)
        masks = []
        for left, right in ((0, x), (x, size)):
            for top, bottom in ((0, y), (y, size)):
                part = self._view((right - left, bottom - top))
                image[top:bottom, left:right] = part.image
                for mask in part.masks:
                    whole = np.zeros((size, size), np.uint8)
                    whole[top:bottom, left:right] = mask
                    masks.append(whole)
        return Example(image=image, masks=masks)

    def _donor(self, size: tuple[int, int], largest_px: float = math.inf) -> Example:
        """A view of which only the cells will be used: whole ones, anywhere, on the source's own background."""
        source = self._source()
        whole = Example(image=source.image, masks=[mask for mask in source.masks if _is_whole(mask)])
        return self._look(whole, size, _background_of(source), largest_px=largest_px, roaming=True)

    def _view(self, size: tuple[int, int], largest_px: float = math.inf) -> Example:
        """A random view of a random source."""
        source = self._source()
        return self._look(source, size, self._fill(source), largest_px=largest_px)

    def _source(self) -> Example:
        rng = self.rng
        dataset = str(rng.choice(self._names, p=self._shares))
        samples = self._by_dataset[dataset]
        weights = self._weights[dataset]
        place = rng.integers(len(samples)) if weights is None else rng.choice(len(samples), p=weights)
        return self._load(samples[int(place)])

    def _look(
        self, source: Example, size: tuple[int, int], fill: Colour, *, largest_px: float, roaming: bool = False
    ) -> Example:
        """A random view of a source; `roaming` puts its cell anywhere rather than near the middle."""
        config, rng = self.config, self.rng
        height, width = source.image.shape[:2]
        limit = max(config.cell_px[0], min(config.cell_px[1], 0.9 * max(size), largest_px))
        wanted = float(np.exp(rng.uniform(np.log(config.cell_px[0]), np.log(limit))))
        cell = source.masks[int(rng.integers(len(source.masks)))] if source.masks else None
        typical = float(np.sqrt((cell > 127).sum() * 4 / np.pi)) if cell is not None else 0.35 * min(width, height)
        # a crop shrunk to a stamp teaches little: it fills at least half of the view, unless only its cell will be used
        smallest = 0.0 if roaming else 0.55 * min(size) / max(width, height)
        scale = max(wanted / max(typical, 8.0), smallest)
        centre = (float(rng.uniform(0, width)), float(rng.uniform(0, height)))
        if cell is not None and rng.random() >= config.elsewhere:
            rows, columns = np.nonzero(cell > 127)
            spread = 0.5 * min(size) if roaming else 0.5 * max(0.3 * wanted, min(size) - 0.8 * wanted)
            shift = rng.uniform(-1, 1, 2) * spread / scale
            centre = (float(columns.mean() + shift[0]), float(rows.mean() + shift[1]))
        view = View(
            centre=centre,
            scale=scale,
            angle=float(rng.uniform(-180, 180)) if rng.random() < 0.6 else float(rng.choice([0, 90, 180, 270])),
            mirror=bool(rng.random() < 0.5),
            size=size,
            fill=fill,
            stretch=float(np.exp(rng.normal(0, config.stretch))) if config.stretch else 1.0,
        )
        seen = look(source, view)
        if config.elastic and rng.random() < config.elastic:
            seen = self._deformed(seen, scale * typical)
        if config.uptake and rng.random() < config.uptake:
            seen = vary_uptake(seen, background(source.image), rng)
        if config.platelets and source.masks and not roaming and rng.random() < config.platelets:
            seen = add_platelets(seen, background(source.image), scale * typical, rng)
        return seen

    def _deformed(self, seen: Example, cell_px: float) -> Example:
        """Odd shapes: what blood does to cells that are squeezed between others or dragged along."""
        sigma_px = min(self.rng.uniform(*ELASTIC_SIGMA) * cell_px, LARGEST_SIGMA * min(seen.image.shape[:2]))
        alpha_px = elastic_scale(self.rng.uniform(*ELASTIC_DISPLACEMENT) * cell_px, sigma_px)
        return elastic(seen, alpha_px, sigma_px, self.rng)

    def _weights_of(self, samples: list[Sample | Example]) -> NDArray[np.float64] | None:
        """The probability of each picture of a data set; None if all are alike."""
        kinds = [sample.kind if isinstance(sample, Sample) else None for sample in samples]
        weights = np.array([self.config.kinds.get(kind or "", 1.0) for kind in kinds])
        return None if (weights == weights[0]).all() else weights / weights.sum()

    def _fill(self, source: Example) -> Colour:
        choice = self.rng.random()
        if choice < 0.5:
            red, green, blue = self.config.pad_rgb
            return blue, green, red
        if choice < 0.95:
            return _background_of(source)
        blue, green, red = (int(v) for v in self.rng.integers(0, 256, 3))
        return blue, green, red

    def _load(self, sample: Sample | Example) -> Example:
        if isinstance(sample, Example):
            return sample
        key = str(sample.image_path)
        if key in self._cache:
            return self._cache[key]
        example = read_example(sample)
        image, masks = example.image, example.masks
        if image.shape[1] > CACHE_LIMIT_PX:
            size = (CACHE_LIMIT_PX, round(image.shape[0] * CACHE_LIMIT_PX / image.shape[1]))
            image = np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_AREA), np.uint8)
            masks = [np.asarray(cv2.resize(mask, size, interpolation=cv2.INTER_AREA), np.uint8) for mask in masks]
        example = Example(image=image, masks=masks)
        self._cache[key] = example
        return example


def to_target(example: Example) -> Target:
    """Boxes from the masks at half height; a cell whose box is tiny is left out."""
    boxes, masks = [], []
    for mask in example.masks:
        rows, columns = np.nonzero(mask > 127)
        if len(rows) == 0:
            continue
        box = (columns.min(), rows.min(), columns.max() + 1, rows.max() + 1)
        if min(box[2] - box[0], box[3] - box[1]) >= SMALLEST_BOX_PX:
            boxes.append(box)
            masks.append(mask)
    if not boxes:
        height, width = example.image.shape[:2]
        return Target(boxes=torch.zeros(0, 4), masks=torch.zeros(0, height, width))
    return Target(
        boxes=torch.tensor(np.array(boxes, np.float32)), masks=torch.from_numpy(np.stack(masks)).float() / 255
    )


def _is_whole(mask: NDArray[np.uint8]) -> bool:
    return not (mask[0].any() or mask[-1].any() or mask[:, 0].any() or mask[:, -1].any())


def _background_of(source: Example) -> Colour:
    blue, green, red = (int(v) for v in background(source.image))
    return blue, green, red


def _blank(size: int, rng: Generator) -> Example:
    """What a camera shows with no slide: one colour, or noise."""
    kind = rng.random()
    if kind < 0.5:
        image = np.full((size, size, 3), rng.integers(0, 256, 3), np.uint8)
    else:
        spread = rng.uniform(5, 120)
        image = np.clip(rng.normal(rng.uniform(0, 255, 3), spread, (size, size, 3)), 0, 255).astype(np.uint8)
        if rng.random() < 0.5:
            image = np.asarray(cv2.GaussianBlur(image, (0, 0), rng.uniform(0.5, 12)), np.uint8)
    return Example(image=image, masks=[])
