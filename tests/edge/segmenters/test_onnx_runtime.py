from __future__ import annotations

import hashlib
import json
from pathlib import Path

import msgspec
import numpy as np
import pytest

from edge.errors import ModelError
from edge.preprocess import preprocess
from edge.segmenters import open as opening
from edge.segmenters import open_segmenter
from edge.spec import METADATA_KEY
from tests.edge.examples import smear
from tests.tiny_model import MASK, SPEC, write_tiny_model


@pytest.fixture
def model(tmp_path) -> Path:
    return write_tiny_model(tmp_path / "tiny.onnx")


def test_a_model_finds_what_it_was_made_for(model):
    segmenter = open_segmenter(model, threads=1)
    tensor, _ = preprocess(smear([(1, 0), (3, 2)]), segmenter.spec)
    outputs = segmenter.segment(tensor)
    assert sorted(outputs.boxes.tolist()) == [[32, 0, 64, 32], [96, 64, 128, 96]]
    np.testing.assert_allclose(outputs.scores, 1 - 30 / 255, atol=1e-5)  # a float32 mean of 1024 pixels
    assert outputs.masks.shape == (2, MASK, MASK)
    assert {outputs.boxes.dtype, outputs.scores.dtype, outputs.masks.dtype} == {np.dtype(np.float32)}
    segmenter.close()


def test_an_empty_picture_gives_arrays_of_no_cells(model):
    segmenter = open_segmenter(model, threads=1)
    outputs = segmenter.segment(np.ones((1, 3, SPEC.input_height, SPEC.input_width), np.float32))
    assert (outputs.boxes.shape, outputs.scores.shape, outputs.masks.shape) == ((0, 4), (0,), (0, MASK, MASK))


def test_a_full_picture_fills_every_slot(model):
    segmenter = open_segmenter(model, threads=1)
    outputs = segmenter.segment(np.zeros((1, 3, SPEC.input_height, SPEC.input_width), np.float32))
    assert len(outputs.scores) == SPEC.slots


def test_the_segmenter_knows_its_file_by_spec_and_hash(model):
    segmenter = open_segmenter(model)
    assert segmenter.spec == SPEC
    assert segmenter.sha256 == hashlib.sha256(model.read_bytes()).hexdigest()
    assert segmenter.backend == "onnxruntime-cpu"


def test_a_tensor_of_another_size_is_refused_in_words(model):
    with pytest.raises(ModelError, match="failed to run"):
        open_segmenter(model).segment(np.zeros((1, 3, 10, 10), np.float32))


def test_a_closed_segmenter_may_be_closed_again_but_not_used(model):
    segmenter = open_segmenter(model)
    segmenter.close()
    segmenter.close()
    with pytest.raises(ModelError, match="closed"):
        segmenter.segment(np.zeros((1, 3, SPEC.input_height, SPEC.input_width), np.float32))


def test_a_missing_model_is_named(tmp_path):
    with pytest.raises(ModelError, match=r"none\.onnx cannot be read"):
        open_segmenter(tmp_path / "none.onnx")


@pytest.mark.parametrize("content", [b"", b"this is text", b"\x08\x07" * 50])
def test_a_file_that_is_no_model_is_refused_in_one_sentence(tmp_path, content):
    path = tmp_path / "fake.onnx"
    path.write_bytes(content)
    with pytest.raises(ModelError, match="python -m export onnx") as caught:
        open_segmenter(path)
    assert "\n" not in str(caught.value)


def test_half_a_model_is_refused(model):
    data = model.read_bytes()
    model.write_bytes(data[: len(data) // 2])
    with pytest.raises(ModelError):
        open_segmenter(model)


def test_a_model_of_others_without_spec_is_refused(tmp_path):
    path = write_tiny_model(tmp_path / "foreign.onnx", spec=None)
    with pytest.raises(ModelError, match=METADATA_KEY):
        open_segmenter(path)


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"input_width": 256}, "'image'"),
        ({"mask_size": 28}, "'masks'"),
        ({"scores_name": "confidence"}, "no tensor 'confidence'"),
        ({"input_name": "pixels"}, "no tensor 'pixels'"),
    ],
)
def test_a_spec_that_does_not_fit_the_graph_is_refused(tmp_path, change, named):
    path = write_tiny_model(tmp_path / "odd.onnx", msgspec.structs.replace(SPEC, **change))
    with pytest.raises(ModelError, match=named):
        open_segmenter(path)


def test_a_spec_of_another_version_is_refused(tmp_path):
    path = write_tiny_model(tmp_path / "old.onnx", msgspec.structs.replace(SPEC, version=99))
    with pytest.raises(ModelError, match="version 99"):
        open_segmenter(path)


def test_a_missing_packaged_model_says_what_to_do(monkeypatch):
    monkeypatch.setattr(opening, "PACKAGED_MODEL", "not-there.onnx")
    with pytest.raises(ModelError, match="--model"):
        open_segmenter()


def test_the_spec_is_json_in_the_metadata(model):
    assert json.loads(SPEC.to_json())["name"] == open_segmenter(model).spec.name
