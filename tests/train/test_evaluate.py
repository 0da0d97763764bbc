from __future__ import annotations

import argparse
import csv
import io
import json
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from rich.console import Console

from edge.errors import ConfigurationError, UsageError
from edge.segmenters import open as open_module
from edge.segmenters.protocol import RawOutputs
from edge.spec import ModelSpec
from edge.types import Floats, Image, Instances
from tests.train.data import trees
from train.data.open import read_dataset
from train.data.sample import Sample
from train.data.splits import divide, write_split
from train.evaluate import add_evaluate_arguments, evaluate, onnx_segment, run_evaluate
from train.judge import ImageResult, judge
from train.metrics import SixMetrics
from train.pictures import PREDICTION_BGR, TRUTH_BGR, draw_worst
from train.report import METRICS, print_kinds, print_table, summarise, summarise_kinds, write_images, write_summary

HEIGHT, WIDTH = 60, 80


def found(boxes: list[tuple[float, float, float, float]], truncated: bool = False) -> Instances:
    """Rectangular cells that fill their boxes."""
    array = np.array(boxes, np.float32).reshape(-1, 4)
    count = len(array)
    return Instances(
        boxes=array,
        scores=np.linspace(0.9, 0.6, count, dtype=np.float32),
        labels=np.zeros(count, np.int32),
        masks=np.ones((count, 40, 40), np.float32),  # fine bins: beyond the outermost a mask falls off
        mask_boxes=array,
        truncated=truncated,
    )


def rectangles(root: Path, boxes: list[tuple[int, int, int, int]], name: str = "a") -> Sample:
    """A picture with rectangular cells, read through the folder reader."""
    mask = np.zeros((HEIGHT, WIDTH), np.uint8)
    for number, (x0, y0, x1, y1) in enumerate(boxes, start=1):
        mask[y0:y1, x0:x1] = number
    trees.save(root / "images" / f"{name}.png", trees.picture(HEIGHT, WIDTH))
    trees.save(root / "masks" / f"{name}.png", mask)
    return next(s for s in read_dataset(root) if s.source_id.endswith(f"/{name}"))


CELLS = [(10, 10, 30, 30), (50, 20, 70, 50)]


def test_the_truth_itself_scores_perfectly(tmp_path: Path) -> None:
    result = judge(lambda image: found(CELLS), rectangles(tmp_path, CELLS))
    assert result.metrics == SixMetrics(precision=1, dice=1, miou=1, fpr=0, fnr=0, me=0)
    assert (result.cells, result.found, result.false_cells, result.matched_ious) == (2, 2, 0, (1.0, 1.0))


def test_one_found_one_missed_one_false_gives_the_counted_figures(tmp_path: Path) -> None:
    predicted = [(10, 10, 30, 20), (0, 40, 10, 60)]  # half of the first cell; nothing is at the other place
    result = judge(lambda image: found(predicted, truncated=True), rectangles(tmp_path, CELLS))
    truth, both, extra = 20 * 20 + 20 * 30, 200, 200
    assert result.metrics.precision == pytest.approx(both / (both + extra))
    assert result.metrics.fnr == pytest.approx(1 - both / truth)
    assert result.metrics.fpr == pytest.approx(extra / (HEIGHT * WIDTH - truth))
    assert (result.cells, result.found, result.false_cells, result.matched_ious) == (2, 1, 1, (0.5,))
    assert result.truncated


def test_cells_partly_off_the_picture_are_judged_inside_it(tmp_path: Path) -> None:
    sample = rectangles(tmp_path, [(0, 0, 20, 20)])
    result = judge(lambda image: found([(-20, -20, 20, 20)]), sample)
    assert result.metrics.dice == 1
    assert result.matched_ious == (1.0,)


def test_nothing_found_in_a_picture_without_cells_is_right(tmp_path: Path) -> None:
    sample = rectangles(tmp_path, [])
    assert judge(lambda image: found([]), sample).metrics.precision == 1
    wrong = judge(lambda image: found(CELLS), sample)
    assert (wrong.metrics.precision, wrong.false_cells) == (0, 2)


def test_ignored_pixels_count_neither_for_nor_against(tmp_path: Path) -> None:
    sample = next(s for s in read_dataset(trees.lisc(tmp_path)) if s.source_id == "baso/1")
    nothing = judge(lambda image: found([(0, 0, 720, 3), (0, 0, 2, 576)]), sample)
    assert nothing.metrics.fpr == 0
    assert (nothing.cells, nothing.found, nothing.false_cells) == (1, 0, 0)


