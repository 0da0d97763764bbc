"""Explicit quantisation: Q/DQ pairs around the inputs of the layers that are to run in INT8.

Per-tensor symmetric int8 activations (scale amax / 127), per-channel symmetric int8 weights, float32 biases: what
TensorRT 10 and 11 and TensorRT-RTX build and what ONNX Runtime can judge. Which layers stay in floating point is
written in the model file by its export, as a list of exact node names (`FLOAT_NODES_KEY`).
"""

from __future__ import annotations

import json
from collections import defaultdict

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import helper, numpy_helper

from edge.errors import ModelError

FLOAT_NODES_KEY = "leukoedge.float_nodes"
"""Metadata: JSON list of the layers that no INT8 engine quantises."""

LAYERS = frozenset({"Conv", "ConvTranspose", "Gemm"})
FOLLOWERS = frozenset({"Add", "Resize", "Slice", "BoxRoiAlign"})
"""Operations that read the quantised tensor where there is one, so that it exists in 8 bits only. The masks' RoIAlign
is not among them: its input is not quantised for anybody else."""

LARGEST = 127.0
SMALLEST_SCALE = 2.0**-14
"""The smallest normal float16: scales must be exact in float16, as an engine's are of the type of its activations."""


def float_nodes(model: onnx.ModelProto) -> frozenset[str]:
    """The layers that must not be quantised; raises ModelError if the model does not say or names one it lacks."""
    text = next((p.value for p in model.metadata_props if p.key == FLOAT_NODES_KEY), None)
    if text is None:
        raise ModelError(
            "the model does not say which of its layers must stay in floating point; export it again with "
            "`python -m export onnx`"
        )
    names = frozenset(json.loads(text))
    missing = sorted(names - {node.name for node in model.graph.node if node.op_type in LAYERS})
    if missing:
        raise ModelError(
            f"the model wants {missing[0]} kept in floating point but has no such layer; export it again with "
            "`python -m export onnx`"
        )
    return names


def quantised_nodes(model: onnx.ModelProto) -> tuple[onnx.NodeProto, ...]:
    """The layers that INT8 is for, in graph order."""
    kept = float_nodes(model)
    return tuple(node for node in model.graph.node if node.op_type in LAYERS and node.name not in kept)


def activation_tensors(model: onnx.ModelProto) -> tuple[str, ...]:
    """Names of the tensors whose range must be known: the data inputs of the quantised layers and what is added to
    one of them, in graph order."""
    wanted = {node.input[0] for node in quantised_nodes(model)}
    for node in model.graph.node:
        if node.op_type == "Add" and _is_residual(node, wanted):
            wanted.update(node.input)
    return tuple(name for node in model.graph.node for name in node.output if name in wanted)


def _is_residual(node: onnx.NodeProto, quantised: set[str]) -> bool:
    """A shortcut or a merge of pyramid levels: its sum is read by a quantised layer."""
    return node.output[0] in quantised


def insert_qdq(model: onnx.ModelProto, amax: dict[str, float]) -> onnx.ModelProto:
    """A copy of the model with Q/DQ pairs.

    Parameters
    ----------
    amax : largest magnitude of each of `activation_tensors`; larger values saturate

    Raises
    ------
    ModelError : a range is missing, not finite or not positive
    """
    model = _copy(model)
    layers = {node.name for node in quantised_nodes(model)}
    tensors = activation_tensors(model)
    _check_ranges(tensors, amax)
    readers = defaultdict(list)
    for node in model.graph.node:
        for position, name in enumerate(node.input):
            readers[name].append((node, position))
    pairs: dict[str, list[onnx.NodeProto]] = {}
    for name in tensors:
        pairs[name] = _activation_pair(model.graph, name, scale_of(amax[name]))
        for node, position in readers[name]:
            if node.name in layers or node.op_type in FOLLOWERS:
                node.input[position] = pairs[name][1].output[0]
    weights = _quantise_weights(model, layers)
    _reorder(model.graph, pairs, weights)
    assert_excluded(model)
    return model


def assert_excluded(model: onnx.ModelProto) -> None:
    """Raise ModelError if a layer that must stay in floating point reads quantised weights."""
    dequantised = {node.output[0] for node in model.graph.node if node.op_type == "DequantizeLinear"}
    kept = float_nodes(model)
    for node in model.graph.node:
        if node.name in kept and node.input[1] in dequantised:
            raise ModelError(f"{node.name} must stay in floating point but its weights are quantised")


