"""Runs and data sets of a few simulated cells, written the way `crossval` and the publishers write them."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from dataclasses import astuple
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from edge.simulator import SmearParameters, draw_field
from tests.train.data.trees import save
from train.data.open import read_dataset
from train.data.sample import load
from train.experiment.report.results import HEADER
from train.metrics import SixMetrics, six_metrics

SIDE = {"1": 120, "2": 300}


def metrics(value: float, error: float = 0.1) -> SixMetrics:
    """Any six metrics: the three good ones `value`, the three errors `error`."""
    return SixMetrics(precision=value, dice=value, miou=value, fpr=error, fnr=error, me=error)


def write_fold(runs: Path, place: str, rows: dict[str, SixMetrics], losses: Sequence[float] = ()) -> Path:
    """`<data set>/<method>/fold<k>` with images.csv and, if there are losses, validation.csv."""
    folder = runs / place
    folder.mkdir(parents=True)
    dataset, method, fold = place.split("/")
    with (folder / "images.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(HEADER)
        for key, six in rows.items():
            figures = (f"{value:.9g}" for value in (*astuple(six), 0.25))
            writer.writerow((dataset, method, fold.removeprefix("fold"), key, *figures))
    if losses:
        lines = [f"{100 * (i + 1)},{i + 1},{loss:.6g},0.5" for i, loss in enumerate(losses)]
        (folder / "validation.csv").write_text("\n".join(["step,epoch,loss,score", *lines]) + "\n", encoding="utf-8")
    return folder


def write_masks(folder: Path, masks: dict[str, NDArray[np.float32]]) -> None:
    """Soft masks and their index, and the mark of a complete run."""
    lines = ["n,key"]
    for n, (key, mask) in enumerate(masks.items()):
        save(folder / "masks" / f"{n}.png", np.rint(mask * 255).astype(np.uint8))
        lines.append(f"{n},{key}")
    (folder / "masks" / "index.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    (folder / "complete.json").write_text("{}", encoding="utf-8")


def simulated_data(root: Path, number: str, count: int) -> Path:
    """Crops of simulated white cells as "Dataset 1" (120 px) or "Dataset 2" (300 px)."""
    side = SIDE[number]
    made = 0
    for seed in range(1, 100):
        stain = ("wright", "giemsa", "rapid")[seed % 3]
        parameters = SmearParameters(seed=seed, density=4.0, white_cell_px=side * 0.5, stain=stain, touching=0.0)
        image, cells = draw_field(parameters, 640, 480)
        truth = np.zeros(image.shape[:2], np.uint8)
        for cell in cells:
            x0, y0, x1, y1 = cell.bbox
            truth[y0:y1, x0:x1] |= np.where(cell.mask, 128, 0).astype(np.uint8)
        for cell in cells:
            x0, y0, x1, y1 = cell.bbox
            left, top = (x0 + x1 - side) // 2, (y0 + y1 - side) // 2
            if made == count:
                return root
            if min(left, top) < 0 or left + side > 640 or top + side > 480:
                continue
            made += 1
            window = (slice(top, top + side), slice(left, left + side))
            save(root / f"Dataset {number}" / f"{made:03d}.bmp", image[window])
            save(root / f"Dataset {number}" / f"{made:03d}.png", truth[window])
    raise AssertionError(f"fewer than {count} simulated cells fit")


def simulated_run(runs: Path, data: Path, place: str, sharpness: float, losses: Sequence[float] = ()) -> Path:
    """A run whose soft masks are the truth, blurred and off by what `sharpness` px and a seed make of it."""
    dataset = place.split("/", maxsplit=1)[0]
    samples = [sample for sample in read_dataset(data) if sample.dataset == dataset]
    rng = np.random.default_rng(sum(place.encode()))
    rows, masks = {}, {}
    for sample in samples:
        truth = load(sample).instances > 0
        blurred = cv2.GaussianBlur(truth.astype(np.float32), (0, 0), sharpness)
        soft = np.clip(np.roll(blurred, rng.integers(-4, 5, 2), (0, 1)) + rng.normal(0, 0.06), 0, 1)
        masks[sample.key] = np.asarray(soft, np.float32)
        rows[sample.key] = six_metrics(truth, np.rint(soft * 255) >= 128)
    folder = write_fold(runs, place, rows, losses)
    write_masks(folder, masks)
    return folder