def test_a_picture_without_labels_cannot_be_judged_by(tmp_path: Path) -> None:
    sample = replace(rectangles(tmp_path, CELLS), labels=None)
    with pytest.raises(ConfigurationError, match="1 pictures have no labels"):
        evaluate(lambda image: found([]), [sample], progress=False)


def image_result(
    dataset: str, dice: float, cells: tuple[int, int, int], *, complete: bool = True, ious: tuple[float, ...] = ()
) -> ImageResult:
    """`cells` is (true, found, false)."""
    return ImageResult(
        key=f"{dataset}/{dice}",
        dataset=dataset,
        kind=None,
        complete=complete,
        metrics=SixMetrics(precision=0.5, dice=dice, miou=0.5, fpr=0.1, fnr=0.2, me=0.3),
        cells=cells[0],
        found=cells[1],
        false_cells=cells[2],
        matched_ious=ious,
        truncated=False,
    )


def test_a_summary_counts_each_data_set_by_itself() -> None:
    summary = summarise(
        [
            image_result("a", 0.8, (2, 1, 1), ious=(0.6,)),
            image_result("a", 0.6, (1, 1, 0), ious=(0.8,)),
            image_result("b", 0.1, (1, 0, 0)),
        ]
    )
    a, b = summary["a"], summary["b"]
    assert a.metrics["dice"].value == pytest.approx(0.7)
    assert (a.found, a.cells, a.recall.value) == (2, 3, 2 / 3)
    assert (a.false_cells, a.complete_images, a.false_per_image.value) == (1, 2, 0.5)
    assert a.matched_iou.value == pytest.approx(0.7)
    assert a.matched_dice.value == pytest.approx((0.75 + 1.6 / 1.8) / 2)
    assert (b.recall.value, b.matched_iou.value) == (0, pytest.approx(float("nan"), nan_ok=True))


def test_pictures_without_cells_are_counted_apart_from_the_means() -> None:
    summary = summarise([image_result("a", 0.8, (1, 1, 0)), image_result("a", 0.0, (0, 0, 3))])["a"]
    assert (summary.images, summary.metrics["dice"].value) == (1, 0.8)
    assert (summary.empty_images, summary.empty_with_cells, summary.false_cells) == (1, 1, 3)


def test_false_cells_are_not_counted_where_labels_are_incomplete() -> None:
    summary = summarise([image_result("a", 0.8, (1, 1, 2), complete=False)])["a"]
    assert (summary.false_cells, summary.complete_images) == (0, 0)


def test_kinds_are_counted_apart_within_each_set_and_unknown_ones_left_out() -> None:
    results = [
        replace(image_result("a", 0.8, (2, 1, 0), ious=(0.6,)), kind="monocyte"),
        replace(image_result("a", 0.6, (1, 1, 0), ious=(0.9,)), kind="monocyte"),
        replace(image_result("b", 0.4, (1, 0, 0)), kind="monocyte"),
        replace(image_result("b", 0.0, (0, 0, 1)), kind="erythroblast"),
        image_result("a", 0.1, (5, 0, 0)),
    ]
    kinds = summarise_kinds(results)
    assert list(kinds) == ["a: monocyte", "b: erythroblast", "b: monocyte"]
    assert (kinds["a: monocyte"].found, kinds["a: monocyte"].cells) == (2, 3)
    assert kinds["a: monocyte"].matched_iou.value == pytest.approx(0.75)
    console = Console(width=200, record=True, file=io.StringIO())
    print_kinds(kinds, console)
    text = console.export_text()
    assert "2 of 3" in text
    assert "1 of 1 wrong" in text


def test_nothing_to_summarise_gives_no_summary() -> None:
    assert summarise([]) == {}


def rows_of(path: Path) -> list[dict[str, str]]:
    return list(csv.DictReader(path.read_text(encoding="utf-8").splitlines()))


def test_files_hold_a_row_per_picture_and_null_for_what_is_undefined(tmp_path: Path) -> None:
    results = [image_result("a", 0.8, (1, 0, 0)), image_result("b", 0.0, (0, 0, 0))]
    write_images(results, tmp_path / "images.csv")
    rows = rows_of(tmp_path / "images.csv")
    assert [row["picture"] for row in rows] == ["a/0.8", "b/0.0"]
    assert [float(rows[0][metric]) for metric in METRICS] == [0.5, 0.8, 0.5, 0.1, 0.2, 0.3]
    assert rows[0]["mean_matched_iou"] == ""
    write_summary(summarise(results), tmp_path / "summary.json")
    summary = json.loads((tmp_path / "summary.json").read_text())
    assert summary["a"]["recall"]["value"] == 0
    assert summary["b"]["recall"]["value"] is None


