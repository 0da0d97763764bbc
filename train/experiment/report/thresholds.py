"""What other thresholds of LeukocyteMask's soft masks would give; the report's results are cut at 0.5 (section 3.4).

A low precision beside a good mIoU means masks that reach too far: this table says how much of the difference to the
paper is the place of the cut. Nothing is chosen by it.
"""

from __future__ import annotations

from train.experiment.report.cases import CaseReader
from train.experiment.report.entries import TARGET_METHOD
from train.experiment.report.measured import Measured, mean_measured
from train.experiment.report.results import Results
from train.metrics import six_metrics

THRESHOLDS_NAME = "thresholds.csv"
THRESHOLDS = ("0.3", "0.4", "0.5", "0.6", "0.7", "0.8", "0.9")


def measure_thresholds(results: Results, reader: CaseReader) -> list[Measured]:
    """Cut the soft masks of the method that the target is about anew, on each data set where its runs kept them."""
    found = []
    for dataset in results.datasets():
        if reader.has_masks(dataset, TARGET_METHOD):
            cases = reader.read(dataset, TARGET_METHOD, results.rows(dataset, TARGET_METHOD))
            for threshold in THRESHOLDS:
                cut = [six_metrics(case.truth, case.soft >= float(threshold), case.ignore) for case in cases]
                found.append(mean_measured(dataset, threshold, cut))
    return found
