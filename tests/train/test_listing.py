"""`python -m train list`: the pictures of one side of a split."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from train.__main__ import main
from train.data.open import read_dataset
from train.data.splits import SIDES, divide, write_split


@pytest.fixture
def data(tmp_path: Path) -> Path:
    folder = tmp_path / "mine"
    for name in ("images", "masks"):
        (folder / name).mkdir(parents=True)
    for number in range(10):
        mask = np.zeros((16, 16), np.uint8)
        mask[4:9, 4:9] = 255
        assert cv2.imwrite(str(folder / "images" / f"{number}.png"), np.full((16, 16, 3), number, np.uint8))
        assert cv2.imwrite(str(folder / "masks" / f"{number}.png"), mask)
    return folder


def test_the_sides_are_listed_as_absolute_paths_and_make_up_the_whole(
    data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    split = divide(read_dataset(data), seed=0)
    write_split(split, tmp_path / "split.json")
    monkeypatch.chdir(tmp_path)
    listed = []
    for side in SIDES:
        assert main(["list", "--data", "mine", "--split", "split.json", "--side", side]) == 0
        lines = capsys.readouterr().out.splitlines()
        assert lines == [str(sample.image_path) for sample in split.side(side)]
        listed += lines
    assert sorted(listed) == sorted(str(path) for path in (data / "images").iterdir())
    assert all(Path(line).is_absolute() for line in listed)


def test_an_empty_side_and_a_missing_split_are_one_sentence(
    data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_split(divide(read_dataset(data), seed=0, fractions=(1, 0, 0)), tmp_path / "split.json")
    assert main(["list", "--data", str(data), "--split", str(tmp_path / "split.json"), "--side", "test"]) == 3
    assert main(["list", "--data", str(data), "--split", str(tmp_path / "none.json")]) == 3
    first, second = capsys.readouterr().err.splitlines()
    assert "the test side of" in first
    assert "none.json cannot be read" in second
