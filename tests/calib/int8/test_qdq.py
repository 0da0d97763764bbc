"""Q/DQ pairs are where they must be, nowhere else, and mean what they say."""

from __future__ import annotations

import json

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import TensorProto, helper, numpy_helper

from calib.int8.qdq import (
    FLOAT_NODES_KEY,
    activation_tensors,
    insert_qdq,
    quantise_per_channel,
    quantised_nodes,
    scale_of,
)
from edge.errors import ModelError
from edge.segmenters import packaged_model

RANDOM = np.random.default_rng(0)
AMAX = {"first": 6.0, "second": 3.0, "sum": 8.0}


def small_model(float_nodes: list[str] | None = None) -> onnx.ModelProto:
    """image -> stem (float) -> first -> body -> second; first + second = sum -> head; and a Gemm-free end."""
    weights = {
        "stem.w": RANDOM.normal(size=(4, 3, 3, 3)),
        "body.w": RANDOM.normal(size=(4, 4, 3, 3)),
        "head.w": RANDOM.normal(size=(2, 4, 1, 1)),
        "body.b": RANDOM.normal(size=4),
    }
    conv = {"pads": [1, 1, 1, 1], "kernel_shape": [3, 3]}
    nodes = [
        helper.make_node("Conv", ["image", "stem.w"], ["first"], "stem", **conv),
        helper.make_node("Conv", ["first", "body.w", "body.b"], ["second"], "body", **conv),
        helper.make_node("Add", ["first", "second"], ["sum"], "add"),
        helper.make_node("Conv", ["sum", "head.w"], ["out"], "head", kernel_shape=[1, 1]),
    ]
    graph = helper.make_graph(
        nodes,
        "small",
        [helper.make_tensor_value_info("image", TensorProto.FLOAT, [1, 3, 8, 8])],
        [helper.make_tensor_value_info("out", TensorProto.FLOAT, [1, 2, 8, 8])],
        [numpy_helper.from_array(value.astype(np.float32), name) for name, value in weights.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 19)], ir_version=9)
    helper.set_model_props(model, {FLOAT_NODES_KEY: json.dumps(["stem"] if float_nodes is None else float_nodes)})
    return model


def run(model: onnx.ModelProto, image: np.ndarray, output: str = "out") -> np.ndarray:
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    session = onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
    result: np.ndarray = session.run([output], {"image": image})[0]
    return result


def test_the_inputs_of_quantised_layers_and_of_their_sums_need_ranges() -> None:
    assert activation_tensors(small_model()) == ("first", "second", "sum")
    assert [node.name for node in quantised_nodes(small_model())] == ["body", "head"]


def test_excluded_layers_read_float_weights_and_all_others_int8() -> None:
    model = insert_qdq(small_model(), AMAX)
    onnx.checker.check_model(model)
    int8 = {item.name for item in model.graph.initializer if item.data_type == TensorProto.INT8 and item.dims}
    sources = {node.output[0]: node.input[0] for node in model.graph.node if node.op_type == "DequantizeLinear"}
    by_name = {node.name: node for node in model.graph.node}
    assert by_name["stem"].input[1] == "stem.w"
    for name in ("body", "head"):
        assert sources[by_name[name].input[1]] in int8
        assert by_name[name].input[0] in sources
    assert all(name in sources for name in by_name["add"].input)
    assert "body.w" not in {item.name for item in model.graph.initializer}


def test_the_quantised_graph_computes_what_rounding_by_hand_computes() -> None:
    image = RANDOM.normal(size=(1, 3, 8, 8)).astype(np.float32)
    model = small_model()
    weights = {item.name: numpy_helper.to_array(item) for item in model.graph.initializer}

    def grid(values: np.ndarray, amax: float) -> np.ndarray:
        scale = scale_of(amax)
        return np.clip(np.rint(values / scale), -128, 127) * scale

    def with_weights(name: str) -> np.ndarray:
        values, scales = quantise_per_channel(weights[name], 0)
        return values * scales.reshape(-1, 1, 1, 1)

    first = grid(run_conv(image, weights["stem.w"]), AMAX["first"])
    second = grid(run_conv(first, with_weights("body.w"), weights["body.b"]), AMAX["second"])
    expected = run_conv(grid(first + second, AMAX["sum"]), with_weights("head.w"))
    np.testing.assert_allclose(run(insert_qdq(model, AMAX), image), expected, atol=1e-4)


def run_conv(x: np.ndarray, w: np.ndarray, b: np.ndarray | None = None) -> np.ndarray:
    """A convolution by its definition, zero padding, stride 1."""
    k = w.shape[2] // 2
    padded = np.pad(x, ((0, 0), (0, 0), (k, k), (k, k)))
    windows = np.lib.stride_tricks.sliding_window_view(padded, w.shape[2:], axis=(2, 3))
    out = np.einsum("bchwij,ocij->bohw", windows, w)
    return out if b is None else out + b.reshape(1, -1, 1, 1)


def test_scales_are_exact_in_float16_and_weights_keep_within_half_a_step() -> None:
    weights = RANDOM.normal(size=(16, 8, 3, 3)).astype(np.float32)
    weights[3] = 0
    weights[5] *= 1e-6
    values, scales = quantise_per_channel(weights, 0)
    assert values.dtype == np.int8
    assert (scales == scales.astype(np.float16).astype(np.float32)).all()
    assert (scales > 0).all()
    error = np.abs(values * scales.reshape(-1, 1, 1, 1) - weights)
    # half a step, and what the largest value loses where float16 rounds its scale down
    assert (error <= scales.reshape(-1, 1, 1, 1) * 0.5 + np.abs(weights) * 2.0**-10).all()
    assert (values[3] == 0).all()


def test_ranges_that_are_missing_or_no_numbers_are_refused() -> None:
    with pytest.raises(ModelError, match="lack 1 of 3 tensors"):
        insert_qdq(small_model(), {"first": 1.0, "second": 1.0})
    for bad in (0.0, -1.0, float("nan"), float("inf")):
        with pytest.raises(ModelError, match="the range of second"):
            insert_qdq(small_model(), AMAX | {"second": bad})


def test_a_model_that_names_a_layer_it_lacks_or_none_at_all_is_refused() -> None:
    with pytest.raises(ModelError, match="wants stern kept in floating point but has no such layer"):
        insert_qdq(small_model(["stern"]), AMAX)
    silent = small_model()
    del silent.metadata_props[:]
    with pytest.raises(ModelError, match="does not say which of its layers"):
        activation_tensors(silent)


def test_the_packaged_model_keeps_its_first_and_last_and_depthwise_layers_in_floating_point() -> None:
    model = onnx.load(packaged_model())
    quantised = {node.name for node in quantised_nodes(model)}
    layers = {node.name: node for node in model.graph.node if node.op_type in ("Conv", "ConvTranspose", "Gemm")}
    kept = layers.keys() - quantised
    depthwise = {
        name for name, node in layers.items() if any(item.name == "group" and item.i > 1 for item in node.attribute)
    }
    assert depthwise < kept
    rest = {name.split("#")[0] for name in kept - depthwise}
    assert rest == {
        "backbone._conv_stem",
        "rpn.objectness",
        "rpn.deltas",
        "localization.score",
        "localization.deltas",
        "mask.body.6",
        "mask.logits",
    }