def _copy(model: onnx.ModelProto) -> onnx.ModelProto:
    copy = onnx.ModelProto()
    copy.CopyFrom(model)
    return copy


def _check_ranges(tensors: tuple[str, ...], amax: dict[str, float]) -> None:
    missing = [name for name in tensors if name not in amax]
    if missing:
        raise ModelError(
            f"the ranges lack {len(missing)} of {len(tensors)} tensors ({missing[0]} first): they belong to another "
            "model; observe them again with `python -m calib int8`"
        )
    bad = [name for name in tensors if not (np.isfinite(amax[name]) and amax[name] > 0)]
    if bad:
        raise ModelError(f"the range of {bad[0]} is {amax[bad[0]]}; expected a positive number; calibrate again")


def scale_of(amax: float) -> float:
    """The step of the int8 grid that reaches `amax`, as float16 can say it."""
    return float(np.float16(max(amax / LARGEST, SMALLEST_SCALE)))


def _activation_pair(graph: onnx.GraphProto, name: str, scale: float) -> list[onnx.NodeProto]:
    quantised, dequantised, zero = f"{name}/int8", f"{name}/dequantised", f"{name}/zero"
    graph.initializer.append(numpy_helper.from_array(np.array(scale, np.float32), f"{name}/scale"))
    graph.initializer.append(numpy_helper.from_array(np.array(0, np.int8), zero))
    return [
        helper.make_node("QuantizeLinear", [name, f"{name}/scale", zero], [quantised], f"{name}/Q"),
        helper.make_node("DequantizeLinear", [quantised, f"{name}/scale", zero], [dequantised], f"{name}/DQ"),
    ]


def _quantise_weights(model: onnx.ModelProto, layers: set[str]) -> list[onnx.NodeProto]:
    """int8 weights and their DequantizeLinear for each layer.

    Layers that share weights get copies, and each has its own zero point: ONNX Runtime's exact 8-bit mode fails on
    shared int8 weights and zero points (1.32: "Attempt to replace the existing tensor").
    """
    graph = model.graph
    stored = {item.name: item for item in graph.initializer}
    nodes: list[onnx.NodeProto] = []
    replaced: set[str] = set()
    for node in graph.node:
        if node.name not in layers:
            continue
        replaced.add(node.input[1])
        axis = _channel_axis(node)
        values, scales = quantise_per_channel(numpy_helper.to_array(stored[node.input[1]]), axis)
        name = f"{node.name}/weight"
        parts: dict[str, NDArray[np.generic]] = {
            "int8": values,
            "scale": scales,
            "zero": np.zeros(scales.shape, np.int8),
        }
        graph.initializer.extend(numpy_helper.from_array(part, f"{name}/{key}") for key, part in parts.items())
        inputs = [f"{name}/{key}" for key in parts]
        node.input[1] = f"{name}/dequantised"
        nodes.append(helper.make_node("DequantizeLinear", inputs, [node.input[1]], f"{name}/DQ", axis=axis))
    used = {name for node in graph.node for name in node.input}
    for name in replaced - used:
        graph.initializer.remove(stored[name])
    return nodes


def _channel_axis(node: onnx.NodeProto) -> int:
    """The axis of the weights that counts output channels."""
    if node.op_type == "ConvTranspose":
        return 1
    transposed = any(item.name == "transB" and item.i == 1 for item in node.attribute)
    return 1 if node.op_type == "Gemm" and not transposed else 0


def quantise_per_channel(weights: NDArray[np.float32], axis: int) -> tuple[NDArray[np.int8], NDArray[np.float32]]:
    """int8 values of the same shape and float32 scales [channels]."""
    others = tuple(i for i in range(weights.ndim) if i != axis)
    scales = np.array([scale_of(float(largest)) for largest in np.abs(weights).max(axis=others)], np.float32)
    shape = [1] * weights.ndim
    shape[axis] = -1
    values = np.clip(np.rint(weights / scales.reshape(shape)), -LARGEST, LARGEST)
    return values.astype(np.int8), scales


def _reorder(graph: onnx.GraphProto, pairs: dict[str, list[onnx.NodeProto]], weights: list[onnx.NodeProto]) -> None:
    """Put each pair behind the node whose output it quantises, as ONNX wants its nodes sorted."""
    nodes = list(weights)
    for node in graph.node:
        nodes.append(node)
        for name in node.output:
            nodes += pairs.get(name, [])
    del graph.node[:]
    graph.node.extend(nodes)
