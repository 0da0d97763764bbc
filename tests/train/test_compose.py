"""`python -m train compose`: fields whose truth fits their pixels."""

from __future__ import annotations

import errno
import os
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from edge.errors import DiskFullError
from tests.train.data.trees import disc, save
from train import compose
from train.__main__ import main
from train.data.augment import Example
from train.data.composed import MANY, sources_of
from train.data.folder import read
from train.data.open import read_dataset
from train.data.sample import load

CELL, GLASS = (120, 40, 90), (210, 200, 215)  # BGR


def smear(height: int, width: int, cells: list[tuple[int, int, int]]) -> tuple[np.ndarray, list[np.ndarray]]:
    image = np.full((height, width, 3), GLASS, np.uint8)
    masks = [disc(height, width, *cell) for cell in cells]
    for mask in masks:
        image[mask > 0] = CELL
    return image, masks


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """BCISC with one field of two cells and their crops."""
    root = tmp_path_factory.mktemp("data") / "BCISC"
    image, masks = smear(1536, 2048, [(300, 300, 120), (1700, 1200, 140)])
    save(root / "original-images" / "neut" / "1-1.jpg", image)
    crop, (mask,) = smear(256, 256, [(128, 128, 60)])
    for number, whole in enumerate(masks):
        save(root / "original-images" / "neut" / f"1-1({number + 1}).png", whole)
        save(root / "sub-images" / "images" / f"neut_1-1_{number}.jpg", crop)
        save(root / "sub-images" / "masks" / f"neut_1-1_{number}.png", mask)
    return root


@pytest.fixture(scope="module")
def composed(data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("composed") / "fields"
    assert main(["compose", "--data", str(data), "--out", str(out), "--count", "4"]) == 0
    return out


@pytest.mark.parametrize(("look", "fewest", "most"), [("empty", 0, 0), ("few", 1, 6), ("crowded", 8, MANY[1] + 2)])
def test_every_look_has_its_number_of_cells(composed: Path, look: str, fewest: int, most: int) -> None:
    counts = [int(load(sample).instances.max()) for sample in read(composed / look)]
    assert len(counts) == 4
    assert all(fewest <= count <= most for count in counts)


def test_the_truth_lies_where_the_pixels_are_a_cells(composed: Path) -> None:
    for sample in read(composed / "crowded"):
        loaded = load(sample)
        dark = loaded.image.sum(axis=2) < (sum(CELL) + sum(GLASS)) / 2
        truth = loaded.instances > 0
        assert (dark & truth).sum() / (dark | truth).sum() > 0.95


def test_a_seed_repeats_the_fields_and_another_does_not(data: Path, composed: Path, tmp_path: Path) -> None:
    for seed, same in ((0, True), (1, False)):
        out = tmp_path / str(seed)
        assert main(["compose", "--data", str(data), "--out", str(out), "--count", "1", "--seed", str(seed)]) == 0
        pictures = [(folder / "few" / "images" / "000.png").read_bytes() for folder in (out, composed)]
        assert (pictures[0] == pictures[1]) is same


@pytest.mark.parametrize(
    ("more", "code", "said"),
    [
        (["--count", "0"], 3, "makes no field"),
        (["--seed", "-1"], 3, "--seed -1 is negative"),
        (["--out", "{file}"], 3, "is not an empty folder"),
        (["--data", "{crops}"], 3, "0 are such fields"),
    ],
)
def test_what_cannot_be_composed_is_one_sentence(
    data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], more: list[str], code: int, said: str
) -> None:
    crops = tmp_path / "BCISC"
    for file in (data / "sub-images").rglob("*.*g"):
        target = crops / file.relative_to(data)
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(file.read_bytes())
    words = [word.format(crops=crops, file=__file__) for word in more]
    assert main(["compose", "--data", str(data), "--out", str(tmp_path / "out"), *words]) == code
    error = capsys.readouterr().err.strip()
    assert said in error
    assert "\n" not in error


@pytest.mark.parametrize("stop", [KeyboardInterrupt(), OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))])
def test_a_set_that_is_not_complete_is_not_there(
    stop: BaseException,
    data: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    write, written = compose._write, []

    def stopped(example: Example, folder: Path, name: str) -> None:
        if len(written) == 3:
            raise stop
        written.append(name)
        write(example, folder, name)

    monkeypatch.setattr(compose, "_write", stopped)
    code = main(["compose", "--data", str(data), "--out", str(tmp_path / "out"), "--count", "2"])
    assert code == (0 if isinstance(stop, KeyboardInterrupt) else DiskFullError.exit_code)
    assert len(written) == 3
    assert list(tmp_path.iterdir()) == []
    assert "\n" not in capsys.readouterr().err.strip()


def test_a_folder_that_holds_something_is_left_alone(
    data: Path, composed: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["compose", "--data", str(data), "--out", str(composed)]) == 3
    assert "is not an empty folder" in capsys.readouterr().err


def test_erythroblasts_are_no_donors(data: Path) -> None:
    samples = read_dataset(data)
    donors = sources_of(samples).donors
    assert {sample.dataset for sample in donors} == {"bcisc-sub"}
    changed = [replace(one, kind="erythroblast") if one in donors[:1] else one for one in samples]
    assert len(sources_of(changed).donors) == len(donors) - 1
