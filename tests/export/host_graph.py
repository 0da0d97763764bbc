"""Runs a graph with plugin nodes on ONNX Runtime, with the plugin's host library in the place of each node."""

from __future__ import annotations

import numpy as np
import onnx
import onnxruntime
from numpy.typing import NDArray
from onnx import TensorProto, helper

from export.engine_graph import PLUGIN_NAME
from tests.export.plugin.host_library import roi_align_host

_ATTRIBUTES = ("strides", "first_level", "canonical_level", "canonical_size", "bins")


def run_plugin_graph(model: onnx.ModelProto, image: NDArray[np.float32]) -> list[NDArray[np.float32]]:
    """The graph's outputs; it is cut at each plugin node and its parts run one after the other."""
    known: dict[str, NDArray[np.generic]] = {model.graph.input[0].name: image}
    part: list[onnx.NodeProto] = []
    for node in model.graph.node:
        if node.op_type != PLUGIN_NAME:
            part.append(node)
            continue
        _run_part(model, part, known, list(node.input))
        part = []
        values = {item.name: helper.get_attribute_value(item) for item in node.attribute if item.name in _ATTRIBUTES}
        *levels, rois = (known[name] for name in node.input)
        known[node.output[0]] = roi_align_host(levels, rois, **values)
    outputs = [item.name for item in model.graph.output]
    _run_part(model, part, known, outputs)
    return [known[name] for name in outputs]


def _run_part(
    model: onnx.ModelProto, nodes: list[onnx.NodeProto], known: dict[str, NDArray[np.generic]], wanted: list[str]
) -> None:
    """Run all nodes so far that `wanted` needs; whatever later parts read is put out too."""
    made = {name for node in nodes for name in node.output}
    later = [name for node in model.graph.node for name in node.input] + [item.name for item in model.graph.output]
    outputs = list(dict.fromkeys(name for name in [*wanted, *later] if name in made and name not in known))
    stored = {item.name for item in model.graph.initializer}
    inputs = {name for node in nodes for name in node.input if name and name not in made and name not in stored}
    types = {item.name: item for item in (*model.graph.value_info, *model.graph.output)}
    graph = helper.make_graph(
        nodes,
        "part",
        [_value(name, known[name]) for name in sorted(inputs)],
        [types.get(name) or helper.make_empty_tensor_value_info(name) for name in outputs],
        list(model.graph.initializer),
    )
    part = helper.make_model(graph, opset_imports=list(model.opset_import), ir_version=model.ir_version)
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    session = onnxruntime.InferenceSession(part.SerializeToString(), options, providers=["CPUExecutionProvider"])
    results = session.run(outputs, {name: known[name] for name in inputs})
    known.update(zip(outputs, results, strict=True))


def _value(name: str, value: NDArray[np.generic]) -> onnx.ValueInfoProto:
    types = {np.dtype(np.float32): TensorProto.FLOAT, np.dtype(np.float16): TensorProto.FLOAT16}
    types |= {np.dtype(np.int64): TensorProto.INT64, np.dtype(np.int8): TensorProto.INT8}
    return helper.make_tensor_value_info(name, types[value.dtype], value.shape)


def same_cells(given: list[NDArray[np.float32]], boxes: NDArray[np.float32]) -> list[int]:
    """For each box the nearest slot that holds a cell: rounding may change the order of nearly equal scores."""
    distance = np.abs(given[0][None] - boxes[:, None]).sum(axis=2) + 1e6 * (given[1] < 0.05)
    return [int(row.argmin()) for row in distance]
