from __future__ import annotations

import math
from pathlib import Path

import cv2
import numpy as np
import pytest

from edge.errors import ConfigurationError
from tests.train.experiment.report.run_trees import metrics, write_fold
from train.experiment.report.boxplots import draw_boxplots
from train.experiment.report.curves import draw_learning_curves, mean_curve, read_curve
from train.experiment.report.picture_file import COLOURS, new_figure, read_stamp, save_figure, stamp_of
from train.experiment.report.published import METHOD_TITLES, OWN_METHODS
from train.experiment.report.results import Results, read_results

LIMIT_BYTES = 150_000


def all_methods(runs: Path, pictures: int = 60) -> Results:
    rng = np.random.default_rng(1)
    for method in METHOD_TITLES:
        values = np.clip(1 - rng.exponential(0.05, pictures), 0, 1)
        rows = {f"dataset1/{i}": metrics(value, 1 - value) for i, value in enumerate(values)}
        losses = [1 / (1 + i) + rng.normal(0, 0.01) for i in range(50)] if method in OWN_METHODS else []
        write_fold(runs, f"dataset1/{method}/fold0", rows, losses)
    return read_results(runs)


def test_plots_are_small_and_the_same_for_the_same_results(tmp_path: Path) -> None:
    results = all_methods(tmp_path / "runs")
    for name, draw in (("boxes", draw_boxplots), ("curves", draw_learning_curves)):
        paths = [draw(results, "dataset1", tmp_path / turn / f"{name}.png") for turn in ("first", "second")]
        first, second = (path.read_bytes() for path in paths if path is not None)
        assert first == second
        assert len(first) < LIMIT_BYTES
        picture = cv2.imread(str(paths[0]))
        assert picture is not None
        assert picture.std() > 10


def test_the_stamp_follows_the_numbers_and_nothing_else(tmp_path: Path) -> None:
    results = all_methods(tmp_path / "runs")
    stamp = read_stamp(draw_boxplots(results, "dataset1", tmp_path / "a.png"))
    path = tmp_path / "runs" / "dataset1" / "fcn" / "fold0" / "images.csv"
    lines = path.read_text().splitlines()
    path.write_text("\n".join(lines[:-1]) + "\n")
    assert stamp.startswith("shows sha256:")
    assert read_stamp(draw_boxplots(read_results(tmp_path / "runs"), "dataset1", tmp_path / "b.png")) != stamp
    path.write_text("\n".join(lines) + "\n")
    assert read_stamp(draw_boxplots(read_results(tmp_path / "runs"), "dataset1", tmp_path / "c.png")) == stamp


def test_a_picture_of_another_program_has_no_stamp(tmp_path: Path) -> None:
    assert cv2.imwrite(str(tmp_path / "plain.png"), np.zeros((4, 4, 3), np.uint8))
    assert read_stamp(tmp_path / "plain.png") == ""


def test_a_file_holds_neither_time_nor_version(tmp_path: Path) -> None:
    with new_figure(80, 60) as figure:
        path = save_figure(figure, tmp_path / "empty.png", [1])
    content = path.read_bytes()
    assert stamp_of([1]).encode() in content
    assert b"atplotlib" not in content
    assert b"tIME" not in content
    assert cv2.imread(str(path)).shape == (60, 80, 3)


def test_results_at_both_ends_of_the_scale_can_be_drawn(tmp_path: Path) -> None:
    write_fold(tmp_path, "dataset1/fcn/fold0", {"a": metrics(0.0, 1.0), "b": metrics(1.0, 0.0)})
    write_fold(tmp_path, "dataset1/unet/fold0", {"a": metrics(1.0, 0.0)})
    path = draw_boxplots(read_results(tmp_path), "dataset1", tmp_path / "boxes.png")
    assert cv2.imread(str(path)) is not None


def test_every_method_has_a_colour_of_its_own() -> None:
    assert set(COLOURS) == set(METHOD_TITLES)
    assert len(set(COLOURS.values())) == len(METHOD_TITLES)


def test_a_curve_is_read_and_the_mean_is_over_folds_at_the_same_epoch(tmp_path: Path) -> None:
    write_fold(tmp_path, "dataset1/leukocytemask-noaug/fold0", {"a": metrics(0.9)}, [1.0, 0.5])
    write_fold(tmp_path, "dataset1/leukocytemask-noaug/fold1", {"b": metrics(0.9)}, [2.0, 0.7])
    results = read_results(tmp_path)
    curves = [read_curve(run) for run in results.runs]
    assert curves[0] == [(1, 1.0), (2, 0.5)]
    assert mean_curve(curves) == [(1, 1.5), (2, pytest.approx(0.6))]
    assert draw_learning_curves(results, "dataset1", tmp_path / "curves.png") is not None


def test_folds_of_other_epochs_have_no_mean() -> None:
    assert mean_curve([[(1.0, 2.0)], [(1.0, 2.0), (2.0, 1.0)]]) == []
    assert mean_curve([[(1.0, 2.0)]]) == []


def test_without_a_curve_there_is_no_figure(tmp_path: Path) -> None:
    write_fold(tmp_path, "dataset1/leukocytemask-noaug/fold0", {"a": metrics(0.9)})
    write_fold(tmp_path, "dataset1/unet/fold0", {"a": metrics(0.9)}, [1.0])
    assert draw_learning_curves(read_results(tmp_path), "dataset1", tmp_path / "curves.png") is None
    assert not (tmp_path / "curves.png").exists()


@pytest.mark.parametrize("text", ["epoch,miou\n1,2\n", "epoch,loss\n1,much\n", "epoch,loss\n1\n"])
def test_a_broken_curve_is_refused(tmp_path: Path, text: str) -> None:
    folder = write_fold(tmp_path, "dataset1/leukocytemask-noaug/fold0", {"a": metrics(0.9)})
    (folder / "validation.csv").write_text(text)
    with pytest.raises(ConfigurationError, match=r"validation\.csv is not a curve file") as refused:
        read_curve(read_results(tmp_path).runs[0])
    assert refused.value.exit_code == 3


def test_a_loss_that_is_no_number_is_refused(tmp_path: Path) -> None:
    write_fold(tmp_path, "dataset1/leukocytemask-noaug/fold0", {"a": metrics(0.9)}, [1.0, math.nan])
    with pytest.raises(ConfigurationError, match="no number at epoch 2"):
        read_curve(read_results(tmp_path).runs[0])
