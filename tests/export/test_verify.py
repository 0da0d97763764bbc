"""The acceptance of an engine: what is lost is counted right, and an engine that loses too much is refused."""

from __future__ import annotations

import contextlib
import importlib.util
import shutil
from dataclasses import replace
from pathlib import Path

import cv2
import msgspec
import numpy as np
import onnx
import pytest

from calib.int8.ranges import read_ranges, write_ranges
from edge.errors import BackendMissingError, ModelError
from edge.segmenters import open_segmenter, packaged_model
from edge.segmenters.acceptance import acceptance_path, read_acceptance
from edge.segmenters.sidecar import EngineSidecar, EngineTensor, read_sidecar
from edge.spec import ModelSpec
from export.__main__ import main
from export.engine import EngineOptions, build_engine
from export.engine_graph import spec_of
from export.simulated_pictures import COUNT, simulated_samples
from export.verify import figures_of, report_on
from tests.export.some_ranges import write_some_ranges
from train.data.sample import load
from train.judge import ImageResult
from train.metrics import SixMetrics

needs_rtx = pytest.mark.skipif(importlib.util.find_spec("tensorrt_rtx") is None, reason="needs tensorrt-rtx-cu13")
ONES = SixMetrics(precision=1.0, dice=1.0, miou=1.0, fpr=0.0, fnr=0.0, me=0.0)


def result(key: str, ious: tuple[float, ...], cells: int, false_cells: int = 0, complete: bool = True) -> ImageResult:
    return ImageResult(
        key=key,
        dataset="test",
        kind=None,
        complete=complete,
        metrics=ONES,
        cells=cells,
        found=len(ious),
        false_cells=false_cells,
        matched_ious=ious,
        truncated=False,
    )


def sidecar(spec: ModelSpec, precision: str = "int8") -> EngineSidecar:
    return EngineSidecar(
        flavour="tensorrt-rtx",
        tensorrt="1.7.1.116",
        cuda=None,
        driver=None,
        gpu=None,
        sm=None,
        l4t=None,
        precision=precision,  # type: ignore[arg-type]
        roi_align="plain",
        quantiser="max",
        calibration_sha256="",
        onnx_sha256="a",
        plan_sha256="b",
        plugin=None,
        tensors=(EngineTensor(name="image", role="input", dtype="float32", shape=(1,)),),
        spec=spec,
        program="test",
        built="now",
    )


def test_figures_count_cells_everywhere_and_false_ones_only_where_all_are_labelled() -> None:
    figures = figures_of(
        [
            result("a", (0.9, 0.8), cells=3, false_cells=2),
            result("b", (0.7,), cells=1, false_cells=5, complete=False),
            result("c", (), cells=0, false_cells=1),
        ]
    )
    assert figures.miou == pytest.approx(0.8)
    assert (figures.found, figures.missed, figures.recall) == (3, 1, 0.75)
    assert figures.false_cells == 3
    # reported - there: 4 - 3 and 1 - 0
    assert figures.count_error == 1.0


def test_an_engine_that_loses_more_than_allowed_fails_and_says_by_how_much(packaged: onnx.ModelProto) -> None:
    spec = spec_of(packaged)
    full = [result(str(i), (0.95,) * 10, cells=10) for i in range(30)]
    same = report_on(sidecar(spec), {"fp32": full, "int8": full}, "test", "here")
    assert same.passed
    assert (same.miou_loss, same.recall_loss) == (0.0, 0.0)
    worse = [replace(item, matched_ious=(0.9475,) * 10) for item in full]
    report = report_on(sidecar(spec), {"fp32": full, "int8": worse}, "test", "here")
    assert not report.passed
    assert report.faults == ("INT8 loses 0.0025 mask mIoU, 0.002 are allowed",)
    lost = [replace(full[0], found=8, matched_ious=(0.95,) * 8), *full[1:]]
    report = report_on(sidecar(spec), {"fp32": full, "int8": lost}, "test", "here")
    assert not report.passed
    assert "finds 298 of 300 cells where FP32 finds 300" in report.faults[0]
    assert report.worst is not None
    assert report.worst.name == "0"
    assert report.worst.miou_loss == pytest.approx(0.19)
    inventive = [replace(item, false_cells=1) for item in full]
    report = report_on(sidecar(spec), {"fp32": full, "int8": inventive}, "test", "here")
    assert report.faults == (
        "INT8 invents 30 cells in 30 pictures where FP32 invents 0: 1.000 more a picture, 0.05 are allowed",
    )
    better = report_on(sidecar(spec), {"fp32": lost, "int8": full}, "test", "here")
    assert better.passed
    assert better.recall_loss < 0


def test_the_simulated_pictures_carry_their_truth(tmp_path: Path) -> None:
    samples = simulated_samples(tmp_path / "one")
    assert len(samples) == COUNT
    cells = [int(load(sample).instances.max()) for sample in samples]
    assert cells.count(0) >= 8
    assert max(cells) >= 10
    assert sum(cells) >= 100


