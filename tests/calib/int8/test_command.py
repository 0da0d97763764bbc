"""`python -m calib int8` from end to end on the tiny network, and everything that it refuses."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from pathlib import Path

import cv2
import onnx
import pytest

from calib.__main__ import main
from calib.int8 import command
from calib.int8.amax import METHODS
from calib.int8.qdq import insert_qdq
from calib.int8.ranges import check_ranges, read_ranges
from edge.segmenters import packaged_model
from tests.calib.int8.tiny_network import INNER, write_pictures, write_tiny_network

ROOT = Path(__file__).parents[3]


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_pictures(tmp_path_factory.mktemp("pictures"), 66)


@pytest.fixture
def model(tmp_path: Path) -> Path:
    return write_tiny_network(tmp_path / "model.onnx")


def run(*arguments: object) -> int:
    return main(["int8", *map(str, arguments)])


def test_the_ranges_of_a_model_are_measured_compared_and_written(
    model: Path, pictures: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out, sheet = tmp_path / "made" / "ranges.json", tmp_path / "sheet.png"
    assert run(model, pictures, "--out", out, "--threads", 1, "--sheet", sheet, "--seed", 3) == 0
    ranges = read_ranges(out)
    graph = onnx.load(model)
    check_ranges(ranges, graph)
    insert_qdq(graph, ranges.amax())
    assert ranges.model_sha256 == hashlib.sha256(model.read_bytes()).hexdigest()
    assert set(ranges.tensors) == set(INNER)
    for item in ranges.tensors.values():
        assert 0 < item.percentile <= item.max
        assert 0 < item.entropy <= item.max
        assert item.max == pytest.approx(250 / 255, rel=0.01)  # the brightest pixel that was drawn
    assert (ranges.calibration.count, ranges.held_back.count, ranges.seed) == (50, 16, 3)
    assert ranges.calibration.empty + ranges.held_back.empty == 22
    assert [item.method for item in ranges.figures] == list(METHODS)
    kept = next(item for item in ranges.figures if item.method == ranges.method)
    assert (kept.lost, kept.mean_iou) == (0, 1.0)
    said = capsys.readouterr()
    assert f"{ranges.method} (kept)" in said.out
    assert "session.x64quantprecision=1" in said.out
    assert "50 of 66 pictures chosen" in said.err
    assert cv2.imread(str(sheet)) is not None


def test_the_ranges_do_not_depend_on_the_order_of_the_pictures(model: Path, pictures: Path, tmp_path: Path) -> None:
    paths = sorted(pictures.iterdir())
    found = []
    for order in (paths, paths[::-1]):
        listing = tmp_path / "list.txt"
        listing.write_text("\n".join(map(str, order)))
        assert run(model, listing, "--out", tmp_path / "r.json", "--count", 30, "--held-back", 15) == 0
        found.append(read_ranges(tmp_path / "r.json"))
    assert found[0].tensors == found[1].tensors
    assert (found[0].calibration, found[0].held_back) == (found[1].calibration, found[1].held_back)
    assert found[0].calibration.count == 30


def refused(capsys: pytest.CaptureFixture[str], out: Path) -> str:
    """The sentence that was said; nothing may have been written."""
    assert not out.exists()
    lines = [line for line in capsys.readouterr().err.splitlines() if line.startswith("calib: ")]
    assert len(lines) == 1
    return lines[0]


def test_no_picture_too_few_and_copies_of_one_are_refused(
    model: Path, pictures: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "r.json"
    (tmp_path / "empty").mkdir()
    assert run(model, tmp_path / "empty", "--out", out) == 3
    assert "holds no picture" in refused(capsys, out)
    assert run(model, pictures / "1*.png", "--out", out) == 3
    assert "11 distinct readable pictures among 11" in refused(capsys, out)
    copies = tmp_path / "copies"
    copies.mkdir()
    for number in range(60):
        (copies / f"{number}.png").write_bytes((pictures / "1.png").read_bytes())
    assert run(model, copies, "--out", out) == 3
    assert "1 distinct readable pictures among 60" in refused(capsys, out)


def test_an_unreadable_picture_is_refused_or_left_out_in_words(
    model: Path, pictures: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out, half = tmp_path / "r.json", tmp_path / "half.png"
    half.write_bytes((pictures / "1.png").read_bytes()[:200])
    assert run(model, pictures, half, "--out", out) == 3
    said = refused(capsys, out)
    assert f"1 of 67 pictures cannot be read, the first is {half}" in said
    assert "--skip-unreadable" in said
    assert run(model, pictures, half, "--out", out, "--skip-unreadable") == 0
    assert f"1 pictures left out, the first is {half}" in capsys.readouterr().err
    assert read_ranges(out).calibration.count + read_ranges(out).held_back.count == 66


def test_pictures_without_cells_cannot_judge_int8(
    model: Path, pictures: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    empty = tmp_path / "empty.txt"
    write_pictures(tmp_path / "many", 180)
    empty.write_text("\n".join(str(tmp_path / "many" / f"{number}.png") for number in range(0, 180, 3)))
    assert run(model, empty, "--out", tmp_path / "r.json") == 3
    assert "finds 0 cells in the 15 held-back pictures" in refused(capsys, tmp_path / "r.json")


def test_what_is_no_model_is_exit_code_5(
    pictures: Path, model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out, noise = tmp_path / "r.json", tmp_path / "noise.onnx"
    noise.write_bytes(b"no model")
    for path in (noise, tmp_path / "none.onnx", tmp_path / "model.pt"):
        assert run(path, pictures, "--out", out) == 5
        assert path.name in refused(capsys, out)
    graph = onnx.load(model)
    del graph.metadata_props[1:]
    onnx.save(graph, model)
    assert run(model, pictures, "--out", out) == 5
    assert "which of its layers must stay in floating point" in refused(capsys, out)


def test_all_faulty_options_are_named_at_once(
    model: Path, pictures: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "r.txt"
    assert run(model, pictures, "--out", out, "--count", 5, "--held-back", 0, "--threads", 0, "--sheet", "a.bmp") == 3
    said = refused(capsys, out)
    for option in ("--count is 5", "--held-back is 0", "--threads is 0", "--out", "--sheet a.bmp"):
        assert option in said


@pytest.mark.parametrize("step", ["survey", "observe", "insert_qdq"])
def test_an_interrupted_run_leaves_the_old_file_and_no_half_one(
    step: str,
    model: Path,
    pictures: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    folder = tmp_path / "out"
    folder.mkdir()
    (folder / "r.json").write_text("the old one")

    def interrupt(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(command, step, interrupt)
    assert run(model, pictures, "--out", folder / "r.json") == 130
    assert "stopped; nothing was written" in capsys.readouterr().err
    assert [(path.name, path.read_text()) for path in folder.iterdir()] == [("r.json", "the old one")]


def test_without_onnx_one_sentence_says_what_to_install(tmp_path: Path) -> None:
    code = "import sys; sys.modules['onnx'] = None; from calib.__main__ import main; sys.exit(main(['int8', 'a', 'b']))"
    outcome = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)
    assert outcome.returncode == 9, outcome.stderr
    assert outcome.stderr.strip().endswith("run `pip install leukoedge[calib]`")


def test_real_pictures_and_the_packaged_model_give_ranges_that_lose_no_cell(data_root: Path, tmp_path: Path) -> None:
    out = tmp_path / "ranges.json"
    folder = data_root / "BCISC" / "sub-images" / "images"
    crops = [folder / "baso_*.jpg", folder / "lymp_*.jpg"]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    command_line = [sys.executable, "-m", "calib", "int8", packaged_model(), *crops, "--out", out, "--threads", "1"]
    outcome = subprocess.run(
        [*map(str, command_line), "--count", "40", "--held-back", "12"],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert outcome.returncode == 0, outcome.stderr
    ranges = read_ranges(out)
    check_ranges(ranges, onnx.load(packaged_model()))
    kept = next(item for item in ranges.figures if item.method == ranges.method)
    assert kept.cells >= 10
    assert kept.lost == 0
    assert kept.mean_iou is not None
    assert kept.mean_iou > 0.98
