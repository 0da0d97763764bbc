"""A test picture with its truth and the soft mask that a run left of it."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from edge.errors import ConfigurationError
from edge.types import Floats, Image
from train.data.sample import LoadedSample, Sample, decode, load, same_size
from train.experiment.methods import DATASETS, SIMULATED
from train.experiment.report.results import ImageRow, Results, Run
from train.experiment.sources import read_labelled, samples_of
from train.judge import MASK_THRESHOLD

INDEX_NAME = "index.csv"


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One picture as one method saw it.

    Attributes
    ----------
    row : its metrics
    image : uint8 BGR [H, W, 3]
    truth : bool [H, W], any white cell
    ignore : bool [H, W], pixels that do not count, or None
    soft : float32 [H, W], 0..1, the method's soft mask in steps of 1/255
    """

    row: ImageRow
    image: Image
    truth: NDArray[np.bool_]
    ignore: NDArray[np.bool_] | None
    soft: Floats

    @property
    def prediction(self) -> NDArray[np.bool_]:
        return self.soft >= MASK_THRESHOLD


class CaseReader:
    """Finds pictures in the data sets and soft masks in the runs."""

    def __init__(self, results: Results, runs: Path, data: list[Path], scratch: Path) -> None:
        """Crops that a run cut itself (LISC) are read where it left them, or cut again below `scratch`."""
        self._results = results
        datasets = [name for name in DATASETS if name in results.datasets()]
        labelled = read_labelled(data) if datasets != [SIMULATED] else []
        self._samples: dict[str, Sample] = {}
        for name in datasets:
            kept = (runs / name / "pictures").is_dir()
            samples = samples_of(name, labelled, runs / name if kept else scratch / name)
            self._samples |= {sample.key: sample for sample in samples}

    def has_masks(self, dataset: str, method: str) -> bool:
        """True if every fold of the method kept its soft masks."""
        runs = self._results.of(dataset, method)
        return bool(runs) and all((run.masks / INDEX_NAME).is_file() for run in runs)

    def read(self, dataset: str, method: str, rows: Sequence[ImageRow]) -> list[Case]:
        """The cases of these rows; raises ConfigurationError for a missing or unfitting picture or mask."""
        runs = {run.fold: run for run in self._results.of(dataset, method)}
        indices = {fold: _read_index(runs[fold]) for fold in sorted({row.fold for row in rows})}
        return [self._case(row, indices[row.fold]) for row in rows]

    def load(self, key: str) -> LoadedSample:
        """Pixels and truth of a picture; raises ConfigurationError if the data sets lack it or its labels."""
        return load(self._sample(key))

    def _sample(self, key: str) -> Sample:
        sample = self._samples.get(key)
        if sample is None:
            raise ConfigurationError(
                f"the results name the picture {key}, which the data sets given do not hold with labels; "
                "give --data the folders that the runs were made with"
            )
        return sample

    def _case(self, row: ImageRow, index: dict[str, Path]) -> Case:
        loaded = self.load(row.key)
        path = index.get(row.key)
        if path is None:
            raise ConfigurationError(
                f"{row.key} has no soft mask in the masks of its run though it was tested; run this fold again"
            )
        height, width = loaded.instances.shape
        mask = decode(path, cv2.IMREAD_GRAYSCALE)
        same_size(path, mask, height, width)
        return Case(
            row=row,
            image=loaded.image,
            truth=loaded.instances > 0,
            ignore=loaded.ignore,
            soft=mask.astype(np.float32) / np.float32(255),
        )


def _read_index(run: Run) -> dict[str, Path]:
    """Sample key -> file of its soft mask."""
    path = run.masks / INDEX_NAME
    try:
        with path.open(newline="", encoding="utf-8") as file:
            lines: list[dict[str, Any]] = list(csv.DictReader(file, strict=True))
        return {line["key"]: run.masks / f"{int(line['n'])}.png" for line in lines}
    except (OSError, KeyError, ValueError, TypeError, csv.Error) as error:
        raise ConfigurationError(f"{path} is not a table of n and key ({error}); run this fold again") from error
