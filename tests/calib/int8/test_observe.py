"""Histograms of inner tensors of a running model."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest

from calib.int8.observe import observe, read_tensors, with_outputs
from calib.int8.qdq import activation_tensors
from edge.errors import ConfigurationError, ModelError
from edge.segmenters import open_segmenter
from tests.calib.int8.tiny_network import INNER, write_pictures, write_tiny_network
from tests.tiny_model import SPEC


@pytest.fixture
def model(tmp_path: Path) -> onnx.ModelProto:
    return onnx.load(write_tiny_network(tmp_path / "model.onnx", gain=0))


def inputs(count: int) -> list[np.ndarray]:
    generator = np.random.default_rng(3)
    size = (1, 3, SPEC.input_height, SPEC.input_width)
    return [generator.uniform(0, 1 + number, size).astype(np.float32) for number in range(count)]


def test_every_tensor_that_qdq_asks_for_is_counted_over_all_inputs(model: onnx.ModelProto) -> None:
    names = activation_tensors(model)
    assert names == INNER
    tensors = inputs(3)
    found = observe(model, [*names, "image"], iter(tensors), threads=1)
    everything = np.concatenate([tensor.reshape(-1) for tensor in tensors])
    assert list(found) == [*names, "image"]
    for name in found:  # the layers are the identity, so that each tensor holds what the image does
        histogram = found[name]
        wanted = np.histogram(everything, bins=len(histogram.counts), range=(0, histogram.top))[0]
        assert histogram.largest == pytest.approx(float(everything.max()), rel=1e-6)
        np.testing.assert_allclose(histogram.counts, wanted, atol=2)


def test_pictures_with_and_without_cells_are_observed_alike(model: onnx.ModelProto, tmp_path: Path) -> None:
    paths = sorted(write_pictures(tmp_path / "pictures", 6).iterdir())
    found = observe(model, ["boxes", "mixed"], read_tensors(paths, SPEC), threads=1)
    segmenter = open_segmenter(tmp_path / "model.onnx", threads=1)
    cells = [len(segmenter.segment(tensor).scores) for tensor in read_tensors(paths, SPEC)]
    assert min(cells) == 0
    assert found["boxes"].total == 4 * sum(cells) > 0


def test_a_branch_that_never_ran_is_an_error(model: onnx.ModelProto) -> None:
    bright = np.ones((1, 3, SPEC.input_height, SPEC.input_width), np.float32)
    with pytest.raises(ModelError, match=r"1 of 2 tensors have no range.*'boxes' held no value.*show cells"):
        observe(model, ["mixed", "boxes"], [bright], threads=1)
    with pytest.raises(ModelError, match=r"'mixed' held nothing but zeros"):
        observe(model, ["mixed"], [np.zeros_like(bright)], threads=1)


def test_a_tensor_that_is_not_finite_is_an_error_that_names_it(model: onnx.ModelProto) -> None:
    bad = inputs(1)[0]
    bad[0, 0, 5, 5] = np.inf
    with pytest.raises(ModelError, match=r"'stem_relu'.*not finite"):
        observe(model, INNER, [bad], threads=1)


def test_a_tensor_of_integers_or_one_that_is_not_there_is_an_error(model: onnx.ModelProto) -> None:
    with pytest.raises(ModelError, match="'kept_tiles' holds int64"):
        observe(model, ["kept_tiles"], inputs(1), threads=1)
    with pytest.raises(ModelError, match="no tensor 'nowhere'"):
        observe(model, ["mixed", "nowhere"], inputs(1), threads=1)


def test_the_model_itself_stays_as_it_was(model: onnx.ModelProto) -> None:
    before = model.SerializeToString()
    assert [item.name for item in with_outputs(model, ["mixed", "boxes"]).graph.output][-1] == "mixed"
    assert model.SerializeToString() == before


def test_a_picture_that_vanishes_in_between_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"gone\.png could be read a moment ago"):
        list(read_tensors([tmp_path / "gone.png"], SPEC))
