"""The pictures of one data set of the experiment, wherever they come from."""

from __future__ import annotations

from pathlib import Path

from edge.errors import ConfigurationError
from train.data.open import read_datasets
from train.data.sample import Sample
from train.experiment.lisc_crops import lisc_crops
from train.experiment.methods import DATASETS, SIMULATED, DatasetName
from train.experiment.simulated_crops import simulated_samples


def read_labelled(data: list[Path]) -> list[Sample]:
    """All labelled pictures of the data sets given; raises ConfigurationError, saying what was looked for."""
    try:
        return [sample for sample in read_datasets(data) if sample.annotated]
    except ConfigurationError as error:
        wanted = "; ".join(f"{name} is {what}" for name, what in DATASETS.items() if name != SIMULATED)
        raise ConfigurationError(f"{error} (--data was searched for the experiment's sets: {wanted})") from error


def samples_of(dataset: DatasetName, labelled: list[Sample], folder: Path) -> list[Sample]:
    """The pictures of a data set, none if it is not among the labelled ones.

    Simulated crops and the crops of LISC are written to `folder / "pictures"` once and read from there.
    """
    if dataset == SIMULATED:
        return simulated_samples(folder / "pictures")
    chosen = [sample for sample in labelled if sample.dataset == dataset]
    return lisc_crops(chosen, folder / "pictures") if dataset == "lisc" else chosen


def missing(dataset: DatasetName, data: list[Path]) -> str:
    """The sentence about a data set that is not there."""
    places = ", ".join(str(path) for path in data)
    return f"no labelled picture of {dataset} ({DATASETS[dataset]}) was found in {places}"