@pytest.fixture(scope="module")
def engine(
    packaged: onnx.ModelProto,
    ranges: dict[str, float],
    plugin_or_none: Path | None,
    tmp_path_factory: pytest.TempPathFactory,
) -> Path:
    folder = tmp_path_factory.mktemp("engine")
    options = EngineOptions(
        model=packaged_model(),
        out=folder / "x.engine",
        int8=True,
        roi_align="plain" if plugin_or_none is None else "plugin",
        flavour="tensorrt-rtx",
        ranges=write_some_ranges(folder / "ranges.json", packaged, ranges),
        plugin_library=plugin_or_none,
    )
    build_engine(options)
    return options.out


@pytest.fixture(scope="module")
def few_pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Eight of the simulated fields, as a user's labelled folder."""
    folder = tmp_path_factory.mktemp("pictures") / "labelled"
    samples = simulated_samples(folder)
    for sample in samples[8:]:
        sample.image_path.unlink()
        (folder / "masks" / sample.image_path.name).unlink()
    return folder


@needs_rtx
def test_an_int8_engine_is_accepted_on_its_graph_and_only_then_opened_further(
    engine: Path, few_pictures: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(ModelError, match="was never verified"):
        open_segmenter(engine)
    assert main(["verify", str(engine), str(few_pictures)]) == 0
    told = capsys.readouterr().out
    assert "accepted" in told
    report = read_acceptance(engine)
    assert report is not None
    assert report.passed
    assert report.pictures == 8
    assert set(report.figures) == {"fp32", "fp16", "int8"}
    assert "the engine itself did not run" in report.judged_on or "the engine itself, " in report.judged_on
    assert report.figures["int8"].found > 20
    with contextlib.suppress(BackendMissingError):  # the report passes; what may be missing now is the GPU
        open_segmenter(engine).close()
    acceptance_path(engine).unlink()


@needs_rtx
def test_ranges_that_clip_everything_fail_the_acceptance_with_code_5(
    engine: Path, few_pictures: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    ranges = read_ranges(engine.with_name("x.engine.ranges.json"))
    clipped = {name: msgspec.structs.replace(item, max=item.max / 8) for name, item in ranges.tensors.items()}
    write_ranges(msgspec.structs.replace(ranges, tensors=clipped), tmp_path / "clipped.json")
    out = tmp_path / "bad.engine"
    arguments = ["--int8", "--trt", "rtx", "--plain", "--ranges", str(tmp_path / "clipped.json"), "--out", str(out)]
    assert main(["build-engine", *arguments]) == 0
    assert main(["verify", str(out), str(few_pictures)]) == 5
    assert "fails its acceptance" in capsys.readouterr().err
    with pytest.raises(ModelError, match="failed its acceptance"):
        open_segmenter(out)


@needs_rtx
def test_user_errors_end_with_a_sentence_and_the_documented_code(
    engine: Path, few_pictures: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    other = tmp_path / "other.onnx"
    model = onnx.load(packaged_model())
    model.doc_string = "another file"
    onnx.save(model, other)
    empty = tmp_path / "empty"
    for part in ("images", "masks"):
        (empty / part).mkdir(parents=True)
        cv2.imwrite(str(empty / part / "one.png"), np.zeros((96, 128), np.uint8))
    without_ranges = tmp_path / "copied" / "x.engine"
    shutil.copytree(engine.parent, without_ranges.parent)
    without_ranges.with_name("x.engine.ranges.json").unlink()
    cases = [
        ([str(tmp_path / "none.engine")], 5, "cannot be read"),
        ([str(engine), str(tmp_path / "nowhere")], 3, "does not exist"),
        ([str(engine), "--split", "split.json"], 3, "name them as IMAGES"),
        ([str(engine), str(few_pictures), "--model", str(other)], 5, "was not built from"),
        ([str(engine), str(empty)], 3, "FP32 finds 0 of the cells"),
        ([str(without_ranges)], 5, "x.engine.ranges.json, the ranges that"),
        ([str(engine), "--via", "torch-tensorrt"], 3, "belong together"),
    ]
    for arguments, code, told in cases:
        assert main(["verify", *arguments]) == code, arguments
        error = capsys.readouterr().err
        assert told in error
        assert "Traceback" not in error


@needs_rtx
@pytest.mark.parametrize("what", ["x.engine", "x.engine.json", "x.plugin.so", "missing plugin"])
def test_a_tampered_file_is_told_with_code_5(engine: Path, tmp_path: Path, what: str) -> None:
    if "plugin" in what and read_sidecar(engine).plugin is None:
        pytest.skip("the plugin cannot be compiled here")
    for path in engine.parent.iterdir():
        (tmp_path / path.name).write_bytes(path.read_bytes())
    if what == "missing plugin":
        (tmp_path / "x.plugin.so").unlink()
    else:
        data = bytearray((tmp_path / what).read_bytes())
        data[len(data) // 2] ^= 1
        (tmp_path / what).write_bytes(bytes(data))
    with pytest.raises(ModelError):
        open_segmenter(tmp_path / "x.engine", allow_unverified=True)
