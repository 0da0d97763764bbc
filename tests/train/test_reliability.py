from __future__ import annotations

import csv
from dataclasses import replace
from pathlib import Path

import pytest

from edge.errors import ConfigurationError
from tests.train.test_evaluate import image_result
from train.__main__ import main
from train.reliability import at_thresholds, bins_of, expected_calibration_error, read_scores
from train.report import write_cells, write_images


def judged(folder: Path, scored: list[tuple[float, bool | None]], cells: int = 4, complete: bool = True) -> Path:
    """An evaluation of one picture."""
    result = replace(image_result("a", 0.9, (cells, 0, 0), complete=complete), scored=tuple(scored))
    folder.mkdir(parents=True, exist_ok=True)
    write_images([result], folder / "images.csv")
    write_cells([result], folder / "cells.csv")
    return folder


def test_thresholds_count_what_is_found_and_what_is_invented(tmp_path: Path) -> None:
    scores = read_scores(judged(tmp_path, [(0.96, True), (0.9, True), (0.6, False), (0.55, True), (0.5, None)]))
    rows = {row.threshold: (row.found, row.false_cells) for row in at_thresholds(scores)}
    assert rows[0.05] == (3, 1)
    assert rows[0.6] == (2, 1)
    assert rows[0.9] == (2, 0)
    assert rows[0.95] == (1, 0)
    assert rows[0.97] == (0, 0)
    assert next(row for row in at_thresholds(scores) if row.threshold == 0.05).recall.value == 0.75


def test_bins_hold_every_known_cell_once_and_one_is_in_the_last(tmp_path: Path) -> None:
    scores = read_scores(judged(tmp_path, [(1.0, True), (0.9, True), (0.1, False), (0.0999, False), (0.3, None)]))
    counts = {round(one.low, 1): (one.count, one.true.value) for one in bins_of(scores) if one.count}
    assert counts == {0.0: (1, 0.0), 0.1: (1, 0.0), 0.9: (2, 1.0)}


def test_the_calibration_error_of_a_closed_form(tmp_path: Path) -> None:
    half = read_scores(judged(tmp_path, [(0.95, True), (0.95, False), (0.05, False), (0.05, False)]))
    assert expected_calibration_error(bins_of(half)) == pytest.approx((2 * 0.45 + 2 * 0.05) / 4)


def test_pictures_with_unlabelled_cells_do_not_count(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="no picture in which every cell is labelled"):
        read_scores(judged(tmp_path, [(0.9, False)], complete=False))


@pytest.mark.parametrize("name", ["images.csv", "cells.csv"])
def test_a_missing_or_foreign_file_is_told_by_name(tmp_path: Path, name: str) -> None:
    folder = judged(tmp_path, [(0.9, True)])
    (folder / name).write_text("a,b\n1,2\n")
    with pytest.raises(ConfigurationError, match=rf"{name} cannot be used \(it has no column"):
        read_scores(folder)
    (folder / name).unlink()
    with pytest.raises(ConfigurationError, match=rf"{name} cannot be used"):
        read_scores(folder)


def test_the_command_writes_tables_and_a_picture(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = judged(tmp_path, [(0.96, True), (0.6, False)])
    assert main(["reliability", str(folder)]) == 0
    said = capsys.readouterr().out
    assert "2 predicted cells in 1 pictures with 4 cells" in said
    assert "threshold 0.70: 1 of 4 found, 0 false" in said
    with (folder / "thresholds.csv").open(newline="") as file:
        assert next(row["found"] for row in csv.DictReader(file)) == "1"
    with (folder / "reliability.csv").open(newline="") as file:
        assert [(row["low"], row["cells"]) for row in csv.DictReader(file)] == [("0.6", "1"), ("0.9", "1")]
    assert (folder / "reliability.png").stat().st_size > 5000


def test_without_an_evaluation_one_sentence(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["reliability", str(tmp_path)]) == 3
    assert "train evaluate" in capsys.readouterr().err
