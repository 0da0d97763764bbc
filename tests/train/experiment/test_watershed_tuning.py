from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import cv2
import numpy as np
import pytest

from edge.errors import ConfigurationError
from edge.simulator import SmearParameters, draw_field
from train.data.folder import MaskFile
from train.data.sample import LoadedSample, Sample, load
from train.experiment.watershed import WatershedSettings, tune, tuning
from train.experiment.watershed.grid import Grid
from train.experiment.watershed.tuning import mean_miou, typical_diameter

SIDE = 72


@pytest.fixture(autouse=True)
def short_search(monkeypatch):
    """The whole search, with fewer draws."""
    for name, value in (("DRAWS", 6), ("DRAW_PICTURES", 2), ("FINALISTS", 2), ("SWEEPS", 1)):
        monkeypatch.setattr(tuning, name, value)


def write_samples(folder: Path, seeds: tuple[int, ...], density: float = 6.0) -> list[Sample]:
    """Simulated fields with their masks, a number per cell."""
    samples = []
    for seed in seeds:
        parameters = SmearParameters(seed=seed, density=density, white_cell_px=36, red_cover=0.3, uneven=0.1)
        image, cells = draw_field(parameters, SIDE, SIDE)
        mask = np.zeros((SIDE, SIDE), np.uint8)
        for number, cell in enumerate(cells, start=1):
            x0, y0, x1, y1 = cell.bbox
            mask[y0:y1, x0:x1][cell.mask > 0] = number
        cv2.imwrite(str(folder / f"{seed}.png"), image)
        cv2.imwrite(str(folder / f"{seed}-mask.png"), mask)
        samples.append(
            Sample(
                image_path=folder / f"{seed}.png",
                dataset="folder",
                source_id=str(seed),
                group=f"folder/{seed}",
                labels=MaskFile(path=folder / f"{seed}-mask.png"),
            )
        )
    return samples


def test_tuning_improves_over_a_bad_start(tmp_path):
    samples = write_samples(tmp_path, (1, 2, 3, 4))
    pictures = [load(sample) for sample in samples]
    bad = WatershedSettings(cell_level=0.95, reach_px=1.0, circle_radius_px=200.0)
    found = tune(samples, progress=False, start=bad)
    assert mean_miou(pictures, found) > mean_miou(pictures, bad) + 0.1


def test_tuning_never_ends_below_its_start(tmp_path):
    samples = write_samples(tmp_path, (1, 2, 3))
    pictures = [load(sample) for sample in samples]
    start = tune(samples, progress=False, seed=5)
    again = tune(samples, progress=False, seed=6, start=start)
    assert mean_miou(pictures, again) >= mean_miou(pictures, start)


def test_the_same_seed_finds_the_same_settings_and_json_keeps_them(tmp_path):
    samples = write_samples(tmp_path, (1, 2))
    first = tune(samples, progress=False, seed=1)
    assert tune(samples, progress=True, seed=1) == first
    assert WatershedSettings(**json.loads(json.dumps(dataclasses.asdict(first)))) == first


def test_unlabelled_pictures_are_passed_over(tmp_path):
    samples = write_samples(tmp_path, (1, 2, 3))
    unlabelled = [dataclasses.replace(samples[0], labels=None, source_id=name) for name in ("a", "b", "c")]
    assert tune([*unlabelled, *samples], progress=False) == tune(samples, progress=False)
    with pytest.raises(ConfigurationError, match="no cell is labelled in the 0 training pictures"):
        tune(unlabelled, progress=False)


def test_pictures_without_a_cell_cannot_be_tuned_on(tmp_path):
    with pytest.raises(ConfigurationError, match="no cell is labelled in the 2 training pictures"):
        tune(write_samples(tmp_path, (1, 2), density=0.0), progress=False)


def test_an_interrupt_goes_through(tmp_path, monkeypatch):
    def interrupt(image, settings):
        raise KeyboardInterrupt

    monkeypatch.setattr(tuning, "segment_watershed", interrupt)
    with pytest.raises(KeyboardInterrupt):
        tune(write_samples(tmp_path, (1, 2, 3)), progress=True)


def test_the_typical_diameter_is_that_of_the_median_disc():
    instances = np.zeros((120, 120), np.int32)
    for number, (x, radius) in enumerate(((20, 8), (55, 15), (95, 20)), start=1):
        cv2.circle(instances, (x, 60), radius, number, cv2.FILLED)
    picture = LoadedSample(image=np.zeros((120, 120, 3), np.uint8), instances=instances)
    assert typical_diameter([picture]) == pytest.approx(30, rel=0.05)


def test_the_grid_scales_lengths_with_the_cells_and_nothing_else():
    small, large = Grid(60.0).start(), Grid(120.0).start()
    assert small == WatershedSettings()
    assert large.reach_px == 2 * small.reach_px
    assert large.majority_px == 2 * small.majority_px
    assert large.cell_level == small.cell_level


def test_every_setting_has_values_and_every_draw_lies_on_them():
    grid = Grid(47.0)
    names = {field.name for field in dataclasses.fields(WatershedSettings)}
    assert set(grid.values) == names
    generator = np.random.default_rng(0)
    for _ in range(20):
        settings = grid.draw(generator)
        assert all(getattr(settings, name) in grid.values[name] for name in names)


def test_neighbours_are_the_next_values_also_of_a_setting_off_the_grid():
    grid = Grid(60.0)
    inside = [near.cell_level for near in grid.neighbours(WatershedSettings(cell_level=0.3), "cell_level")]
    between = [near.cell_level for near in grid.neighbours(WatershedSettings(cell_level=0.33), "cell_level")]
    lowest = [near.cell_level for near in grid.neighbours(WatershedSettings(cell_level=0.05), "cell_level")]
    assert (inside, between, lowest) == ([0.25, 0.4], [0.3, 0.4], [0.1])
