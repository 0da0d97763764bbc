"""The graph of an engine: fixed shapes, and the same cells as the model file's own graph."""

from __future__ import annotations

import itertools

import numpy as np
import onnx
import onnxruntime
import pytest
from numpy.typing import NDArray

from calib.int8.qdq import insert_qdq
from edge.errors import ModelError
from export.engine_graph import PLUGIN_NAME, engine_graph, spec_of
from export.half import to_half
from export.naming import OUTSIDE
from tests.export.host_graph import same_cells

DATA_DEPENDENT = {"NonZero", "NonMaxSuppression", "Compress", "Unique", "Loop", "If", "Scan"}


def run(model: onnx.ModelProto, tensor: NDArray[np.float32]) -> list[NDArray[np.float32]]:
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    session = onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
    outputs: list[NDArray[np.float32]] = session.run(["boxes", "scores", "masks"], {"image": tensor})
    return outputs


def types_of(model: onnx.ModelProto) -> dict[str, int]:
    inferred = onnx.shape_inference.infer_shapes(model, strict_mode=True, data_prop=True).graph
    values = {item.name: item.type.tensor_type.elem_type for item in (*inferred.value_info, *inferred.input)}
    return values | {item.name: item.data_type for item in inferred.initializer}


def test_all_slots_come_out_and_the_found_ones_are_those_of_the_model_file(
    packaged: onnx.ModelProto, tensors: list[NDArray[np.float32]]
) -> None:
    graph = engine_graph(packaged, "plain")
    spec = spec_of(packaged)
    for tensor in tensors:
        wanted, given = run(packaged, tensor), run(graph, tensor)
        found = len(wanted[1])
        assert given[0].shape == (spec.slots, 4)
        assert given[2].shape == (spec.slots, spec.mask_size, spec.mask_size)
        assert (given[1][found:] < spec.score_floor).all()
        for want, have in zip(wanted, given, strict=True):
            np.testing.assert_allclose(have[:found], want, atol=1e-4)
    assert found >= 5


def test_nothing_depends_on_the_data_in_shape(packaged: onnx.ModelProto, ranges: dict[str, float]) -> None:
    models = (packaged, to_half(packaged), to_half(insert_qdq(packaged, ranges)))
    for model, roi_align in itertools.product(models, ("plugin", "plain")):
        graph = engine_graph(model, roi_align)
        assert not DATA_DEPENDENT & {node.op_type for node in graph.graph.node}
        assert not graph.functions
        shapes = [dim for item in graph.graph.output for dim in item.type.tensor_type.shape.dim]
        assert all(dim.dim_value > 0 for dim in shapes)


def test_the_plugin_graph_holds_two_plugin_nodes_with_the_plugins_fields(packaged: onnx.ModelProto) -> None:
    nodes = [node for node in engine_graph(packaged, "plugin").graph.node if node.domain]
    assert [node.op_type for node in nodes] == [PLUGIN_NAME, PLUGIN_NAME]
    fields = [{item.name: onnx.helper.get_attribute_value(item) for item in node.attribute} for node in nodes]
    assert fields[0]["strides"] == [8, 16, 32]
    assert [field["bins"] for field in fields] == [7, 28]
    assert all(field["plugin_version"] == b"1" and field["plugin_namespace"] == b"leukoedge" for field in fields)


def test_float16_changes_masks_by_no_more_than_its_rounding(
    packaged: onnx.ModelProto, tensors: list[NDArray[np.float32]]
) -> None:
    half = engine_graph(to_half(packaged), "plain")
    onnx.checker.check_model(half)
    for tensor in tensors:
        wanted, given = run(packaged, tensor), run(half, tensor)
        found = len(wanted[1])
        order = same_cells(given, wanted[0])
        assert (given[1] >= 0.5).sum() == (wanted[1] >= 0.5).sum()
        # 11 bits of mantissa: boxes of up to 512 px and masks' logits of up to 20, after some sixty layers
        np.testing.assert_allclose(given[0][order], wanted[0], atol=0.5)
        np.testing.assert_allclose(given[2][order], wanted[2], atol=0.05)
    assert found >= 5


@pytest.mark.parametrize("quantised", [False, True])
def test_layers_are_float16_and_the_geometry_float32(
    packaged: onnx.ModelProto, ranges: dict[str, float], quantised: bool
) -> None:
    model = insert_qdq(packaged, ranges) if quantised else packaged
    graph = engine_graph(to_half(model), "plain")
    onnx.checker.check_model(graph)
    types = types_of(graph)
    layers = [node for node in graph.graph.node if node.op_type in ("Conv", "ConvTranspose", "Gemm")]
    assert len(layers) > 60
    assert {types[name] for node in layers for name in node.input} == {onnx.TensorProto.FLOAT16}
    geometry = [node for node in graph.graph.node if node.name.startswith(f"{OUTSIDE}/")]
    assert not {types[name] for node in geometry for name in node.input if name} & {onnx.TensorProto.FLOAT16}
    assert {item.type.tensor_type.elem_type for item in graph.graph.output} == {onnx.TensorProto.FLOAT}


def test_a_model_of_another_program_is_refused_in_one_sentence(packaged: onnx.ModelProto) -> None:
    nameless = onnx.ModelProto.FromString(packaged.SerializeToString())
    del nameless.metadata_props[:]
    with pytest.raises(ModelError, match="says nothing of itself"):
        engine_graph(nameless, "plain")
    old = engine_graph(packaged, "plain")
    with pytest.raises(ModelError, match="0 RoIAlign nodes instead of two"):
        engine_graph(old, "plain")
