"""What one pixel of outline is worth: the metrics of the truth grown and shrunk by one pixel against itself.

A pixel is the finest step of a drawn outline and is taken as the estimate of the labels' noise: differences between
methods well below these figures say little.
"""

from __future__ import annotations

import csv
import io
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean

import cv2
import numpy as np
from numpy.typing import NDArray

from edge.errors import ConfigurationError
from train.data.sample import LoadedSample
from train.experiment.report.cases import CaseReader
from train.experiment.report.published import DATASET_TITLES
from train.experiment.report.results import Results
from train.metrics import SixMetrics, six_metrics
from train.report import METRICS

NOISE_NAME = "label_noise.csv"
CHANGES = ("shrunk", "grown")
HEADER = ("dataset", "change", "images", *METRICS)
_NEIGHBOURS = cv2.getStructuringElement(cv2.MORPH_CROSS, (3, 3))  # above, below, left, right


@dataclass(frozen=True, slots=True, kw_only=True)
class LabelNoise:
    """Mean metrics over the pictures of a data set whose truth was changed by one pixel."""

    dataset: str
    change: str
    images: int
    metrics: SixMetrics


def move_outline(truth: NDArray[np.bool_], change: str) -> NDArray[np.bool_]:
    """The mask bool [H, W] shrunk or grown by one pixel; a cell cut by the picture's border stays cut there."""
    move = cv2.erode if change == "shrunk" else cv2.dilate
    return np.asarray(move(truth.astype(np.uint8), _NEIGHBOURS), np.uint8) > 0


def measure_label_noise(results: Results, reader: CaseReader) -> list[LabelNoise]:
    """Shrink and grow the truth of each picture that any method was tested on."""
    found = []
    for dataset in results.datasets():
        keys = {row.key for method in results.methods(dataset) for row in results.rows(dataset, method)}
        pairs = [_both(reader.load(key)) for key in sorted(keys)]
        for change, column in zip(CHANGES, zip(*pairs, strict=True), strict=True):
            means = SixMetrics(**{metric: fmean(getattr(one, metric) for one in column) for metric in METRICS})
            found.append(LabelNoise(dataset=dataset, change=change, images=len(column), metrics=means))
    return found


def noise_csv(noise: list[LabelNoise]) -> str:
    """The figures without any picture, to be kept beside the committed CSV files."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(HEADER)
    for one in noise:
        six = [f"{getattr(one.metrics, metric):.9g}" for metric in METRICS]
        writer.writerow((one.dataset, one.change, one.images, *six))
    return out.getvalue()


def read_noise(path: Path) -> list[LabelNoise]:
    """What `noise_csv` wrote; nothing if there is no such file. Raises ConfigurationError for a broken one."""
    if not path.is_file():
        return []
    try:
        with path.open(newline="", encoding="utf-8") as file:
            reader = csv.DictReader(file, strict=True)
            if tuple(reader.fieldnames or ()) != HEADER:
                raise ValueError(f"its first line is not {','.join(HEADER)}")
            return [_noise(line) for line in reader]
    except (ValueError, TypeError, csv.Error) as error:
        raise ConfigurationError(f"{path} cannot be used ({error}); write it again with `report --data`") from error


def _noise(line: dict[str, str]) -> LabelNoise:
    if line["dataset"] not in DATASET_TITLES or line["change"] not in CHANGES:
        raise ValueError(f"{line['dataset']} {line['change']} is no line of this table")
    return LabelNoise(
        dataset=line["dataset"],
        change=line["change"],
        images=int(line["images"]),
        metrics=SixMetrics(**{metric: float(line[metric]) for metric in METRICS}),
    )


def _both(loaded: LoadedSample) -> tuple[SixMetrics, ...]:
    truth = loaded.instances > 0
    return tuple(six_metrics(truth, move_outline(truth, change), loaded.ignore) for change in CHANGES)
