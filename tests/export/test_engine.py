"""Real engines, built by TensorRT-RTX without a GPU, and everything that can go wrong on the way to one."""

from __future__ import annotations

import hashlib
import importlib.util
import os
import shlex
import shutil
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import pytest
import torch

from calib.int8.qdq import insert_qdq, quantised_nodes
from edge.errors import BackendMissingError, ConfigurationError, ModelError
from edge.segmenters import packaged_model
from edge.segmenters.engine_files import read_engine
from edge.segmenters.sidecar import read_sidecar, rebuild_command
from export.__main__ import main
from export.engine import EngineOptions, build_engine, precise_model
from export.engine_graph import engine_graph
from export.half import to_half
from export.multiply_adds import int8_share, multiply_adds
from export.onnx_model import describe, float_layers, to_onnx
from export.plan_text import check_plan, quantised_weights, read_plan
from tests.export.some_ranges import observe_largest, write_some_ranges
from tests.export.test_engine_graph import DATA_DEPENDENT
from train.inference import model_spec
from train.model.config import PAPER
from train.model.leukocytemask import LeukocyteMask

needs_rtx = pytest.mark.skipif(importlib.util.find_spec("tensorrt_rtx") is None, reason="needs tensorrt-rtx-cu13")


@pytest.fixture(scope="session")
def ranges_file(packaged: onnx.ModelProto, ranges: dict[str, float], tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_some_ranges(tmp_path_factory.mktemp("ranges") / "ranges.json", packaged, ranges)


@pytest.fixture
def plain(ranges_file: Path, tmp_path: Path) -> EngineOptions:
    return EngineOptions(
        model=packaged_model(),
        out=tmp_path / "x.engine",
        int8=True,
        roi_align="plain",
        flavour="tensorrt-rtx",
        ranges=ranges_file,
    )


@pytest.fixture
def options(plain: EngineOptions, plugin_library: Path) -> EngineOptions:
    return replace(plain, roi_align="plugin", plugin_library=plugin_library)


@needs_rtx
def test_an_int8_engine_holds_the_plugin_twice_and_int8_weights_where_they_are_meant(
    options: EngineOptions, packaged: onnx.ModelProto
) -> None:
    sidecar = build_engine(options)
    plan = read_plan(options.out.read_bytes())
    assert len(plan.plugin_layers) == 2
    assert plan.int8_weights == quantised_weights(packaged)
    assert plan.int8_weights.total() == len(quantised_nodes(packaged)) > 40
    assert (sidecar.precision, sidecar.spec.precision, sidecar.quantiser) == ("int8", "int8", "max")
    assert sidecar.runs_on == ("80+",)
    found, content, _ = read_engine(options.out, allow_unverified=True)
    assert found == sidecar
    assert hashlib.sha256(content).hexdigest() == sidecar.plan_sha256
    assert sorted(path.name for path in options.out.parent.iterdir()) == [
        "x.engine",
        "x.engine.json",
        "x.engine.ranges.json",
        "x.plugin.so",
    ]


@needs_rtx
def test_a_float16_engine_holds_no_int8_and_the_plugin_twice(options: EngineOptions) -> None:
    build_engine(replace(options, int8=False, target="86"))
    plan = read_plan(options.out.read_bytes())
    assert plan.int8_weights.total() == 0
    assert len(plan.plugin_layers) == 2
    assert read_sidecar(options.out).runs_on == ("86",)


@needs_rtx
def test_a_plain_engine_needs_no_plugin(plain: EngineOptions, packaged: onnx.ModelProto) -> None:
    sidecar = build_engine(plain)
    plan = read_plan(plain.out.read_bytes())
    assert plan.plugin_layers == ()
    assert plan.int8_weights == quantised_weights(packaged)
    assert sidecar.plugin is None
    assert not plain.out.with_name("x.plugin.so").exists()


@needs_rtx
def test_an_engine_of_ones_own_model_is_built_again_by_the_command_in_its_sidecar(
    plain: EngineOptions, tmp_path: Path
) -> None:
    own, own_ranges = tmp_path / "own.onnx", tmp_path / "own.ranges.json"
    shutil.copy(plain.model, own)
    own_ranges.write_text("the ranges of the model file, not those given")
    out = tmp_path / "own.engine"
    first = build_engine(replace(plain, model=own, out=out, target="89"))
    assert own_ranges.read_text() == "the ranges of the model file, not those given"
    command = shlex.split(rebuild_command(out, read_sidecar(out)))
    out.unlink()
    assert main(command[3:]) == 0
    again = read_sidecar(out)
    assert again.plan_sha256 == first.plan_sha256
    assert (again.onnx_sha256, again.calibration_sha256) == (first.onnx_sha256, first.calibration_sha256)
    assert again.arguments == first.arguments


@needs_rtx
def test_a_running_program_keeps_the_plugin_that_it_has_open(options: EngineOptions) -> None:
    build_engine(replace(options, int8=False))
    with options.out.with_name("x.plugin.so").open("rb") as held:
        before = os.fstat(held.fileno()).st_ino
        build_engine(replace(options, int8=False))
        assert options.out.with_name("x.plugin.so").stat().st_ino != before
        assert held.read(4) == b"\x7fELF"


@needs_rtx
def test_a_stopped_build_leaves_nothing_behind_and_fails_the_script_that_waits_for_it(tmp_path: Path) -> None:
    out = tmp_path / "x.engine"
    command = [sys.executable, "-m", "export", "build-engine", "--plain", "--trt", "rtx", "--out", str(out)]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    while not list(tmp_path.glob(".x.engine.*/graph.onnx")):
        assert process.poll() is None
        time.sleep(0.01)
    process.terminate()
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "stopped; nothing was written" in errors
    assert list(tmp_path.iterdir()) == []


@needs_rtx
@pytest.mark.timeout(600)
def test_the_paper_preset_builds_too(options: EngineOptions, tmp_path: Path) -> None:
    torch.manual_seed(0)
    network = LeukocyteMask(PAPER).eval()
    spec = model_spec(PAPER)
    model = describe(to_onnx(network, spec), spec, {}, float_layers(network))
    path = tmp_path / "paper.onnx"
    onnx.save(model, path)
    picture = np.random.default_rng(0).normal(size=(1, 3, PAPER.input_height, PAPER.input_width)).astype(np.float32)
    amax = observe_largest(model, [picture])
    file = write_some_ranges(tmp_path / "paper.ranges.json", model, amax)
    for int8 in (True, False):
        out = tmp_path / "paper.engine"
        build_engine(replace(options, model=path, out=out, int8=int8, ranges=file))
        plan = read_plan(out.read_bytes())
        assert plan.int8_weights == (quantised_weights(model) if int8 else {})
        assert len(plan.plugin_layers) == 2
        sidecar, _, _ = read_engine(out, allow_unverified=True)  # every tensor has the fixed shape of the preset
        assert {tensor.name: tensor.shape for tensor in sidecar.tensors}["masks"] == (PAPER.slots, 28, 28)
        precise = insert_qdq(model, amax) if int8 else model
        for roi_align in ("plugin", "plain"):
            operators = {node.op_type for node in engine_graph(to_half(precise), roi_align).graph.node}
            assert not operators & DATA_DEPENDENT
        out.unlink()


def test_four_fifths_of_the_arithmetic_are_int8(packaged: onnx.ModelProto) -> None:
    assert 0.85 < int8_share(packaged) < 0.95
    counts = multiply_adds(packaged)
    # 32 channels in and out, 3x3, on 28x28 cells of 48 slots; the stem: 3 -> 32 channels, 3x3, at half the size
    assert counts["mask.body.2"] == 48 * 28 * 28 * 32 * 32 * 9
    assert counts["backbone._conv_stem"] == 192 * 256 * 32 * 27
    assert counts["localization.hidden.3"] == 48 * 256 * 256


def test_a_model_that_keeps_most_layers_in_floating_point_is_not_built(
    packaged: onnx.ModelProto, ranges_file: Path
) -> None:
    from calib.int8.qdq import FLOAT_NODES_KEY
    from calib.int8.ranges import read_ranges

    model = onnx.ModelProto.FromString(packaged.SerializeToString())
    for item in model.metadata_props:
        if item.key == FLOAT_NODES_KEY:
            names = [node.name for node in model.graph.node if node.op_type in ("Conv", "ConvTranspose", "Gemm")]
            item.value = str(names[:-8]).replace("'", '"')
    with pytest.raises(ModelError, match="of the multiply-adds would run in INT8"):
        precise_model(model, read_ranges(ranges_file))


def test_a_plan_without_what_it_should_hold_is_refused(packaged: onnx.ModelProto) -> None:
    with pytest.raises(ModelError, match="of 43 layers that are to be INT8 43 are not in the plan"):
        check_plan(b"nothing", packaged, int8=True, plugins=0)
    with pytest.raises(ModelError, match="0 plugin layers instead of 2"):
        check_plan(b"nothing", packaged, int8=False, plugins=2)


@needs_rtx
def test_what_the_builder_refuses_is_told_in_one_sentence_and_leaves_nothing_behind(
    plain: EngineOptions, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken = tmp_path / "broken.so"
    broken.write_bytes(b"no library")
    with pytest.raises(ModelError, match=r"the engine was not built: .*broken\.so"):
        build_engine(replace(plain, roi_align="plugin", plugin_library=broken))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["broken.so"]


@needs_rtx
def test_a_builder_that_dies_is_told_with_its_signal(
    plain: EngineOptions, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stand_in = tmp_path / "python"
    stand_in.write_text("#!/bin/sh\necho 'terminate called without an active exception' >&2\nkill -ABRT $$\n")
    stand_in.chmod(0o755)
    monkeypatch.setattr("export.build_process.sys.executable", str(stand_in))
    with pytest.raises(ModelError, match=r"ended by SIGABRT \(terminate called without an active exception\)"):
        build_engine(plain)
    assert not plain.out.exists()


def test_user_errors_end_with_a_sentence_and_the_documented_code(
    tmp_path: Path, ranges_file: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    out = str(tmp_path / "x.engine")
    noise = tmp_path / "noise.onnx"
    noise.write_bytes(b"not a model")
    monkeypatch.setattr("export.plugin_library._BUILT", tmp_path / "none.so")
    monkeypatch.setattr("export.plugin_library._INSTALLED", ())
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("LEUKOEDGE_PLUGIN", raising=False)
    found = importlib.util.find_spec
    monkeypatch.setattr("importlib.util.find_spec", lambda name: found("json") if name == "tensorrt_rtx" else None)
    wrong = shutil.copy(ranges_file, tmp_path / "wrong.json")
    Path(wrong).write_text(Path(wrong).read_text().replace('"seed": 0', '"seed": 1'))
    cases = [
        (["--out", str(tmp_path / "x.plan")], 3, "must end in .engine"),
        (["--out", out, "--trt", "tensorrt"], 9, "tensorrt is not installed"),
        (["--out", out, "--trt", "rtx", "--target", "87"], 3, "--target 87 is not one of"),
        (["--out", out], 9, "run `make plugin`"),
        (["--out", out, "--plugin-library", str(tmp_path / "no.so")], 3, "does not exist"),
        (["--out", out, "--ranges", str(ranges_file)], 3, "--ranges is for --int8 only"),
        (["--out", out, "--int8", "--ranges", str(tmp_path / "no.json")], 5, "is missing"),
        (["--out", out, "--int8", "--ranges", str(wrong)], 5, "was changed after it was written"),
        ([str(noise), "--out", out], 5, "is no ONNX model"),
        ([str(tmp_path / "none.onnx"), "--out", out], 5, "cannot be read"),
        (["--out", out, "--int8", "--plain", "--calib-data", str(tmp_path / "nowhere")], 3, "nowhere"),
        (["--out", out, "--int8", "--calib-data", str(tmp_path)], 9, "run `make plugin`"),
    ]
    for arguments, code, told in cases:
        assert main(["build-engine", *arguments]) == code, arguments
        error = capsys.readouterr().err.strip()
        assert told in error
        assert "Traceback" not in error
    assert not list(tmp_path.glob("*.engine"))


def test_a_target_is_refused_where_tensorrt_builds_for_its_own_gpu(
    plain: EngineOptions, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = importlib.util.find_spec("json")
    monkeypatch.setattr("importlib.util.find_spec", lambda name: found)
    with pytest.raises(ConfigurationError, match="TensorRT builds for the GPU that it sees"):
        build_engine(replace(plain, flavour="tensorrt", target="86"))


def test_without_any_tensorrt_the_error_says_what_to_install(
    plain: EngineOptions, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(BackendMissingError, match="neither TensorRT nor TensorRT-RTX is installed"):
        build_engine(replace(plain, flavour=None))


def test_the_graph_of_an_int8_engine_is_deterministic(packaged: onnx.ModelProto, ranges: dict[str, float]) -> None:
    one, two = (engine_graph(insert_qdq(packaged, ranges), "plugin").SerializeToString() for _ in range(2))
    assert one == two
