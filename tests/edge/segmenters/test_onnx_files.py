"""What both CPU backends make of an ONNX file."""

from __future__ import annotations

import hashlib
import json
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path

import msgspec
import numpy as np
import pytest

from edge.errors import BackendMissingError, DiskFullError, ModelError
from edge.preprocess import preprocess
from edge.segmenters import open as opening
from edge.segmenters import open_segmenter
from edge.segmenters.protocol import Segmenter
from edge.simulator import SmearParameters, draw_field
from edge.spec import METADATA_KEY
from tests.edge.examples import smear
from tests.tiny_model import MASK, SPEC, write_tiny_model


@pytest.fixture(params=["cpu", "openvino"])
def opened(request) -> Callable[..., Segmenter]:
    """`open_segmenter` with either backend."""
    if request.param == "openvino":
        pytest.importorskip("openvino", reason="OpenVINO is not installed")
    return partial(open_segmenter, provider=request.param)


@pytest.fixture
def model(tmp_path) -> Path:
    return write_tiny_model(tmp_path / "tiny.onnx")


def test_a_model_finds_what_it_was_made_for(opened, model):
    segmenter = opened(model, threads=1)
    tensor, _ = preprocess(smear([(1, 0), (3, 2)]), segmenter.spec)
    outputs = segmenter.segment(tensor)
    assert sorted(outputs.boxes.tolist()) == [[32, 0, 64, 32], [96, 64, 128, 96]]
    np.testing.assert_allclose(outputs.scores, 1 - 30 / 255, atol=1e-5)  # a float32 mean of 1024 pixels
    assert outputs.masks.shape == (2, MASK, MASK)
    assert {outputs.boxes.dtype, outputs.scores.dtype, outputs.masks.dtype} == {np.dtype(np.float32)}
    segmenter.close()


def test_an_empty_picture_gives_arrays_of_no_cells(opened, model):
    segmenter = opened(model, threads=1)
    outputs = segmenter.segment(np.ones((1, 3, SPEC.input_height, SPEC.input_width), np.float32))
    assert (outputs.boxes.shape, outputs.scores.shape, outputs.masks.shape) == ((0, 4), (0,), (0, MASK, MASK))


def test_a_full_picture_fills_every_slot(opened, model):
    segmenter = opened(model, threads=1)
    outputs = segmenter.segment(np.zeros((1, 3, SPEC.input_height, SPEC.input_width), np.float32))
    assert len(outputs.scores) == SPEC.slots


def test_the_segmenter_knows_its_file_by_spec_and_hash(opened, model):
    segmenter = opened(model)
    assert segmenter.spec == SPEC
    assert segmenter.sha256 == hashlib.sha256(model.read_bytes()).hexdigest()
    assert segmenter.backend in ("onnxruntime-cpu", "openvino-cpu")


def test_a_tensor_of_another_size_is_refused_in_words(opened, model):
    with pytest.raises(ModelError, match="failed to run"):
        opened(model).segment(np.zeros((1, 3, 10, 10), np.float32))


def test_a_closed_segmenter_may_be_closed_again_but_not_used(opened, model):
    segmenter = opened(model)
    segmenter.close()
    segmenter.close()
    with pytest.raises(ModelError, match="closed"):
        segmenter.segment(np.zeros((1, 3, SPEC.input_height, SPEC.input_width), np.float32))


def test_a_missing_model_is_named(opened, tmp_path):
    with pytest.raises(ModelError, match=r"none\.onnx cannot be read"):
        opened(tmp_path / "none.onnx")


@pytest.mark.parametrize("content", [b"", b"this is text", b"\x08\x07" * 50])
def test_a_file_that_is_no_model_is_refused_in_one_sentence(opened, tmp_path, content):
    path = tmp_path / "fake.onnx"
    path.write_bytes(content)
    with pytest.raises(ModelError, match="python -m export onnx") as caught:
        opened(path)
    assert "\n" not in str(caught.value)


def test_half_a_model_is_refused(opened, model):
    data = model.read_bytes()
    model.write_bytes(data[: len(data) // 2])
    with pytest.raises(ModelError):
        opened(model)


def test_a_model_of_others_without_spec_is_refused(opened, tmp_path):
    path = write_tiny_model(tmp_path / "foreign.onnx", spec=None)
    with pytest.raises(ModelError, match=METADATA_KEY):
        opened(path)


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"input_width": 256}, "'image'"),
        ({"mask_size": 28}, "'masks'"),
        ({"scores_name": "confidence"}, "no tensor 'confidence'"),
        ({"input_name": "pixels"}, "no tensor 'pixels'"),
    ],
)
def test_a_spec_that_does_not_fit_the_graph_is_refused(opened, tmp_path, change, named):
    path = write_tiny_model(tmp_path / "odd.onnx", msgspec.structs.replace(SPEC, **change))
    with pytest.raises(ModelError, match=named):
        opened(path)


