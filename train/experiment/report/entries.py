"""One method on one data set: what its runs found, beside the paper's figure."""

from __future__ import annotations

from dataclasses import dataclass

from train.experiment.report.published import FOLDS, METHOD_TITLES, PUBLISHED
from train.experiment.report.recipe import describe
from train.experiment.report.results import Results
from train.metrics import Estimate, SixMetrics, mean_interval
from train.report import METRICS

COMMAND = "python -m train crossval --config train/configs/experiment/cpu.toml --dataset {dataset} --method {method}"
TARGET_METHOD = "leukocytemask-aug-et"


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One method on one data set.

    Attributes
    ----------
    images : test pictures of all folds run
    folds : the folds run, of 0..4
    means : mean and interval of each metric over those pictures; empty if the method was not run
    pictures : key -> metrics of each of those pictures
    recipe : how the runs were made, in words; empty where that is not known
    epochs : epochs of the runs; None where nothing was learnt or that is not known
    smoke : true for a trial on a few pictures
    """

    dataset: str
    method: str
    images: int
    folds: tuple[int, ...]
    means: dict[str, Estimate]
    pictures: dict[str, SixMetrics]
    recipe: str
    epochs: int | None
    smoke: bool

    @property
    def command(self) -> str:
        """The command that runs what was not run of this method on this data set; empty if all folds were."""
        missing = [str(fold) for fold in range(FOLDS) if fold not in self.folds]
        if not missing:
            return ""
        command = COMMAND.format(dataset=self.dataset, method=self.method)
        if self.folds:
            command += f" --fold {' '.join(missing)}"
        if self.epochs is not None:
            command += f" --epochs {self.epochs}"  # folds of other lengths would not be reported together
        return command

    @property
    def in_paper(self) -> bool:
        """False for crops of the simulator."""
        return self.dataset in PUBLISHED

    def published(self, metric: str) -> float:
        """The paper's figure."""
        value: float = getattr(PUBLISHED[self.dataset].rows[self.method], metric)
        return value

    def difference(self, metric: str) -> float:
        """Our mean less the paper's figure."""
        return self.means[metric].value - self.published(metric)


def entries_of(results: Results) -> dict[str, list[Entry]]:
    """Data set -> its six entries, also of what was not run; simulated crops only where they were."""
    datasets = [*PUBLISHED, *(dataset for dataset in results.datasets() if dataset not in PUBLISHED)]
    return {dataset: [_entry(results, dataset, method) for method in METHOD_TITLES] for dataset in datasets}


def _entry(results: Results, dataset: str, method: str) -> Entry:
    rows, runs = results.rows(dataset, method), results.of(dataset, method)
    given = runs[0].given if runs else {}
    means = {metric: mean_interval([getattr(row.metrics, metric) for row in rows]) for metric in METRICS}
    return Entry(
        dataset=dataset,
        method=method,
        images=len(rows),
        folds=tuple(run.fold for run in runs),
        means=means if rows else {},
        pictures={row.key: row.metrics for row in rows},
        recipe=describe(given),
        epochs=given.get("training", {}).get("epochs"),
        smoke=bool(given.get("smoke", False)),
    )
