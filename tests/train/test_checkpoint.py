from __future__ import annotations

from pathlib import Path

import pytest
import torch

from edge.errors import DiskFullError
from train.checkpoint import load_state, save_described, save_state


def full_disk(*arguments: object) -> None:
    """What torch and safetensors do where nothing more can be written."""
    raise RuntimeError("PytorchStreamWriter failed writing file data/0: file write failed")


def test_a_full_disk_leaves_the_old_checkpoint_and_is_one_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "last.pt"
    save_state(path, {"step": 1})
    monkeypatch.setattr("train.checkpoint.torch.save", full_disk)
    with pytest.raises(DiskFullError, match=r"last\.pt cannot be written .*make room") as caught:
        save_state(path, {"step": 2})
    assert "\n" not in str(caught.value)
    assert caught.value.exit_code == 10
    assert load_state(path) == {"step": 1}
    assert [one.name for one in tmp_path.iterdir()] == ["last.pt"]


def test_weights_in_a_folder_that_is_gone_are_told_by_name(tmp_path: Path) -> None:
    with pytest.raises(DiskFullError, match=r"best\.safetensors cannot be written"):
        save_described(tmp_path / "gone" / "best.safetensors", {"w": torch.zeros(1)}, {}, {})
