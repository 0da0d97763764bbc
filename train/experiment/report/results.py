"""What the runs of the experiment found, read from `RUNS/<data set>/<method>/fold<k>/images.csv`.

A whole tree of runs is read the same way as a folder that holds nothing but the CSV files of one.
"""

from __future__ import annotations

import csv
import math
import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from edge.errors import ConfigurationError
from train.experiment.predict import HEADER
from train.experiment.report.published import DATASET_TITLES, FOLDS, METHOD_TITLES
from train.experiment.run_folder import read_json
from train.metrics import SixMetrics
from train.report import METRICS

IMAGES_NAME = "images.csv"
PROPOSALS_NAME = "masks-on-proposals"
SETTINGS_NAME = "settings.json"
_FOLD = re.compile(r"fold(\d+)")


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageRow:
    """One test picture: its sample key, the fold that it was tested in, its metrics and the seconds it took."""

    key: str
    fold: int
    metrics: SixMetrics
    seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """One finished fold of one method on one data set.

    `on_proposals` are the same pictures once more with masks on the RPN's boxes; empty where that was not measured.
    `given` is what the run was asked for; empty where no settings.json lies beside the CSV files.
    """

    dataset: str
    method: str
    fold: int
    folder: Path
    rows: tuple[ImageRow, ...]
    on_proposals: tuple[ImageRow, ...] = ()
    given: dict[str, Any] = field(default_factory=dict)

    @property
    def recipe(self) -> dict[str, Any]:
        """What must be the same in all folds of a method."""
        return {key: value for key, value in self.given.items() if key != "fold"}

    @property
    def validation(self) -> Path:
        """Curve file; not there for a method without training."""
        return self.folder / "validation.csv"

    @property
    def weights(self) -> Path:
        return self.folder / "best.safetensors"

    @property
    def masks(self) -> Path:
        """Folder of soft masks; only beside a run, not beside committed CSV files."""
        return self.folder / "masks"


@dataclass(frozen=True, slots=True, kw_only=True)
class Results:
    """All finished runs in the order of the paper's table, and the folders (relative) of those not finished."""

    runs: tuple[Run, ...]
    unfinished: tuple[str, ...] = ()

    def of(self, dataset: str, method: str) -> list[Run]:
        """The folds of one method on one data set."""
        return [run for run in self.runs if (run.dataset, run.method) == (dataset, method)]

    def rows(self, dataset: str, method: str) -> list[ImageRow]:
        """All test pictures of those folds."""
        return [row for run in self.of(dataset, method) for row in run.rows]

    def methods(self, dataset: str) -> list[str]:
        """The methods that were run on a data set, in the order of the paper's table."""
        return [method for method in METHOD_TITLES if self.of(dataset, method)]

    def datasets(self) -> list[str]:
        """The data sets on which anything was run, in the order of the paper's table."""
        return [dataset for dataset in DATASET_TITLES if self.methods(dataset)]


def read_results(runs: Path) -> Results:
    """Read all finished folds below `runs`.

    Raises ConfigurationError naming the file or folder for anything that is not what a run writes: an unknown data set
    or method, a fold outside 0..4, a CSV that is missing or broken, a picture that is tested twice.
    """
    if not runs.is_dir():
        raise ConfigurationError(
            f"the folder of runs {runs} does not exist; run `python -m train crossval` or check the path"
        )
    found, unfinished = [], []
    for folder in _fold_folders(runs):
        if _is_unfinished(folder):
            unfinished.append(folder.relative_to(runs).as_posix())
        else:
            found.append(_read_run(folder))
    if not found:
        raise ConfigurationError(
            f"{runs} holds no finished run (<data set>/<method>/fold<k>/{IMAGES_NAME}); "
            "run `python -m train crossval` first or check the path"
        )
    results = Results(runs=tuple(found), unfinished=tuple(unfinished))
    for dataset in results.datasets():
        for method in results.methods(dataset):
            _refuse_twice(results.of(dataset, method))
            _refuse_mixed(results.of(dataset, method))
    return results