def test_the_table_names_every_set_and_figure() -> None:
    console = Console(width=200, record=True, file=io.StringIO())
    print_table(summarise([image_result("a", 0.8, (4, 3, 1)), image_result("b", 0.0, (0, 0, 0))]), console)
    text = console.export_text()
    for part in (*METRICS, "3 of 4", "0.750", "0 of 1 wrong"):
        assert part in text


def test_worst_pictures_come_first_with_both_outlines(tmp_path: Path) -> None:
    good = rectangles(tmp_path / "set", CELLS, "good")
    bad = rectangles(tmp_path / "set", [(5, 5, 40, 40)], "bad")
    samples = [good, bad]
    results = evaluate(lambda image: found(CELLS), samples, progress=False)
    paths = draw_worst(lambda image: found(CELLS), samples, results, tmp_path / "out")
    assert [path.name for path in paths] == ["folder_01_set-bad.png", "folder_02_set-good.png"]
    drawn = cv2.imread(str(paths[0]))
    for colour in (TRUTH_BGR, PREDICTION_BGR):
        assert (drawn == colour).all(axis=2).any()


SPEC = ModelSpec(
    name="squares",
    preset="edge",
    input_width=WIDTH,
    input_height=HEIGHT,
    mean=(0.0, 0.0, 0.0),
    std=(1.0, 1.0, 1.0),
    max_upscale=1.0,
    pad_rgb=(0, 0, 0),
    slots=10,
    score_floor=0.05,
    threshold=0.5,
    mask_size=4,
    mask_margin=0.0,
    cell_px=(5.0, 50.0),
)


class Squares:
    """A segmenter that always sees the first cell well and the second with little score."""

    spec = SPEC
    backend = "test"
    sha256 = ""

    def segment(self, tensor: Floats) -> RawOutputs:
        return RawOutputs(
            boxes=np.array(CELLS, np.float32),
            scores=np.array([0.9, 0.3], np.float32),
            masks=np.ones((2, 4, 4), np.float32),
        )

    def close(self) -> None:
        pass


@pytest.fixture
def squares(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(open_module, "open_segmenter", lambda path, provider: Squares())


def blank() -> NDArray[np.uint8]:
    image: Image = np.zeros((HEIGHT, WIDTH, 3), np.uint8)
    return image


def test_an_onnx_model_is_used_at_its_own_threshold_or_at_the_one_given(squares: None) -> None:
    assert len(onnx_segment(Path("m.onnx"))(blank())) == 1
    assert len(onnx_segment(Path("m.onnx"), 0.2)(blank())) == 2


@pytest.mark.parametrize("threshold", [0.01, 1.5, float("nan")])
def test_a_threshold_that_the_model_cannot_serve_is_refused(squares: None, threshold: float) -> None:
    with pytest.raises(UsageError, match=r"0\.05 to 1"):
        onnx_segment(Path("m.onnx"), threshold)


def arguments(*words: str) -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    add_evaluate_arguments(parser)
    return parser.parse_args(["m.onnx", *words])


def test_the_command_judges_one_side_of_a_split(
    squares: None, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    samples = [rectangles(tmp_path / "set", CELLS[:1], f"p{i}") for i in range(10)]
    split = divide(samples, 0)
    write_split(split, tmp_path / "split.json")
    words = ["--data", str(tmp_path / "set"), "--split", str(tmp_path / "split.json"), "--out", str(tmp_path / "out")]
    assert run_evaluate(arguments(*words, "--pictures", str(tmp_path / "pictures"))) == 0
    rows = rows_of(tmp_path / "out" / "images.csv")
    assert {row["picture"] for row in rows} == {s.key for s in split.test}
    assert json.loads((tmp_path / "out" / "summary.json").read_text())["folder"]["found"] == len(split.test)
    assert len(list((tmp_path / "pictures").iterdir())) == len(split.test)
    assert f"{len(split.test)} of {len(split.test)}" in capsys.readouterr().out
    with pytest.raises(ConfigurationError, match="already holds an evaluation"):
        run_evaluate(arguments(*words))
    with pytest.raises(UsageError, match=r"--only dataset9: .* the sets given are folder"):
        run_evaluate(arguments(*words[:2], "--only", "dataset9", "--out", str(tmp_path / "none")))


def test_a_side_without_pictures_is_refused(squares: None, tmp_path: Path) -> None:
    samples = [rectangles(tmp_path / "set", CELLS, "only")]
    write_split(divide(samples, 0, (1.0, 0.0, 0.0)), tmp_path / "split.json")
    words = ["--data", str(tmp_path / "set"), "--split", str(tmp_path / "split.json"), "--out", str(tmp_path / "out")]
    with pytest.raises(ConfigurationError, match="no labelled picture is left"):
        run_evaluate(arguments(*words))
