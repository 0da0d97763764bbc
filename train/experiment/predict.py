"""A fold's test pictures through a method: soft masks as PNG files and the six metrics of each picture."""

from __future__ import annotations

import csv
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, fields
from pathlib import Path

import cv2
import numpy as np
import torch

from edge.errors import ConfigurationError
from edge.types import Floats, Image
from train.data.sample import Sample, load
from train.experiment.learner import Learner
from train.experiment.run_folder import RunFolder
from train.experiment.square import normalise, to_bytes, to_square
from train.experiment.validation import measure
from train.metrics import SixMetrics

SegmentSoft = Callable[[Image], Floats]
"""uint8 BGR [H, W, 3] -> soft foreground map float32 [H, W] in 0..1."""

METRICS = tuple(field.name for field in fields(SixMetrics))
HEADER = ("dataset", "method", "fold", "key", *METRICS, "seconds")


def soft_segmenter(learner: Learner, input_px: int, device: torch.device) -> SegmentSoft:
    """A function from a picture to the soft mask of a trained network, on `device`."""
    learner.network.to(device).eval()

    @torch.inference_mode()
    def segment(image: Image) -> Floats:
        square = to_square(image, input_px)
        return learner.soft_mask(normalise(to_bytes([square.image]).to(device)), square.letterbox)

    return segment


def predict(
    segment: SegmentSoft, samples: Sequence[Sample], run: RunFolder, threshold: float, advance: Callable[[int], None]
) -> list[SixMetrics]:
    """Write `images.csv` and `masks/` of a run and return the metrics in the order of the pictures.

    A mask's PNG is 128 or more where the soft mask is 0.5 or more. `seconds` is what `segment` took for one picture.
    """
    masks = run.folder / "masks"
    masks.mkdir(parents=True, exist_ok=True)
    rows, found = [], []
    for number, sample in enumerate(samples):
        loaded = load(sample)
        started = time.perf_counter()
        soft = segment(loaded.image)
        seconds = time.perf_counter() - started
        metrics = measure(soft, loaded, threshold)
        _write_mask(masks / f"{number}.png", soft)
        figures = [f"{value:.9g}" for value in (*asdict(metrics).values(), seconds)]
        rows.append([run.dataset, run.method, run.fold, sample.key, *figures])
        found.append(metrics)
        advance(number + 1)
    write_rows(masks / "index.csv", ("n", "key"), [[n, sample.key] for n, sample in enumerate(samples)])
    write_rows(run.folder / "images.csv", HEADER, rows)
    return found


def write_rows(path: Path, header: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    """Write a CSV file at once."""
    temporary = path.with_suffix(".tmp")
    with temporary.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(header)
        writer.writerows(rows)
    temporary.replace(path)


def means_of(found: Sequence[SixMetrics]) -> dict[str, float]:
    """Mean of each metric over the pictures."""
    return {name: float(np.mean([getattr(metrics, name) for metrics in found])) for name in METRICS}


def _write_mask(path: Path, soft: Floats) -> None:
    values = np.rint(np.clip(soft, 0, 1) * 255).astype(np.uint8)
    if not cv2.imwrite(str(path), values):
        raise ConfigurationError(f"the mask {path} cannot be written; check the space and the permissions of --out")
