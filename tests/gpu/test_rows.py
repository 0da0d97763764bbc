"""What becomes of a section that works, cannot be run, or fails."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.gpu.rows import NotRun, Report, markdown, shown


@pytest.fixture
def report(tmp_path: Path) -> Report:
    return Report(out=tmp_path / "new" / "folder")


def raises(error: Exception) -> None:
    raise error


def test_what_cannot_be_run_is_told_and_is_no_failure(report: Report) -> None:
    report.attempt("a", "b", lambda: raises(NotRun("no GPU")))
    assert (report.rows[0].state, report.rows[0].note) == ("not run", "no GPU")
    assert not report.failed


def test_a_library_that_is_missing_is_no_failure_but_a_module_of_ours_is(report: Report) -> None:
    report.attempt("a", "b", lambda: raises(ModuleNotFoundError("gone", name="torchvision")))
    assert (report.rows[0].state, report.rows[0].note) == ("not run", "torchvision is not installed")
    report.attempt("a", "b", lambda: raises(ModuleNotFoundError("gone", name="export.engine")))
    assert report.rows[1].state == "FAILED"


def test_an_error_is_a_failure_in_one_line_and_the_rest_goes_on(report: Report) -> None:
    report.attempt("a", "b", lambda: raises(ValueError("two\nlines")))
    report.attempt("a", "c", lambda: report.add("a", "c", {"us": 1.5}))
    assert [row.state for row in report.rows] == ["FAILED", "ok"]
    assert report.rows[0].note == "ValueError: two lines"
    assert report.failed


def test_a_wrong_result_is_a_failure(report: Report) -> None:
    report.add("a", "b", {"largest difference": 3.0}, passed=False)
    assert report.failed


def test_both_files_hold_every_row(report: Report) -> None:
    report.add("kernel, time", "case", {"us": 12.3456, "at least 0.6": True})
    report.attempt("engine", "x", lambda: raises(NotRun("a | b")))
    report.write()
    rows = json.loads((report.out / "gpu.json").read_text())
    assert [row["section"] for row in rows] == ["kernel, time", "engine"]
    assert rows[0]["figures"] == {"us": 12.3456, "at least 0.6": True}
    table = (report.out / "gpu.md").read_text().splitlines()
    assert table[2] == "| kernel, time | case | ok | us 12.35; at least 0.6 yes |"
    assert table[3] == "| engine | x | not run | a / b |"


def test_no_row_is_a_table_of_its_head() -> None:
    assert len(markdown([]).splitlines()) == 2


def test_figures_are_shown_short() -> None:
    assert [shown(value) for value in (1234.56, 0.0001234, True, False, 7, "10.3")] == [
        "1235",
        "0.0001234",
        "yes",
        "no",
        "7",
        "10.3",
    ]
