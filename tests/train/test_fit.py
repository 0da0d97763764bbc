"""Training from the command line on a small folder of drawn cells: it learns, is killed, resumes."""

from __future__ import annotations

import csv
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from edge.errors import ConfigurationError, ModelError
from edge.simulator import SmearParameters, draw_field
from train.__main__ import main
from train.checkpoint import AveragedWeights, load_model, load_state
from train.config import build_config, read_config
from train.data.choose import leave_out, only
from train.data.open import read_dataset

CONFIG = """
preset = "edge"
pretrained = false
precision = "bfloat16"
steps = {steps}
batch = 2
log_every = 1
validate_every = 4
checkpoint_every = 2
validation_samples_per_set = 2
[mix]
size = 128
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A user's own pictures: `images` and `masks` side by side."""
    root = tmp_path_factory.mktemp("smears")
    (root / "images").mkdir()
    (root / "masks").mkdir()
    for seed in range(10):
        image, truth = draw_field(SmearParameters(seed=seed, density=6, white_cell_px=60), 200, 160)
        mask = np.zeros((160, 200), np.uint8)
        for number, cell in enumerate(truth, start=1):
            x0, y0, x1, y1 = cell.bbox
            mask[y0:y1, x0:x1][cell.mask] = number
        cv2.imwrite(str(root / "images" / f"{seed}.png"), image)
        cv2.imwrite(str(root / "masks" / f"{seed}.png"), mask)
    return root


def config_file(folder: Path, steps: int) -> Path:
    path = folder / f"train{steps}.toml"
    path.write_text(CONFIG.format(steps=steps))
    return path


def fit(folder: Path, out: Path, steps: int, *more: str) -> int:
    return main(
        ["fit", "--config", str(config_file(out.parent, steps)), "--data", str(folder), "--out", str(out), *more]
    )


def steps_in(path: Path) -> list[int]:
    with path.open(newline="") as file:
        return [int(float(row["step"])) for row in csv.DictReader(file)]


def test_a_run_leaves_weights_curves_and_its_split(folder: Path, tmp_path: Path) -> None:
    out = tmp_path / "run"
    assert fit(folder, out, 4) == 0
    model, facts = load_model(out / "best.safetensors")
    assert facts["step"] == 4
    assert sum(p.numel() for p in model.parameters()) > 1e6
    assert steps_in(out / "losses.csv") == [1, 2, 3, 4]
    assert (out / "curves.png").stat().st_size > 1000
    assert (out / "split.json").exists()
    assert fit(folder, out, 4) == 3  # the folder holds a run
    assert fit(folder, tmp_path / "new", 4, "--resume") == 3  # nothing to resume


def test_a_set_can_be_left_out_and_an_unknown_one_is_told(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert fit(folder, tmp_path / "none", 4, "--without", "folder") == 3
    assert "no picture to train" in capsys.readouterr().err
    assert fit(folder, tmp_path / "none", 4, "--without", "dataset9") == 2
    assert "the sets given are folder" in capsys.readouterr().err
    samples = [replace(sample, dataset=name) for sample in read_dataset(folder)[:2] for name in ("folder", "dataset2")]
    assert {sample.dataset for sample in leave_out(samples, ["dataset2"], "--without")} == {"folder"}
    assert {sample.dataset for sample in only(samples, ["dataset2"], "--only")} == {"dataset2"}
    assert only(samples, [], "--only") == samples


def test_a_killed_run_resumes_and_ends_like_one_that_was_not(folder: Path, tmp_path: Path) -> None:
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    assert fit(folder, whole, 8) == 0
    command = [sys.executable, "-m", "train", "fit", "--config", str(config_file(tmp_path, 8)), "--data", str(folder)]
    process = subprocess.Popen([*command, "--out", str(killed)], stdout=subprocess.DEVNULL, env=os.environ.copy())
    deadline = time.monotonic() + 120
    while not (killed / "last.pt").exists() and process.poll() is None and time.monotonic() < deadline:
        time.sleep(0.02)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert load_state(killed / "last.pt")["step"] % 2 == 0
    assert fit(folder, killed, 8, "--resume") == 0
    assert steps_in(killed / "losses.csv") == steps_in(whole / "losses.csv")
    assert load_state(killed / "last.pt")["step"] == 8


def test_weights_in_last_pt_are_read_without_running_code_from_it(tmp_path: Path) -> None:
    bad = tmp_path / "last.pt"
    torch.save({"step": os.system}, bad)
    with pytest.raises(ModelError, match="cannot be resumed from"):
        load_state(bad)


def test_all_faults_of_a_configuration_are_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError) as caught:
        build_config({"steps": 0, "colour": 1, "mix": {"size": 100}}, "x.toml")
    for part in ("steps", "colour", "mix.size"):
        assert part in str(caught.value)
    with pytest.raises(ConfigurationError, match="cannot be read"):
        read_config(tmp_path / "none.toml", {})


@pytest.mark.parametrize("name", ["edge", "paper"])
def test_the_shipped_configurations_are_valid(name: str) -> None:
    config = read_config(Path(__file__).parents[2] / "train" / "configs" / f"{name}.toml", {})
    assert config.preset == name


def test_averaged_weights_follow_the_model() -> None:
    layer = torch.nn.Linear(1, 1, bias=False)
    torch.nn.init.zeros_(layer.weight)
    average = AveragedWeights(layer, decay=0.5)
    torch.nn.init.ones_(layer.weight)
    for step in range(20, 24):
        average.update(layer, step)
    assert average.values["weight"].item() == pytest.approx(1 - 0.5**4)


def test_a_folder_that_is_no_data_set_ends_with_code_3(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["fit", "--data", str(tmp_path), "--out", str(tmp_path / "run")]) == 3
    assert capsys.readouterr().err.startswith("edge-train: ")
