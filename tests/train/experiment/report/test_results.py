from __future__ import annotations

from pathlib import Path

import pytest

from edge.errors import ConfigurationError
from tests.train.experiment.report.run_trees import metrics, write_fold
from train.experiment.report.results import read_results


def test_folds_come_in_the_order_of_the_papers_table(tmp_path: Path) -> None:
    for place in ("lisc/fcn/fold0", "dataset1/unet/fold1", "dataset1/unet/fold0", "dataset1/watershed/fold0"):
        write_fold(tmp_path, place, {f"{place}/a": metrics(0.9)})
    results = read_results(tmp_path)
    assert results.datasets() == ["dataset1", "lisc"]
    assert results.methods("dataset1") == ["watershed", "unet"]
    assert [run.fold for run in results.of("dataset1", "unet")] == [0, 1]
    assert [row.key for row in results.rows("dataset1", "unet")] == ["dataset1/unet/fold0/a", "dataset1/unet/fold1/a"]
    assert results.rows("lisc", "fcn")[0].metrics == metrics(0.9)
    assert results.rows("lisc", "unet") == []


def test_a_run_on_its_way_is_named_and_not_counted(tmp_path: Path) -> None:
    write_fold(tmp_path, "dataset1/fcn/fold0", {"a": metrics(0.9)})
    begun = tmp_path / "dataset1" / "unet" / "fold0"
    begun.mkdir(parents=True)
    (begun / "settings.json").write_text("{}")
    predicting = write_fold(tmp_path, "dataset1/fcn/fold1", {"b": metrics(0.1)})
    (predicting / "masks").mkdir()
    results = read_results(tmp_path)
    assert results.unfinished == ("dataset1/fcn/fold1", "dataset1/unet/fold0")
    assert [row.key for row in results.rows("dataset1", "fcn")] == ["a"]
    (predicting / "complete.json").write_text("{}")
    assert [row.key for row in read_results(tmp_path).rows("dataset1", "fcn")] == ["a", "b"]


def test_masks_on_proposals_are_kept_apart(tmp_path: Path) -> None:
    folder = write_fold(tmp_path, "dataset1/leukocytemask-aug-et/fold2", {"a": metrics(0.9)})
    moved = write_fold(tmp_path / "scratch", "dataset1/leukocytemask-aug-et/fold2", {"a": metrics(0.8)})
    moved.rename(folder / "masks-on-proposals")
    run = read_results(tmp_path).runs[0]
    assert [row.metrics.dice for row in run.rows] == [0.9]
    assert [row.metrics.dice for row in run.on_proposals] == [0.8]


def test_no_folder_and_no_finished_run_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="does not exist"):
        read_results(tmp_path / "nowhere")
    (tmp_path / "report").mkdir()
    with pytest.raises(ConfigurationError, match="holds no finished run"):
        read_results(tmp_path)


@pytest.mark.parametrize(
    ("place", "sentence"),
    [
        ("dataset9/fcn/fold0", "names no data set of the experiment"),
        ("dataset1/resnet/fold0", "names no method of the experiment"),
        ("dataset1/fcn/fold5", "is not one of fold0 to fold4"),
        ("dataset1/fcn/folds", "is not one of fold0 to fold4"),
    ],
)
def test_a_folder_that_is_no_run_of_the_experiment_is_refused(tmp_path: Path, place: str, sentence: str) -> None:
    write_fold(tmp_path, place, {"a": metrics(0.9)})
    with pytest.raises(ConfigurationError, match=sentence) as refused:
        read_results(tmp_path)
    assert refused.value.exit_code == 3


def test_a_picture_that_is_tested_twice_is_refused(tmp_path: Path) -> None:
    write_fold(tmp_path, "dataset1/fcn/fold0", {"a": metrics(0.9), "b": metrics(0.9)})
    write_fold(tmp_path, "dataset1/fcn/fold1", {"b": metrics(0.8)})
    with pytest.raises(ConfigurationError, match="b stands twice in the results of fcn"):
        read_results(tmp_path)


def test_a_row_that_is_there_twice_is_refused(tmp_path: Path) -> None:
    path = write_fold(tmp_path, "dataset1/fcn/fold0", {"a": metrics(0.9)}) / "images.csv"
    path.write_text(path.read_text() + path.read_text().splitlines()[1] + "\n")
    with pytest.raises(ConfigurationError, match="a stands twice"):
        read_results(tmp_path)


def test_the_same_picture_may_be_tested_by_every_method(tmp_path: Path) -> None:
    for method in ("fcn", "unet"):
        write_fold(tmp_path, f"dataset1/{method}/fold0", {"a": metrics(0.9)})
    assert len(read_results(tmp_path).runs) == 2


def test_a_fold_without_its_csv_is_refused(tmp_path: Path) -> None:
    (write_fold(tmp_path, "dataset1/fcn/fold0", {"a": metrics(0.9)}) / "images.csv").unlink()
    with pytest.raises(ConfigurationError, match=r"fold0 has no images\.csv"):
        read_results(tmp_path)


@pytest.mark.parametrize(
    ("old", "new", "sentence"),
    [
        ("precision,dice", "dice,precision", "its first line is not"),
        ("dataset1,fcn,0,a", "dataset1,unet,0,a", "belongs to dataset1/unet/fold0"),
        ("dataset1,fcn,0,a", "dataset1,fcn,1,a", "belongs to dataset1/fcn/fold1"),
        (",0.1,0.25", ",nan,0.25", "me nan of a does not lie in 0 to 1"),
        (",0.1,0.25", ",1.5,0.25", r"me 1\.5 of a does not lie in 0 to 1"),
        (",0.1,0.25", ",much,0.25", "could not convert"),
        (",0.1,0.25", ",0.1,-1", "no time"),
        (",0.1,0.25", "", "a line has not 11 fields"),
        (",0.1,0.25", ",0.1,0.25,7", "a line has not 11 fields"),
        ("0.9", "\udcff", "utf-8"),
    ],
)
def test_a_broken_csv_is_refused_with_its_name_and_fault(tmp_path: Path, old: str, new: str, sentence: str) -> None:
    path = write_fold(tmp_path, "dataset1/fcn/fold0", {"a": metrics(0.9)}) / "images.csv"
    path.write_text(path.read_text().replace(old, new), encoding="utf-8", errors="surrogateescape")
    with pytest.raises(ConfigurationError, match=rf"images\.csv cannot be used \(.*{sentence}"):
        read_results(tmp_path)


@pytest.mark.parametrize("keep", [0, 1])
def test_an_empty_csv_is_refused(tmp_path: Path, keep: int) -> None:
    path = write_fold(tmp_path, "dataset1/fcn/fold0", {"a": metrics(0.9)}) / "images.csv"
    path.write_text("\n".join(path.read_text().splitlines()[:keep]))
    with pytest.raises(ConfigurationError, match=r"its first line|it has no row"):
        read_results(tmp_path)
