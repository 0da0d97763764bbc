"""What needs pictures: soft masks, galleries, feature maps, label noise; on simulated cells."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from edge.errors import ConfigurationError
from tests.train.experiment.report.run_trees import metrics, simulated_data, simulated_run
from tests.train.experiment.tiny import disc_picture
from train.experiment.report.cases import Case, CaseReader
from train.experiment.report.feature_maps import draw_feature_maps, feature_maps
from train.experiment.report.gallery import (
    GalleryRow,
    best_and_worst,
    draw_gallery,
    draw_soft_mask,
    highest,
    mean_of_six,
)
from train.experiment.report.label_noise import CHANGES, measure_label_noise, move_outline
from train.experiment.report.mask_grid import measure_mask_grid, through_grid
from train.experiment.report.measured import measured_csv, read_measured
from train.experiment.report.results import ImageRow, Results, read_results
from train.experiment.report.thresholds import THRESHOLDS, measure_thresholds
from train.experiment.run_folder import write_json
from train.metrics import SixMetrics, six_metrics
from train.model.config import PAPER
from train.model.leukocytemask import LeukocyteMask
from train.report import METRICS

PLACE = "dataset1/leukocytemask-aug-et/fold0"


@pytest.fixture(scope="module")
def trees(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """`data` with seven simulated crops and `runs` with one run on them; tests must not change it."""
    root = tmp_path_factory.mktemp("trees")
    simulated_run(root / "runs", simulated_data(root / "data", "1", 7), PLACE, 2.0)
    return root


def reader_of(root: Path, results: Results) -> CaseReader:
    return CaseReader(results, root / "runs", [root / "data"], root / "scratch")


def test_a_case_holds_the_mask_that_the_metrics_were_taken_from(trees: Path) -> None:
    results = read_results(trees / "runs")
    cases = reader_of(trees, results).read("dataset1", "leukocytemask-aug-et", results.runs[0].rows)
    assert len(cases) == 7
    for case in cases:
        again = six_metrics(case.truth, case.prediction)
        for metric in METRICS:
            assert getattr(again, metric) == pytest.approx(getattr(case.row.metrics, metric), abs=1e-8)


def broken(tmp_path: Path) -> tuple[Path, Results]:
    folder = simulated_run(tmp_path / "runs", simulated_data(tmp_path / "data", "1", 2), PLACE, 2.0)
    return folder, read_results(tmp_path / "runs")


def test_a_mask_of_another_size_is_refused(tmp_path: Path) -> None:
    folder, results = broken(tmp_path)
    assert cv2.imwrite(str(folder / "masks" / "0.png"), np.zeros((5, 5), np.uint8))
    with pytest.raises(ConfigurationError, match="5x5 px but its picture is 120x120 px"):
        reader_of(tmp_path, results).read("dataset1", "leukocytemask-aug-et", results.runs[0].rows)


@pytest.mark.parametrize(
    ("index", "sentence"),
    [("n,key\n0,dataset1/001\n", "has no soft mask"), ("n\n0\n", "not a table"), ("n,key\nx,a\n", "not a table")],
)
def test_an_index_that_lacks_a_picture_is_refused(tmp_path: Path, index: str, sentence: str) -> None:
    folder, results = broken(tmp_path)
    (folder / "masks" / "index.csv").write_text(index)
    with pytest.raises(ConfigurationError, match=sentence):
        reader_of(tmp_path, results).read("dataset1", "leukocytemask-aug-et", results.runs[0].rows)


def test_a_picture_that_the_data_lack_is_refused(tmp_path: Path) -> None:
    _, results = broken(tmp_path)
    for path in (tmp_path / "data" / "Dataset 1").glob("002.*"):
        path.unlink()
    with pytest.raises(ConfigurationError, match="name the picture dataset1/002"):
        reader_of(tmp_path, results).load("dataset1/002")


def row(key: str, six: SixMetrics) -> ImageRow:
    return ImageRow(key=key, fold=0, metrics=six, seconds=0.1)


def test_the_highest_three_come_first_and_ties_by_name() -> None:
    rows = [row(key, replace(metrics(0.9), fpr=value)) for key, value in zip("edcba", (0.1, 0.3, 0.3, 0.2, 0.0))]  # noqa: B905 (equal by eye)
    assert [one.key for one in highest(rows, "fpr")] == ["c", "d", "b"]
    assert highest([], "fpr") == []


def test_the_mean_of_six_turns_errors_round() -> None:
    assert mean_of_six(metrics(1.0, 0.0)) == 1
    assert mean_of_six(metrics(0.0, 1.0)) == 0
    assert mean_of_six(metrics(0.8, 0.1)) == pytest.approx((3 * 0.8 + 3 * 0.9) / 6)


def test_best_and_worst_are_the_ends_of_the_ranking() -> None:
    rows = [row(str(i), metrics(i / 10)) for i in range(8)]
    best, worst = best_and_worst(rows)
    assert [one.key for one in best] == ["7", "6", "5"]
    assert [one.key for one in worst] == ["0", "1", "2"]


def case_of(truth: np.ndarray, soft: np.ndarray) -> Case:
    grey = np.full((*truth.shape, 3), 128, np.uint8)
    return Case(row=row("a", metrics(0.9)), image=grey, truth=truth, ignore=None, soft=soft.astype(np.float32))


def has_colour(path: Path, bgr: tuple[int, int, int]) -> bool:
    """True if a few pixels are nearly of this colour."""
    difference = np.abs(cv2.imread(str(path)).astype(int) - bgr).max(axis=2)
    return bool((difference < 60).sum() > 5)


@pytest.mark.parametrize(("truth", "prediction"), [(True, False), (False, True), (True, True), (False, False)])
def test_outlines_are_red_for_the_prediction_and_blue_for_the_truth_and_absent_for_nothing(
    tmp_path: Path, truth: bool, prediction: bool
) -> None:
    left, right = np.zeros((40, 40), bool), np.zeros((40, 40), bool)
    left[8:30, 2:18], right[8:30, 22:38] = truth, prediction
    line = GalleryRow(method="unet", cases=[case_of(left, right)], words=["a"])
    path = draw_gallery("title", [line], tmp_path / "gallery.png")
    assert has_colour(path, (0, 0, 255)) == prediction
    assert has_colour(path, (255, 0, 0)) == truth


def test_a_mask_that_fills_the_picture_is_outlined_at_its_border(tmp_path: Path) -> None:
    line = GalleryRow(method="unet", cases=[case_of(np.zeros((30, 30), bool), np.ones((30, 30)))], words=["a"])
    assert has_colour(draw_gallery("title", [line], tmp_path / "gallery.png"), (0, 0, 255))


def test_methods_with_fewer_cases_leave_places_empty(tmp_path: Path) -> None:
    case = case_of(np.zeros((30, 30), bool), np.ones((30, 30)))
    lines = [
        GalleryRow(method="unet", cases=[case] * 3, words=["a"] * 3),
        GalleryRow(method="fcn", cases=[case], words=["a"]),
    ]
    assert cv2.imread(str(draw_gallery("title", lines, tmp_path / "gallery.png"))) is not None


def test_a_soft_mask_goes_from_dark_to_bright(tmp_path: Path) -> None:
    ramp = np.tile(np.linspace(0, 1, 60), (60, 1))
    picture = cv2.imread(str(draw_soft_mask(case_of(ramp > 2, ramp), "unet", tmp_path / "soft.png")))
    right = cv2.cvtColor(picture, cv2.COLOR_BGR2GRAY)[200, 450:780].astype(int)
    assert right[-1] > right[0] + 100


@pytest.fixture(scope="module")
def network() -> LeukocyteMask:
    torch.manual_seed(0)
    return LeukocyteMask(replace(PAPER, input_width=128, input_height=128)).eval()


def test_feature_maps_have_every_level_at_its_stride(network: LeukocyteMask) -> None:
    image = np.random.default_rng(0).integers(0, 256, (128, 128, 3), np.uint8)
    maps = feature_maps(network, image)
    sides = {"conv1": 32, "conv2_x": 32, "conv3_x": 16, "conv4_x": 8, "conv5_x": 4}
    sides |= {f"P{i}": 128 // 2**i for i in range(2, 7)}
    assert {name: values.shape for name, values in maps.items()} == {name: (s, s) for name, s in sides.items()}
    for values in maps.values():
        assert (values.min(), values.max()) == (0, 1)


def test_a_network_that_sees_nothing_gives_maps_of_zeros(network: LeukocyteMask) -> None:
    level = network.pyramid.smooth[0]
    saved = {name: value.clone() for name, value in level.state_dict().items()}
    with torch.no_grad():
        for parameter in level.parameters():
            parameter.zero_()
    assert not feature_maps(network, np.zeros((128, 128, 3), np.uint8))["P2"].any()
    level.load_state_dict(saved)


def test_feature_maps_are_drawn_of_a_picture_of_any_size(network: LeukocyteMask, tmp_path: Path) -> None:
    path = draw_feature_maps(network, np.full((90, 120, 3), 200, np.uint8), "title", tmp_path / "maps.png")
    assert cv2.imread(str(path)) is not None


def test_one_pixel_of_a_square_is_worth_what_its_area_says() -> None:
    truth = np.zeros((40, 40), bool)
    truth[10:30, 10:30] = True
    shrunk = six_metrics(truth, move_outline(truth, "shrunk"))
    grown = six_metrics(truth, move_outline(truth, "grown"))
    assert shrunk.fnr == pytest.approx(1 - 18 * 18 / 400)
    assert (shrunk.precision, shrunk.fpr) == (1, 0)
    assert grown.fpr == pytest.approx(4 * 20 / 1200)  # a cross grows no corners
    assert grown.dice == pytest.approx(2 * 400 / (400 + 480))


def test_a_cell_cut_by_the_border_does_not_shrink_there() -> None:
    truth = np.ones((10, 10), bool)
    assert move_outline(truth, "shrunk").all()
    assert not move_outline(~truth, "grown").any()


def test_label_noise_is_the_mean_over_the_pictures_tested_and_survives_its_file(trees: Path, tmp_path: Path) -> None:
    results = read_results(trees / "runs")
    reader = reader_of(trees, results)
    noise = measure_label_noise(results, reader)
    truths = [reader.load(one.key).instances > 0 for one in results.runs[0].rows]
    expected = np.mean([six_metrics(truth, move_outline(truth, "grown")).me for truth in truths])
    assert [(one.dataset, one.change, one.images) for one in noise] == [
        ("dataset1", "shrunk", 7),
        ("dataset1", "grown", 7),
    ]
    assert noise[1].metrics.me == pytest.approx(expected)
    (tmp_path / "noise.csv").write_text(measured_csv(noise))
    again = read_measured(tmp_path / "noise.csv", CHANGES)
    assert measured_csv(again) == measured_csv(noise)
    assert read_measured(tmp_path / "none.csv", CHANGES) == []


@pytest.mark.parametrize(
    ("old", "new"), [("dataset,change", "set,change"), ("shrunk", "bent"), ("dataset1", "dataset9"), (",7,", ",many,")]
)
def test_a_broken_file_of_label_noise_is_refused(trees: Path, tmp_path: Path, old: str, new: str) -> None:
    results = read_results(trees / "runs")
    text = measured_csv(measure_label_noise(results, reader_of(trees, results)))
    assert old in text
    (tmp_path / "noise.csv").write_text(text.replace(old, new))
    with pytest.raises(ConfigurationError, match=r"noise\.csv cannot be used"):
        read_measured(tmp_path / "noise.csv", CHANGES)


def test_a_soft_mask_cut_at_one_half_has_the_metrics_of_the_run_and_a_higher_cut_never_reaches_further(
    trees: Path,
) -> None:
    results = read_results(trees / "runs")
    found = measure_thresholds(results, reader_of(trees, results))
    assert [one.change for one in found] == list(THRESHOLDS)
    rows = results.rows("dataset1", "leukocytemask-aug-et")
    assert found[THRESHOLDS.index("0.5")].metrics.me == pytest.approx(np.mean([row.metrics.me for row in rows]))
    assert [one.metrics.fpr for one in found] == sorted((one.metrics.fpr for one in found), reverse=True)
    assert [one.metrics.fnr for one in found] == sorted(one.metrics.fnr for one in found)
    assert found[0].metrics.fnr < found[-1].metrics.fnr


@pytest.mark.parametrize("size", [(128, 128), (180, 240)])
def test_a_perfect_mask_in_the_grid_is_nearly_the_cell(size: tuple[int, int]) -> None:
    loaded = disc_picture(3, *size)
    judged = six_metrics(loaded.instances > 0, through_grid(loaded, 128))
    assert 0.98 < judged.dice < 1
    assert judged.precision > 0.99


def test_a_picture_without_a_cell_stays_empty_in_the_grid() -> None:
    loaded = replace(disc_picture(3), instances=np.zeros((64, 64), np.int32))
    assert not through_grid(loaded, 128).any()


def test_the_grid_is_measured_at_the_input_size_of_the_runs(trees: Path, tmp_path: Path) -> None:
    shutil.copytree(trees / "runs", tmp_path / "runs")
    results = read_results(tmp_path / "runs")
    reader = CaseReader(results, tmp_path / "runs", [trees / "data"], tmp_path / "scratch")
    assert measure_mask_grid(results, reader) == []  # nobody knows the input size
    write_json(tmp_path / "runs" / PLACE / "settings.json", {"given": {"input_px": 128}})
    results = read_results(tmp_path / "runs")
    [found] = measure_mask_grid(results, reader)
    loaded = [reader.load(row.key) for row in results.rows("dataset1", "leukocytemask-aug-et")]
    expected = np.mean([six_metrics(one.instances > 0, through_grid(one, 128)).miou for one in loaded])
    assert (found.dataset, found.change, found.images) == ("dataset1", "28x28", len(loaded))
    assert found.metrics.miou == pytest.approx(expected)
    assert 0.95 < found.metrics.miou < 1
