"""Find the watershed's settings on training pictures: random draws, then one setting at a time."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import fields

import numpy as np
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from edge.errors import ConfigurationError
from train.data.sample import LoadedSample, Sample, load
from train.experiment.watershed.grid import Grid
from train.experiment.watershed.segment import segment_watershed
from train.experiment.watershed.settings import WatershedSettings
from train.metrics import six_metrics

DRAWS = 120  # settings drawn at random
DRAW_PICTURES = 16  # pictures that they are compared on
FINALISTS = 6  # the best of them, compared anew on all the pictures used
MOST_PICTURES = 48  # pictures used; more change the mean by less than the settings do
SWEEPS = 3  # times that each setting in turn is moved


def tune(
    samples: Sequence[Sample], progress: bool = True, *, seed: int = 0, start: WatershedSettings | None = None
) -> WatershedSettings:
    """The settings with the highest mean mIoU found on labelled pictures; give training pictures only.

    The same samples (in the same order), seed and start give the same settings on any machine. One to three minutes
    on one core for pictures of 120 to 300 px. An interrupt (KeyboardInterrupt) goes through: nothing is kept.

    Parameters
    ----------
    samples : pictures to tune on; unlabelled ones are passed over, of many a random part is used
    progress : show a bar on standard error
    seed : chooses the pictures and the draws
    start : settings that the result is at least as good as; None takes the defaults, scaled to the cells' size

    Raises
    ------
    ConfigurationError : no sample has a labelled cell
    """
    generator = np.random.default_rng(seed)
    labelled = [sample for sample in samples if sample.annotated]
    order = generator.permutation(len(labelled))[:MOST_PICTURES]
    pictures = [load(labelled[i]) for i in order]
    grid = Grid(typical_diameter(pictures))
    with _bar(progress) as bar:
        search = _Search(pictures, bar)
        return search.climb(search.draw(grid, generator, start or grid.start()), grid)


def typical_diameter(pictures: Sequence[LoadedSample]) -> float:
    """Median over the labelled cells of the diameter of a disc as large as the cell, px."""
    sizes = [np.bincount(picture.instances.ravel())[1:] for picture in pictures]
    areas = np.concatenate([np.zeros(0, np.int64), *sizes])
    if not areas.any():
        raise ConfigurationError(
            f"the watershed cannot be tuned: no cell is labelled in the {len(pictures)} training pictures used; "
            "give pictures with labelled cells"
        )
    return float(np.median(np.sqrt(4 / np.pi * areas[areas > 0])))


def mean_miou(pictures: Iterable[LoadedSample], settings: WatershedSettings) -> float:
    """Mean over pictures of the mIoU of the watershed's answer."""
    return float(
        np.mean(
            [
                six_metrics(
                    picture.instances > 0, segment_watershed(picture.image, settings) >= 0.5, picture.ignore
                ).miou
                for picture in pictures
            ]
        )
    )


class _Search:
    """Judges settings and keeps what each scored, so that none is judged twice."""

    def __init__(self, pictures: Sequence[LoadedSample], bar: Progress) -> None:
        self._pictures = pictures
        self._bar = bar
        self._scores: dict[WatershedSettings, float] = {}
        self._names = [field.name for field in fields(WatershedSettings)]

    def draw(self, grid: Grid, generator: np.random.Generator, start: WatershedSettings) -> WatershedSettings:
        """The best of the start and of random settings."""
        task = self._bar.add_task("watershed: draw", total=DRAWS + FINALISTS, info="")
        few = self._pictures[:DRAW_PICTURES]
        scored = []
        for number in range(DRAWS):
            settings = grid.draw(generator)
            scored.append((mean_miou(few, settings), -number, settings))  # of equals the first
            self._bar.update(task, advance=1, info=f"mIoU {max(scored)[0]:.4f}")
        finalists = [settings for _, _, settings in sorted(scored, key=lambda entry: entry[:2])[-FINALISTS:]]
        best = start
        for settings in finalists:
            best = max(best, settings, key=self._score)
            self._bar.update(task, advance=1, info=f"mIoU {self._score(best):.4f}")
        return best

    def climb(self, best: WatershedSettings, grid: Grid) -> WatershedSettings:
        """Move one setting after another as long as that helps, at most `SWEEPS` rounds."""
        task = self._bar.add_task("watershed: climb", total=SWEEPS * len(self._names), info="")
        for _ in range(SWEEPS):
            before = best
            for name in self._names:
                best = max(best, *grid.neighbours(best, name), key=self._score)
                self._bar.update(task, advance=1, info=f"mIoU {self._score(best):.4f}")
            if best == before:
                break
        return best

    def _score(self, settings: WatershedSettings) -> float:
        if settings not in self._scores:
            self._scores[settings] = mean_miou(self._pictures, settings)
        return self._scores[settings]


def _bar(shown: bool) -> Progress:
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.fields[info]}"),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
        console=Console(stderr=True),
        disable=not shown,
        transient=True,
    )