def test_a_spec_of_another_version_is_refused(opened, tmp_path):
    path = write_tiny_model(tmp_path / "old.onnx", msgspec.structs.replace(SPEC, version=99))
    with pytest.raises(ModelError, match="version 99"):
        opened(path)


def test_a_missing_packaged_model_says_what_to_do(monkeypatch):
    monkeypatch.setattr(opening, "PACKAGED_MODEL", "not-there.onnx")
    with pytest.raises(ModelError, match="--model"):
        open_segmenter()


def test_the_spec_is_json_in_the_metadata(opened, model):
    assert json.loads(SPEC.to_json())["name"] == opened(model).spec.name


def test_both_backends_find_the_same_cells_in_smears_and_in_nothing():
    pytest.importorskip("openvino", reason="OpenVINO is not installed")
    reference, other = open_segmenter(threads=2), open_segmenter(threads=2, provider="openvino")
    assert (other.backend, other.sha256, other.spec) == ("openvino-cpu", reference.sha256, reference.spec)
    counts = []
    for density, seed in ((0.0, 1), (2.0, 2), (14.0, 3), (0.0, 4)):
        image, _ = draw_field(SmearParameters(seed=seed, density=density, white_cell_px=70), 640, 480)
        tensor, _ = preprocess(image, reference.spec)
        expected, found = reference.segment(tensor), other.segment(tensor)
        counts.append(len(expected.scores))
        assert len(found.scores) == counts[-1]
        np.testing.assert_allclose(found.boxes, expected.boxes, atol=0.01)
        np.testing.assert_allclose(found.scores, expected.scores, atol=1e-4)
        np.testing.assert_allclose(found.masks, expected.masks, atol=1e-3)
    assert max(counts) > 8
    assert min(counts) == 0  # a field without any candidate is among them


def test_bfloat16_finds_the_same_cells_a_little_coarser():
    pytest.importorskip("openvino", reason="OpenVINO is not installed")
    reference = open_segmenter(threads=2)
    try:
        coarse = open_segmenter(threads=2, provider="openvino-bf16")
    except BackendMissingError:
        pytest.skip("this CPU has no bfloat16")
    assert coarse.backend == "openvino-cpu-bf16"
    image, truth = draw_field(SmearParameters(seed=3, density=6.0, white_cell_px=70), 640, 480)
    tensor, _ = preprocess(image, reference.spec)
    expected, found = reference.segment(tensor), coarse.segment(tensor)
    clear = int((expected.scores >= 0.9).sum())
    assert clear >= len(truth) - 1 > 2
    assert (found.scores >= 0.85).sum() >= clear
    distances = np.abs(expected.boxes[:clear, None] - found.boxes[None]).max(axis=2).min(axis=1)
    assert 0.02 < distances.max() < 4.0  # px of 512x384: float32 would be nearer


def test_a_cpu_without_bfloat16_is_told_before_the_night(monkeypatch, model):
    openvino = pytest.importorskip("openvino", reason="OpenVINO is not installed")

    class OldCpu:
        def get_property(self, device, name):
            assert (device, name) == ("CPU", "OPTIMIZATION_CAPABILITIES")
            return ["FP32", "INT8", "BIN", "EXPORT_IMPORT"]

    monkeypatch.setattr(openvino, "Core", OldCpu)
    with pytest.raises(BackendMissingError, match=r"needs a CPU with bfloat16.* use --provider openvino$"):
        open_segmenter(model, provider="openvino-bf16")


def test_what_was_found_stays_when_the_next_frame_comes(opened, model):
    segmenter = opened(model, threads=1)
    first = segmenter.segment(preprocess(smear([(1, 0)]), segmenter.spec)[0])
    boxes, masks = first.boxes.copy(), first.masks.copy()
    segmenter.segment(preprocess(smear([(3, 2)]), segmenter.spec)[0])
    np.testing.assert_array_equal(first.boxes, boxes)
    np.testing.assert_array_equal(first.masks, masks)


def test_openvino_that_is_not_there_is_never_replaced(monkeypatch, model):
    monkeypatch.setitem(sys.modules, "openvino", None)
    with pytest.raises(BackendMissingError, match=r"needs OpenVINO .*leukoedge\[openvino\]") as caught:
        open_segmenter(model, provider="openvino")
    assert "\n" not in str(caught.value)


def test_a_temporary_folder_that_cannot_be_used_is_told_in_one_sentence(model, monkeypatch, tmp_path):
    pytest.importorskip("openvino", reason="OpenVINO is not installed")
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "not-there"))
    with pytest.raises(DiskFullError, match=r"the temporary folder .*not-there, .* cannot be used .*TMPDIR") as caught:
        open_segmenter(model, provider="openvino")
    assert "\n" not in str(caught.value)
