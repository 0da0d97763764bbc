"""Several processes train one network: gradients are averaged, all end with the same weights."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from tests.train.experiment.tiny import config_file, lesson, run_folder, unet_learner
from train.curves import read_rows
from train.experiment.learn import learn
from train.experiment.pixelwise_learner import PixelwiseLearner
from train.experiment.processes import Processes
from train.experiment.settings import Training

STEPS = 3  # per epoch: five pictures in steps of two
RANK = """
import sys
from pathlib import Path
import torch
from tests.train.experiment.test_processes import train
from train.experiment.processes import join_processes

with join_processes() as processes:
    learner = train(Path(sys.argv[1]), processes, batch=1)
    torch.save(learner.network.state_dict(), Path(sys.argv[1]) / f"rank{processes.rank}.pt")
"""


def train(folder: Path, processes: Processes, batch: int) -> PixelwiseLearner:
    """Two epochs from weights that differ between the processes, without what a process draws for itself."""
    torch.manual_seed(7 + processes.rank)
    learner = unet_learner(dropout=0.0)
    training = Training(epochs=2, batch=batch, learning_rate=0.01)
    task = lesson(training, rank=processes.rank, processes=processes.count)
    learn(learner, task, run_folder(folder), processes, lambda step, info: None)
    return learner


def torchrun(*arguments: str) -> None:
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2", *arguments]
    environment = os.environ | {"OMP_NUM_THREADS": "1", "CUDA_VISIBLE_DEVICES": ""}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.usefixtures("one_thread")
def test_two_processes_end_with_the_weights_of_one_that_takes_both_shares(tmp_path: Path) -> None:
    (tmp_path / "rank.py").write_text(RANK)
    environment = os.environ.get("PYTHONPATH")
    os.environ["PYTHONPATH"] = str(Path(__file__).resolve().parents[3])
    try:
        torchrun(str(tmp_path / "rank.py"), str(tmp_path))
    finally:
        if environment is None:
            del os.environ["PYTHONPATH"]
        else:
            os.environ["PYTHONPATH"] = environment
    ranks = [torch.load(tmp_path / f"rank{rank}.pt", weights_only=True) for rank in (0, 1)]
    assert all(torch.equal(ranks[0][name], ranks[1][name]) for name in ranks[0])
    (tmp_path / "alone").mkdir()
    alone = train(tmp_path / "alone", Processes(rank=0, count=1, device=torch.device("cpu")), batch=2)
    for name, value in alone.network.state_dict().items():
        # the same sum in another order, six steps of SGD
        assert torch.allclose(value, ranks[0][name], rtol=1e-4, atol=1e-5), name
    assert [row["step"] for row in read_rows(tmp_path / "validation.csv")] == [str(STEPS), str(2 * STEPS)]


def test_torchrun_runs_the_command(tmp_path: Path) -> None:
    runs = tmp_path / "runs"
    config = str(config_file(tmp_path, 1))
    torchrun("-m", "train", "crossval", "--smoke", "--config", config, "--method", "unet", "--out", str(runs))
    folder = runs / "simulated" / "unet" / "fold0"
    assert json.loads((folder / "settings.json").read_text())["given"]["processes"] == 2
    assert [row["step"] for row in read_rows(folder / "validation.csv")] == ["2"]  # five pictures, four a step
    assert len((folder / "images.csv").read_text().splitlines()) == 6
    assert load_file(folder / "best.safetensors")