def _fold_folders(runs: Path) -> list[Path]:
    """Every `<data set>/<method>/fold<k>`, in the order of the paper's table."""
    folders = [path for path in runs.glob("*/*/fold*") if path.is_dir()]
    for folder in sorted(folders):
        dataset, method = folder.parts[-3:-1]
        _known(dataset, DATASET_TITLES, "data set", folder.parents[1])
        _known(method, METHOD_TITLES, "method", folder.parent)
        number = _FOLD.fullmatch(folder.name)
        if number is None or int(number[1]) >= FOLDS:
            raise ConfigurationError(
                f"{folder} is not one of fold0 to fold{FOLDS - 1}; take it away or rename it to the fold that it is"
            )
    order = (list(DATASET_TITLES), list(METHOD_TITLES))
    return sorted(folders, key=lambda path: (order[0].index(path.parts[-3]), order[1].index(path.parts[-2]), path.name))


def _known(name: str, names: Iterable[str], what: str, folder: Path) -> None:
    if name not in names:
        raise ConfigurationError(f"{folder} names no {what} of the experiment; it must be one of {', '.join(names)}")


def _is_unfinished(folder: Path) -> bool:
    """True for a run that stopped on the way; committed CSV files come without any of a run's other files."""
    if (folder / "complete.json").exists():
        return False
    started = (folder / "settings.json").exists() and not (folder / IMAGES_NAME).exists()
    return started or (folder / "last.pt").exists() or (folder / "masks").exists()


def _read_run(folder: Path) -> Run:
    dataset, method, fold = folder.parts[-3:]
    place = (dataset, method, fold.removeprefix("fold"))
    proposals, settings = folder / PROPOSALS_NAME / IMAGES_NAME, folder / SETTINGS_NAME
    return Run(
        dataset=dataset,
        method=method,
        fold=int(place[2]),
        folder=folder,
        rows=_read_rows(folder / IMAGES_NAME, place),
        on_proposals=_read_rows(proposals, place) if proposals.exists() else (),
        given=read_json(settings).get("given", {}) if settings.exists() else {},
    )


def _read_rows(path: Path, place: tuple[str, str, str]) -> tuple[ImageRow, ...]:
    """The rows of a CSV file that must all be of this data set, method and fold."""
    if not path.is_file():
        raise ConfigurationError(f"{path.parent} has no {path.name}; run this fold again or take the folder away")
    try:
        with path.open(newline="", encoding="utf-8") as file:
            reader = csv.DictReader(file, strict=True)
            if tuple(reader.fieldnames or ()) != HEADER:
                raise ValueError(f"its first line is not {','.join(HEADER)}")
            rows = tuple(_row(line, place) for line in reader)
        if not rows:
            raise ValueError("it has no row")
    except (OSError, ValueError, csv.Error) as error:
        raise ConfigurationError(f"{path} cannot be used ({error}); run this fold again") from error
    return rows


def _row(line: dict[str, str], place: tuple[str, str, str]) -> ImageRow:
    """One line of the CSV; raises ValueError saying what is wrong with it."""
    if None in line or None in line.values():
        raise ValueError(f"a line has not {len(HEADER)} fields")
    if (line["dataset"], line["method"], line["fold"]) != place:
        raise ValueError(f"the line of {line['key']} belongs to {line['dataset']}/{line['method']}/fold{line['fold']}")
    metrics = {metric: float(line[metric]) for metric in METRICS}
    outside = [f"{metric} {value}" for metric, value in metrics.items() if not 0 <= value <= 1]  # NaN is not inside
    if outside:
        raise ValueError(f"{outside[0]} of {line['key']} does not lie in 0 to 1")
    seconds = float(line["seconds"])
    if not (math.isfinite(seconds) and seconds >= 0):
        raise ValueError(f"the seconds {seconds} of {line['key']} are no time")
    return ImageRow(key=line["key"], fold=int(line["fold"]), metrics=SixMetrics(**metrics), seconds=seconds)


def _refuse_mixed(runs: list[Run]) -> None:
    """The folds of a method are of one experiment."""
    for run in runs[1:]:
        differing = sorted(
            key for key in runs[0].recipe.keys() | run.recipe.keys() if runs[0].recipe.get(key) != run.recipe.get(key)
        )
        if differing:
            raise ConfigurationError(
                f"{runs[0].folder} and {run.folder} were not run with the same {', '.join(differing)}; "
                "their mean would say nothing, report them apart"
            )


def _refuse_twice(runs: list[Run]) -> None:
    """Across the folds of a method each picture is tested once."""
    first: dict[str, Run] = {}
    for run in runs:
        for row in run.rows:
            if row.key in first:
                raise ConfigurationError(
                    f"{row.key} stands twice in the results of {run.method} (in {first[row.key].folder / IMAGES_NAME} "
                    f"and {run.folder / IMAGES_NAME}); each picture is tested once, run these folds again"
                )
            first[row.key] = run
