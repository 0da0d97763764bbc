from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest

from edge.errors import ConfigurationError
from tests.train.experiment.report.run_trees import metrics, write_fold
from train.experiment.report.entries import Entry, entries_of
from train.experiment.report.published import METHOD_TITLES, METRIC_TITLES, PUBLISHED
from train.experiment.report.remarks import remarks
from train.experiment.report.results import read_results
from train.experiment.report.table import table_csv, table_markdown, table_rows
from train.experiment.run_folder import write_json
from train.experiment.settings import Networks, Training
from train.metrics import NORMAL_QUANTILE_95, SixMetrics
from train.report import METRICS


def entries(runs: Path) -> dict[str, list[Entry]]:
    return entries_of(read_results(runs))


def entry_of(runs: Path, dataset: str, method: str) -> Entry:
    return next(entry for entry in entries(runs)[dataset] if entry.method == method)


def test_means_are_over_all_pictures_of_all_folds_not_over_folds(tmp_path: Path) -> None:
    write_fold(tmp_path, "dataset1/unet/fold0", {"a": metrics(0.9, 0.1), "b": metrics(0.8, 0.2), "c": metrics(0.7, 0)})
    write_fold(tmp_path, "dataset1/unet/fold3", {"d": metrics(0.2, 0.1)})
    entry = entry_of(tmp_path, "dataset1", "unet")
    assert (entry.images, entry.folds) == (4, (0, 3))
    assert entry.means["dice"].value == pytest.approx(0.65)  # the mean of the folds' means would be 0.5
    assert entry.means["me"].value == pytest.approx(0.1)
    assert entry.difference("dice") == pytest.approx(0.65 - 0.96163)
    assert entry.difference("me") == pytest.approx(0.1 - 0.02390)


