"""Figures that take the pictures to measure, kept as CSV files so that a report without the pictures has them too.

One file per kind, one line per data set and change of what is judged.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean

from edge.errors import ConfigurationError
from train.experiment.report.published import DATASET_TITLES
from train.metrics import SixMetrics
from train.report import METRICS

HEADER = ("dataset", "change", "images", *METRICS)


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """Mean metrics over the test pictures of a data set after a change of the truth or of the prediction."""

    dataset: str
    change: str
    images: int
    metrics: SixMetrics


def mean_measured(dataset: str, change: str, found: Sequence[SixMetrics]) -> Measured:
    """The mean of at least one picture."""
    means = SixMetrics(**{metric: fmean(getattr(one, metric) for one in found) for metric in METRICS})
    return Measured(dataset=dataset, change=change, images=len(found), metrics=means)


def measured_csv(measured: Sequence[Measured]) -> str:
    """The content of a file."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(HEADER)
    for one in measured:
        six = [f"{getattr(one.metrics, metric):.9g}" for metric in METRICS]
        writer.writerow((one.dataset, one.change, one.images, *six))
    return out.getvalue()


def read_measured(path: Path, changes: Sequence[str]) -> list[Measured]:
    """What `measured_csv` wrote of these changes; nothing if there is no such file.

    Raises ConfigurationError for a broken one.
    """
    if not path.is_file():
        return []
    try:
        with path.open(newline="", encoding="utf-8") as file:
            reader = csv.DictReader(file, strict=True)
            if tuple(reader.fieldnames or ()) != HEADER:
                raise ValueError(f"its first line is not {','.join(HEADER)}")
            return [_measured(line, changes) for line in reader]
    except (ValueError, TypeError, csv.Error) as error:
        raise ConfigurationError(f"{path} cannot be used ({error}); write it again with `report --data`") from error


def _measured(line: dict[str, str], changes: Sequence[str]) -> Measured:
    if line["dataset"] not in DATASET_TITLES or line["change"] not in changes:
        raise ValueError(f"{line['dataset']} {line['change']} is no line of this table")
    return Measured(
        dataset=line["dataset"],
        change=line["change"],
        images=int(line["images"]),
        metrics=SixMetrics(**{metric: float(line[metric]) for metric in METRICS}),
    )
