"""`python -m train crossval` from the command line, on crops drawn by the simulator."""

from __future__ import annotations

import csv
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from tests.train.experiment.tiny import config_file
from train.__main__ import main
from train.checkpoint import load_model
from train.curves import read_rows
from train.data.open import read_dataset
from train.data.sample import load
from train.experiment.predict import HEADER
from train.experiment.report.results import read_results
from train.metrics import six_metrics

pytestmark = pytest.mark.usefixtures("one_thread")


def crossval(out: Path, *more: str) -> int:
    return main(["crossval", "--out", str(out), *more])


@pytest.fixture(scope="module")
def smoke(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One pixelwise and one LeukocyteMask method on a few pictures; LeukocyteMask also with masks on proposals."""
    root = tmp_path_factory.mktemp("smoke")
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    config = str(config_file(root, 1))
    methods = ("--method", "unet", "leukocytemask-aug-et")
    assert crossval(root / "runs", "--smoke", "--config", config, *methods, "--masks-on", "proposals") == 0
    torch.set_num_threads(before)
    return root / "runs"


@pytest.mark.parametrize("method", ["unet", "leukocytemask-aug-et"])
def test_a_run_leaves_all_its_files_and_no_others(smoke: Path, method: str) -> None:
    folder = smoke / "simulated" / method / "fold0"
    found = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}
    prediction = {
        "images.csv",
        "masks/index.csv",
        "complete.json",
        "settings.json",
        *(f"masks/{n}.png" for n in range(5)),
    }
    training = {"losses.csv", "validation.csv", "best.safetensors"}
    once_more = {f"masks-on-proposals/{name}" for name in prediction} if method != "unet" else set()
    assert found == prediction | training | once_more


@pytest.mark.parametrize("method", ["unet", "leukocytemask-aug-et"])
def test_the_figures_of_each_test_picture_are_those_of_its_mask(smoke: Path, method: str) -> None:
    folder = smoke / "simulated" / method / "fold0"
    folds = json.loads((smoke / "simulated" / "folds.json").read_text())
    samples = {sample.key: sample for sample in read_dataset(smoke / "simulated" / "pictures")}
    with (folder / "images.csv").open(newline="") as file:
        rows = list(csv.reader(file))
    with (folder / "masks" / "index.csv").open(newline="") as file:
        index = list(csv.DictReader(file))
    assert tuple(rows[0]) == HEADER
    assert [row[3] for row in rows[1:]] == [row["key"] for row in index] == folds["folds"][0]["test"][:5]
    for row, place in zip(rows[1:], index, strict=True):
        assert row[:3] == ["simulated", method, "0"]
        loaded = load(samples[row[3]])
        soft = cv2.imread(str(folder / "masks" / f"{place['n']}.png"), cv2.IMREAD_UNCHANGED)
        assert soft.shape == loaded.instances.shape
        metrics = six_metrics(loaded.instances > 0, soft >= 128)
        expected = [metrics.precision, metrics.dice, metrics.miou, metrics.fpr, metrics.fnr, metrics.me]
        assert np.allclose([float(value) for value in row[4:10]], expected, rtol=1e-8)
        assert float(row[10]) > 0


def test_the_report_reads_the_curves_and_the_weights(smoke: Path) -> None:
    rows = read_rows(smoke / "simulated" / "leukocytemask-aug-et" / "fold0" / "validation.csv")
    assert [row["step"] for row in rows] == ["3"]  # five pictures in steps of two
    assert float(rows[0]["loss"]) == pytest.approx(
        sum(float(rows[0][name]) for name in ("rpn_class", "rpn_box", "class", "box", "mask")), rel=1e-4
    )
    model, facts = load_model(smoke / "simulated" / "leukocytemask-aug-et" / "fold0" / "best.safetensors")
    assert (model.config.preset, model.config.input_width) == ("paper", 64)
    assert facts["epoch"] == 1


def test_the_report_accepts_the_runs(smoke: Path) -> None:
    results = read_results(smoke)
    assert [(run.dataset, run.method, run.fold, len(run.rows)) for run in results.runs] == [
        ("simulated", "unet", 0, 5),
        ("simulated", "leukocytemask-aug-et", 0, 5),
    ]


def test_settings_tell_what_was_used(smoke: Path) -> None:
    settings = json.loads((smoke / "simulated" / "unet" / "fold0" / "settings.json").read_text())
    given = settings["given"]
    assert (given["training"]["epochs"], given["training"]["optimizer"]) == (1, "adamw")
    assert given["augmentation"]["name"] == "Aug-ET"
    assert (given["input_px"], given["smoke"], given["processes"]) == (64, True, 1)
    assert len(given["folds_sha256"]) == 64
    assert settings["made_with"]["torch"] == torch.__version__


def test_a_finished_run_is_skipped(smoke: Path, capsys: pytest.CaptureFixture[str]) -> None:
    files = [path for path in smoke.rglob("*") if path.is_file()]
    before = {path: path.stat().st_mtime_ns for path in files}
    assert crossval(smoke, "--smoke", "--config", str(smoke.parent / "tiny1.toml"), "--method", "unet") == 0
    assert "simulated/unet/fold0: finished before" in capsys.readouterr().out
    assert {path: path.stat().st_mtime_ns for path in files} == before


def test_a_trained_run_without_its_mark_of_completion_is_only_predicted_again(smoke: Path, tmp_path: Path) -> None:
    shutil.copytree(smoke, tmp_path / "runs")
    folder = tmp_path / "runs" / "simulated" / "unet" / "fold0"
    before = {name: (folder / name).read_bytes() for name in ("best.safetensors", "losses.csv", "masks/0.png")}
    (folder / "complete.json").unlink()
    (folder / "masks" / "0.png").unlink()
    assert crossval(tmp_path / "runs", "--smoke", "--config", str(config_file(tmp_path, 1)), "--method", "unet") == 0
    assert {name: (folder / name).read_bytes() for name in before} == before
    assert (folder / "complete.json").exists()


def test_weights_that_cannot_be_read_are_told_as_such(
    smoke: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.copytree(smoke, tmp_path / "runs")
    folder = tmp_path / "runs" / "simulated" / "unet" / "fold0"
    (folder / "complete.json").unlink()
    (folder / "best.safetensors").write_bytes(b"broken")
    assert crossval(tmp_path / "runs", "--smoke", "--config", str(config_file(tmp_path, 1)), "--method", "unet") == 5
    assert "best.safetensors cannot be read" in capsys.readouterr().err


def test_a_run_is_not_continued_with_other_settings(smoke: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code = crossval(smoke, "--smoke", "--config", str(smoke.parent / "tiny1.toml"), "--method", "unet", "--epochs", "2")
    assert code == 3
    assert "holds a run with other settings (training was" in capsys.readouterr().err


def test_the_watershed_is_tuned_on_the_training_part_and_tested_on_the_test_part(tmp_path: Path) -> None:
    assert crossval(tmp_path, "--smoke", "--method", "watershed") == 0
    folder = tmp_path / "simulated" / "watershed" / "fold0"
    settings = json.loads((folder / "settings.json").read_text())
    assert settings["watershed"]["reach_px"] > 0
    assert "training" not in settings["given"]
    with (folder / "images.csv").open(newline="") as file:
        dices = [float(row["dice"]) for row in csv.DictReader(file)]
    assert len(dices) == 5
    assert np.mean(dices) > 0.5  # drawn cells are easy


def test_a_killed_run_ends_like_one_that_was_not(tmp_path: Path) -> None:
    config = config_file(tmp_path, 8, ema=0.9)
    arguments = ["crossval", "--config", str(config), "--dataset", "simulated", "--method", "unet", "--fold", "1"]
    killed, whole = tmp_path / "killed", tmp_path / "whole"
    folders = [out / "simulated" / "unet" / "fold1" for out in (killed, whole)]
    process = subprocess.Popen(
        [sys.executable, "-m", "train", *arguments, "--out", str(killed)],
        env=os.environ | {"OMP_NUM_THREADS": "1"},
        stdout=subprocess.DEVNULL,
    )
    deadline = time.monotonic() + 120
    while not (folders[0] / "last.pt").exists() and process.poll() is None and time.monotonic() < deadline:
        time.sleep(0.01)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert not (folders[0] / "complete.json").exists()
    assert len(read_rows(folders[0] / "validation.csv")) < 8
    for out in (killed, whole):
        assert main([*arguments, "--out", str(out)]) == 0
    first, second = (load_file(folder / "best.safetensors") for folder in folders)
    assert all(torch.equal(first[name], second[name]) for name in second)
    curves = [[(row["step"], row["loss"], row["miou"]) for row in read_rows(f / "validation.csv")] for f in folders]
    assert curves[0] == curves[1]
    assert len(curves[0]) == 8


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["--method", "u-net"], 2, "'u-net' is no method of the experiment; give one of watershed, fcn, unet"),
        (["--dataset", "dataset3"], 2, "'dataset3' is no data set of the experiment; give one of dataset1"),
        (["--fold", "5"], 2, "there is no fold 5; give --fold numbers from 0 to 4"),
        (["--method", "unet", "--masks-on", "proposals"], 2, "--masks-on proposals is about LeukocyteMask"),
        (["--data", "nowhere"], 3, "the data set nowhere does not exist"),
        (["--config", "none.toml"], 3, "none.toml cannot be read"),
        (["--smoke", "--epochs", "0"], 3, "training.epochs"),
    ],
)
def test_what_cannot_be_run_is_said_in_a_sentence(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], code: int, words: str
) -> None:
    assert crossval(tmp_path / "runs", *arguments) == code
    assert words in capsys.readouterr().err


def test_a_data_set_that_is_not_there_is_named_with_what_was_looked_for(
    smoke: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pictures = str(smoke / "simulated" / "pictures")
    assert crossval(tmp_path, "--data", pictures, "--dataset", "lisc") == 3
    message = capsys.readouterr().err
    assert "no labelled picture of lisc (LISC: 'Main Dataset' and 'Ground Truth Segmentation') was found in" in message
    assert pictures in message
    assert crossval(tmp_path, "--data", pictures) == 3
    captured = capsys.readouterr()
    assert "dataset2: not run" in captured.out
    assert "nor of another set" in captured.err


def test_runs_that_cannot_be_written_are_refused_before_anything_is_trained(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").write_text("")
    assert crossval(tmp_path / "file" / "runs", "--smoke") == 3
    assert "nothing can be written to" in capsys.readouterr().err


def test_folds_of_other_pictures_are_refused(smoke: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    content = json.loads((smoke / "simulated" / "folds.json").read_text())
    for sides in content["folds"]:
        for side in ("train", "validation", "test"):
            sides[side] = [key + "x" for key in sides[side]]
    (tmp_path / "simulated").mkdir()
    (tmp_path / "simulated" / "folds.json").write_text(json.dumps(content))
    assert crossval(tmp_path, "--smoke", "--method", "unet") == 3
    assert "were made from other data: 30 pictures of the data are not in it" in capsys.readouterr().err