def test_the_interval_is_that_of_the_mean(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    values = np.clip(rng.normal(0.9, 0.02, 400), 0, 1)
    write_fold(tmp_path, "dataset1/unet/fold0", {str(i): metrics(value) for i, value in enumerate(values)})
    mean = entry_of(tmp_path, "dataset1", "unet").means["miou"]
    half = NORMAL_QUANTILE_95 * values.std() / np.sqrt(len(values))
    # of 2000 resamples the ends are known to about 6 % of the half width
    assert mean.low == pytest.approx(values.mean() - half, abs=0.15 * half)
    assert mean.high == pytest.approx(values.mean() + half, abs=0.15 * half)


def test_pictures_that_are_all_alike_have_an_interval_of_no_width(tmp_path: Path) -> None:
    write_fold(tmp_path, "dataset1/unet/fold0", {key: metrics(0.75, 0.25) for key in "abc"})
    assert table_rows(entries(tmp_path)["dataset1"])[4][2] == "0.75000 (0.75000 to 0.75000)"


def test_one_picture_has_a_mean_and_no_interval(tmp_path: Path) -> None:
    write_fold(tmp_path, "dataset1/unet/fold0", {"a": metrics(0.75)})
    assert "0.75000" in table_rows(entries(tmp_path)["dataset1"])[4]
    rows = list(csv.DictReader(table_csv(entries(tmp_path)).splitlines()))
    row = next(row for row in rows if row["method"] == "unet" and row["metric"] == "dice")
    assert (row["mean"], row["low"], row["high"]) == ("0.750000", "", "")


def test_the_csv_has_every_set_method_and_metric_once(tmp_path: Path) -> None:
    write_fold(tmp_path, "dataset2/fcn/fold4", {"a": metrics(0.9, 0.02), "b": metrics(0.8, 0.04)})
    rows = list(csv.DictReader(table_csv(entries(tmp_path)).splitlines()))
    places = [(row["dataset"], row["method"], row["metric"]) for row in rows]
    assert places == [(d, m, metric) for d in PUBLISHED for m in METHOD_TITLES for metric in METRICS]
    run = [row for row in rows if row["mean"] != "not run"]
    assert {(row["dataset"], row["method"], row["folds"], row["images"]) for row in run} == {
        ("dataset2", "fcn", "4", "2")
    }
    figures = {row["metric"]: (float(row["mean"]), float(row["paper"]), float(row["difference"])) for row in run}
    assert figures["fnr"] == (0.03, 0.06107, pytest.approx(-0.03107))
    assert all(row["command"].endswith("--dataset dataset2 --method fcn --fold 0 1 2 3") for row in run)


def test_what_was_not_run_stands_with_the_command_that_runs_it(tmp_path: Path) -> None:
    for fold in range(5):
        write_fold(tmp_path, f"dataset1/fcn/fold{fold}", {f"a{fold}": metrics(0.9)})
    found = entries(tmp_path)
    prefix = "python -m train crossval --config train/configs/experiment/cpu.toml"
    text = table_markdown(found)
    for dataset in PUBLISHED:
        for method in METHOD_TITLES:
            command = f"{prefix} --dataset {dataset} --method {method}\n"
            assert (command in text) == ((dataset, method) != ("dataset1", "fcn"))
    row = next(row for row in table_rows(found["lisc"]) if row[0] == "Watershed")
    assert row == ("Watershed", "ours", *["not run"] * 6, "0", "0 of 5")
    rows = list(csv.DictReader(table_csv(found).splitlines()))
    missing = [row for row in rows if row["mean"] == "not run"]
    assert len(missing) == 23 * 6
    assert all(row["command"].startswith(prefix) and row["difference"] == "" for row in missing)


def test_the_command_is_one_that_crossval_understands(tmp_path: Path) -> None:
    from train.__main__ import build_parser

    write_fold(tmp_path, "dataset1/fcn/fold0", {"a": metrics(0.9)})
    words = entry_of(tmp_path, "bcisc-sub", "leukocytemask-aug-et").command.split()
    assert words[:3] == ["python", "-m", "train"]
    options = build_parser().parse_args(words[3:])
    assert (options.dataset, options.method) == (["bcisc-sub"], ["leukocytemask-aug-et"])
    assert (Path(__file__).parents[4] / options.config).is_file()


def test_methods_are_ordered_as_found_and_compared_with_the_papers_order(tmp_path: Path) -> None:
    write_fold(tmp_path, "dataset1/fcn/fold0", {key: metrics(0.97, 0.01) for key in "abc"})
    write_fold(tmp_path, "dataset1/unet/fold0", {key: metrics(0.98, 0.02) for key in "abc"})
    text = "\n".join(remarks(entries(tmp_path)["dataset1"]))
    assert "Order by Dice, best first: U-Net > FCN; the paper has FCN > U-Net." in text
    assert "Order by ME, best first: FCN > U-Net; as in the paper." in text
    assert "Order by FNR, best first: FCN > U-Net; the paper has U-Net > FCN." in text


def test_methods_that_the_pictures_do_not_tell_apart_are_not_ordered(tmp_path: Path) -> None:
    fcn = {str(i): metrics(0.9 + 0.001 * i) for i in range(20)}
    unet = {str(i): metrics(0.9 + 0.001 * i + (0.002 if i % 2 else -0.0019)) for i in range(20)}
    watershed = {str(i): metrics(0.9 + 0.001 * i - 0.0005) for i in range(20)}  # far less than the spread, but always
    for method, rows in (("fcn", fcn), ("unet", unet), ("watershed", watershed)):
        write_fold(tmp_path, f"dataset1/{method}/fold0", rows)
    text = "\n".join(remarks(entries(tmp_path)["dataset1"]))
    assert "Order by Dice, best first: U-Net \u2248 FCN > Watershed;" in text


def test_the_order_is_that_on_the_pictures_that_all_methods_saw(tmp_path: Path) -> None:
    write_fold(tmp_path, "dataset1/fcn/fold0", {"a": metrics(0.9), "b": metrics(0.92)})
    write_fold(tmp_path, "dataset1/fcn/fold1", {"hard": metrics(0.1)})
    write_fold(tmp_path, "dataset1/unet/fold0", {"a": metrics(0.8), "b": metrics(0.81)})
    text = "\n".join(remarks(entries(tmp_path)["dataset1"]))
    assert "on the 2 pictures that all methods run were tested on" in text
    assert "Order by Dice, best first: FCN > U-Net;" in text
    write_fold(tmp_path, "dataset1/watershed/fold2", {"c": metrics(0.8)})
    assert "share no test picture" in "\n".join(remarks(entries(tmp_path)["dataset1"]))


def test_the_rest_of_a_method_that_was_run_in_some_folds_has_its_command(tmp_path: Path) -> None:
    for fold in (0, 3):
        write_fold(tmp_path, f"dataset1/unet/fold{fold}", {f"a{fold}": metrics(0.9)})
    entry = entry_of(tmp_path, "dataset1", "unet")
    assert entry.command.endswith("--dataset dataset1 --method unet --fold 1 2 4")
    assert f"{entry.command}\n" in table_markdown(entries(tmp_path))


def test_the_command_for_the_rest_names_the_epochs_of_the_folds_that_were_run(tmp_path: Path) -> None:
    folder = write_fold(tmp_path, "dataset1/unet/fold0", {"a": metrics(0.9)})
    write_json(folder / "settings.json", {"given": GIVEN})
    write_json(folder / "complete.json", {})
    assert entry_of(tmp_path, "dataset1", "unet").command.endswith("--fold 1 2 3 4 --epochs 7")
    assert "--epochs" not in entry_of(tmp_path, "dataset1", "fcn").command


GIVEN = {
    "method": "unet",
    "fold": 0,
    "smoke": False,
    "input_px": 192,
    "processes": 2,
    "training": Training(epochs=7, batch=4, optimizer="adamw", ema=0.99, precision="bfloat16").model_dump(),
    "networks": Networks(unet_width=32).model_dump(),
}


def test_how_the_runs_were_made_is_said(tmp_path: Path) -> None:
    folder = write_fold(tmp_path, "dataset1/unet/fold0", {"a": metrics(0.9)})
    write_json(folder / "settings.json", {"given": GIVEN})
    write_json(folder / "complete.json", {})
    said = remarks(entries(tmp_path)["dataset1"])[0]
    assert said == (
        "U-Net: 7 epochs in batches of 8; adamw at 0.001, constant; weights averaged at 0.99; gradient not clipped; "
        "bfloat16; input 192 px; first level 32 channels wide."
    )
    write_json(folder / "settings.json", {"given": GIVEN | {"smoke": True}})
    assert "whose figures say nothing: U-Net" in remarks(entries(tmp_path)["dataset1"])[1]


def test_folds_of_other_settings_are_not_averaged(tmp_path: Path) -> None:
    for fold, px in ((0, 192), (1, 256)):
        folder = write_fold(tmp_path, f"dataset1/unet/fold{fold}", {f"a{fold}": metrics(0.9)})
        write_json(folder / "settings.json", {"given": GIVEN | {"fold": fold, "input_px": px}})
    with pytest.raises(ConfigurationError, match="were not run with the same input_px"):
        read_results(tmp_path)


def test_the_papers_contradictions_are_said_with_the_bound(tmp_path: Path) -> None:
    write_fold(tmp_path, "dataset1/fcn/fold0", {"a": metrics(0.97)})
    found = entries(tmp_path)
    bound = 2 * 0.99432 * 0.96355 / (0.99432 + 0.96355)
    said = remarks(found["dataset2"])[-1]
    assert f"LeukocyteMask (Aug-ET) (Dice 0.98242, at most {bound:.5f})" in said
    assert "FCN" not in said
    assert "LeukocyteMask" not in remarks(found["dataset1"])[-1]


def test_the_target_is_half_a_point(tmp_path: Path) -> None:
    paper = PUBLISHED["dataset1"].rows["leukocytemask-aug-et"]
    ours = SixMetrics(
        precision=paper.precision - 0.0049, dice=0.9, miou=paper.miou + 0.001, fpr=0.1, fnr=0.1, me=paper.me + 0.0051
    )
    write_fold(tmp_path, "dataset1/leukocytemask-aug-et/fold0", {"a": ours})
    said = remarks(entries(tmp_path)["dataset1"])[0]
    assert "Precision met (0.49 points worse than the paper)" in said
    assert "mIoU met (0.10 points better than the paper)" in said
    assert "ME missed (0.51 points worse than the paper)" in said


def test_simulated_crops_are_shown_without_a_row_of_the_paper(tmp_path: Path) -> None:
    write_fold(tmp_path, "simulated/fcn/fold0", {"a": metrics(0.9)})
    group = entries(tmp_path)["simulated"]
    assert {row[1] for row in table_rows(group)} == {"ours"}
    assert len(table_rows(group)) == len(METHOD_TITLES)
    assert remarks(group) == [
        "No data set of the paper: a trial of the programs, whose figures say nothing about the methods."
    ]
    rows = [row for row in csv.DictReader(table_csv(entries(tmp_path)).splitlines()) if row["dataset"] == "simulated"]
    assert {row["paper"] for row in rows} == {""}


def test_every_column_of_the_markdown_has_a_cell(tmp_path: Path) -> None:
    write_fold(tmp_path, "dataset1/fcn/fold0", {"a": metrics(0.9), "b": metrics(0.7)})
    lines = [line for line in table_markdown(entries(tmp_path)).splitlines() if line.startswith("|")]
    assert {line.count("|") for line in lines} == {len(METRIC_TITLES) + 5}
