"""An INT8 model file for the CPU: it finds the same cells, and nothing is written where it would not."""

from __future__ import annotations

import errno
import logging
import os
import sys
from pathlib import Path

import msgspec
import numpy as np
import onnx
import pytest

from calib.int8.ranges import read_ranges, write_ranges
from edge.errors import BackendMissingError, ConfigurationError, DiskFullError, ModelError
from edge.preprocess import preprocess
from edge.segmenters import open_segmenter, openvino, packaged_model
from edge.simulator import SmearParameters, draw_field
from export.__main__ import main
from export.engine import packaged_ranges
from export.quantise import prepare, quantise
from export.simulated_pictures import simulated_samples
from train.data.sample import Sample

pytest.importorskip("openvino", reason="OpenVINO is not installed")


@pytest.fixture(scope="module")
def samples(tmp_path_factory) -> list[Sample]:
    """Eight simulated fields, one of each look and some more."""
    return simulated_samples(tmp_path_factory.mktemp("fields") / "simulated")[2:10]


@pytest.fixture(scope="module")
def quantised(tmp_path_factory, samples) -> Path:
    out = tmp_path_factory.mktemp("int8") / "model-int8.onnx"
    done = quantise(prepare(packaged_model(), None, out), samples, "eight simulated fields")
    assert done.loss.faults == ()
    assert done.fp32.found > 40
    assert done.share > 0.8
    return out


def test_the_file_is_smaller_and_says_what_it_is(quantised):
    assert quantised.stat().st_size < 0.5 * packaged_model().stat().st_size
    segmenter = open_segmenter(quantised, provider="openvino")
    assert (segmenter.spec.precision, segmenter.backend) == ("int8", "openvino-cpu")
    assert list(quantised.parent.iterdir()) == [quantised]


def test_a_quantised_file_is_not_quantised_again(quantised, tmp_path):
    ranges = packaged_ranges(packaged_model())
    with pytest.raises(ModelError, match="quantised already; give the float model"):
        prepare(quantised, ranges, tmp_path / "again.onnx")
    assert not list(tmp_path.iterdir())


def test_it_finds_the_cells_of_the_float_model_with_other_numbers(quantised):
    image, _ = draw_field(SmearParameters(seed=5, density=6.0, white_cell_px=70), 640, 480)
    full, small = open_segmenter(provider="openvino"), open_segmenter(quantised, provider="openvino")
    tensor, _ = preprocess(image, full.spec)
    expected, found = full.segment(tensor), small.segment(tensor)
    kept, given = (int((one.scores >= full.spec.threshold).sum()) for one in (expected, found))
    assert kept == given >= 3
    assert not np.array_equal(expected.scores[:kept], found.scores[:kept])
    in_order = [one.boxes[:kept][np.argsort(one.boxes[:kept, 0])] for one in (expected, found)]
    np.testing.assert_allclose(*in_order, atol=2.0)


def test_an_empty_field_has_no_cells(quantised):
    segmenter = open_segmenter(quantised, provider="openvino")
    image, _ = draw_field(SmearParameters(seed=7, density=0.0), 640, 480)
    assert (segmenter.segment(preprocess(image, segmenter.spec)[0]).scores < segmenter.spec.threshold).all()


def test_onnx_runtime_refuses_it_and_says_what_runs_it(quantised):
    with pytest.raises(ModelError, match="run it with --provider openvino"):
        open_segmenter(quantised)


def test_a_cpu_without_int8_products_is_told_of_once(quantised, monkeypatch, tmp_path, caplog):
    facts = tmp_path / "cpuinfo"
    monkeypatch.setattr(openvino, "_CPU_FACTS", facts)
    for flags, said in (("sse4_2 avx2", True), ("avx512f avx512_vnni", False), ("fp asimd asimddp", False)):
        facts.write_text(f"flags : {flags}\n")
        caplog.clear()
        with caplog.at_level(logging.WARNING, logger="edge.segmenters.openvino"):
            open_segmenter(quantised, provider="openvino").close()
        assert ("no VNNI" in caplog.text) is said
    facts.unlink()
    open_segmenter(quantised, provider="openvino").close()


def test_ranges_that_lose_cells_leave_no_file(samples, tmp_path):
    ranges = read_ranges(packaged_ranges(packaged_model()))
    narrow = {
        name: type(one)(**{field: getattr(one, field) for field in one.__struct_fields__} | {ranges.method: 0.05})
        for name, one in ranges.tensors.items()
    }
    file = tmp_path / "narrow.ranges.json"
    write_ranges(msgspec.structs.replace(ranges, tensors=narrow), file)
    with pytest.raises(ModelError, match=r"is not written: INT8 (loses|finds).*calib int8"):
        quantise(prepare(packaged_model(), file, tmp_path / "x.onnx"), samples, "eight simulated fields")
    assert sorted(tmp_path.iterdir()) == [file]


def test_too_few_cells_are_refused(samples, tmp_path):
    with pytest.raises(ConfigurationError, match="too few to judge by"):
        quantise(prepare(packaged_model(), None, tmp_path / "x.onnx"), samples[:1], "one field")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("out", "named"), [("x.engine", "must end in .onnx"), ("no/x.onnx", "does not exist"), ("model.onnx", "itself")]
)
def test_a_bad_name_is_refused_before_anything_is_judged(tmp_path, out, named):
    with pytest.raises(ConfigurationError, match=named):
        prepare(tmp_path / "model.onnx", None, tmp_path / out)


def test_a_full_disk_is_told_in_one_sentence(samples, tmp_path, monkeypatch):
    def full(*_):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    prepared = prepare(packaged_model(), None, tmp_path / "x.onnx")
    monkeypatch.setattr(onnx, "save", full)
    with pytest.raises(
        DiskFullError, match=r"x\.onnx cannot be written \(No space left on device\); make room"
    ) as caught:
        quantise(prepared, samples, "eight simulated fields")
    assert "\n" not in str(caught.value)
    assert list(tmp_path.iterdir()) == []


def test_the_command_ends_with_the_documented_codes(tmp_path, monkeypatch, capsys):
    text = tmp_path / "text.onnx"
    text.write_text("no model")
    assert main(["quantise", str(text), "--out", str(tmp_path / "x.onnx")]) == ModelError.exit_code
    assert main(["quantise", "--out", "x.txt"]) == ConfigurationError.exit_code
    monkeypatch.setitem(sys.modules, "openvino", None)
    assert main(["quantise", "--out", str(tmp_path / "x.onnx")]) == BackendMissingError.exit_code
    said = capsys.readouterr().err.strip().splitlines()
    assert len(said) == 3
    assert "Traceback" not in "".join(said)


def test_the_command_tells_what_int8_costs(tmp_path, capsys, samples, monkeypatch):
    from export import quantise_command

    monkeypatch.setattr(quantise_command, "labelled_pictures", lambda options, stack: (samples, "eight fields"))
    out = tmp_path / "model-int8.onnx"
    assert main(["quantise", "--out", str(out)]) == 0
    said = capsys.readouterr().out
    assert "eight fields: FP32 finds" in said
    assert f"--model {out} --provider openvino" in said
    assert onnx.load(str(out)).functions
