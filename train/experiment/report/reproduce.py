"""Make the committed report again from the committed CSV files and compare."""

from __future__ import annotations

from pathlib import Path

from edge.errors import ConfigurationError
from train.experiment.report.command import write_report
from train.experiment.report.picture_file import read_stamp

RUNS_NAME = "runs"
PLOTS = ("figure10_*.png", "figure11_*.png")


def reproduce(committed: Path, out: Path) -> list[str]:
    """Write the report of `committed`/runs into `out`; one sentence for each file that differs from the committed one.

    Texts must be the same to the byte. Plots must show the same numbers: versions of matplotlib place and smooth
    letters differently, so the numbers' hash in the file is compared, not the pixels. Raises ConfigurationError if
    there is nothing committed.
    """
    if not (committed / RUNS_NAME).is_dir():
        raise ConfigurationError(f"{committed} holds no folder {RUNS_NAME} of committed CSV files; check the path")
    names = {path.name for path in write_report(committed / RUNS_NAME, out)}
    surplus = sorted(path.name for pattern in PLOTS for path in committed.glob(pattern) if path.name not in names)
    faults = [f"{name} is committed but the report does not write it" for name in surplus]
    for name in sorted(names):
        theirs, ours = committed / name, out / name
        if not theirs.is_file():
            faults.append(f"{name} is written by the report but not committed")
        elif not _same(theirs, ours):
            faults.append(f"{name} differs from the committed one")
    return faults


def _same(theirs: Path, ours: Path) -> bool:
    if ours.suffix == ".png":
        return read_stamp(theirs) == read_stamp(ours) != ""
    return theirs.read_text(encoding="utf-8") == ours.read_text(encoding="utf-8")
