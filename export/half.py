"""float32 -> float16 layers: the types are written in the graph, as a strongly typed engine takes them from there.

Layers, activations and Q/DQ pairs of the network's modules become float16; the picture, the decoding of boxes, NMS, all
ROIs and the outputs stay float32 (`export.naming.OUTSIDE`).
"""

from __future__ import annotations

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from calib.int8.qdq import LAYERS
from export.naming import OUTSIDE
from export.node_names import BOX_ROI_ALIGN, MASK_ROI_ALIGN

_FLOAT_POSITIONS = {"Resize": (1, 2), BOX_ROI_ALIGN: (-1,), MASK_ROI_ALIGN: (-1,)}
"""Inputs that stay float32 in a float16 node: the scales of a Resize, the ROIs."""


def to_half(model: onnx.ModelProto) -> onnx.ModelProto:
    """A copy of the model whose network runs in float16, with casts where it meets the rest."""
    model = onnx.ModelProto.FromString(model.SerializeToString())
    graph = model.graph
    stored = {item.name: item for item in graph.initializer}
    half = _half_tensors(graph)
    types = {item.name: item.type.tensor_type.elem_type for item in (*graph.input, *graph.value_info)}
    converter = _Converter(graph, stored, half, types)
    nodes: list[onnx.NodeProto] = []
    for node in graph.node:
        inside = node.output[0] in half or _is_half(node, half)
        keep = {p % len(node.input) for p in _FLOAT_POSITIONS.get(node.op_type, ())}
        for position, name in enumerate(node.input):
            if name and inside and position not in keep:
                node.input[position] = converter.as_half(name, nodes)
            elif name in half:
                node.input[position] = converter.as_float(name, nodes)
        nodes.append(node)
    del graph.node[:]
    graph.node.extend(nodes)
    _drop_unused(graph, stored)
    for item in graph.value_info:
        if item.name in half and item.type.tensor_type.elem_type == TensorProto.FLOAT:
            item.type.tensor_type.elem_type = TensorProto.FLOAT16
    return model


def _half_tensors(graph: onnx.GraphProto) -> set[str]:
    """The outputs of the nodes that become float16."""
    half: set[str] = set()
    for node in graph.node:
        if _is_half(node, half) and node.op_type != "QuantizeLinear":
            half.update(node.output)
    return half


def _is_half(node: onnx.NodeProto, half: set[str]) -> bool:
    """A layer, a dequantised tensor, or what the network's modules make of one."""
    if node.name.startswith(f"{OUTSIDE}/"):
        return False
    return node.op_type in LAYERS or node.op_type == "DequantizeLinear" or any(name in half for name in node.input)


class _Converter:
    """Makes each float16 copy and each cast once."""

    def __init__(
        self,
        graph: onnx.GraphProto,
        stored: dict[str, onnx.TensorProto],
        half: set[str],
        types: dict[str, int],
    ) -> None:
        self._graph, self._stored, self._half, self._types = graph, stored, half, types
        self._made: set[str] = set()

    def as_half(self, name: str, nodes: list[onnx.NodeProto]) -> str:
        """The name under which a float16 node reads the tensor."""
        if name in self._half:
            return name
        if name in self._stored:
            return self._half_copy(self._stored[name])
        if self._types.get(name) != TensorProto.FLOAT:  # int8 between Q and DQ, shapes
            return name
        return self._cast(name, TensorProto.FLOAT16, nodes)

    def as_float(self, name: str, nodes: list[onnx.NodeProto]) -> str:
        return self._cast(name, TensorProto.FLOAT, nodes)

    def _half_copy(self, item: onnx.TensorProto) -> str:
        if item.data_type != TensorProto.FLOAT:
            return item.name
        name = f"{item.name}/float16"
        if name not in self._made:
            self._made.add(name)
            values = numpy_helper.to_array(item).astype(np.float16)
            self._graph.initializer.append(numpy_helper.from_array(values, name))
        return name

    def _cast(self, name: str, to: int, nodes: list[onnx.NodeProto]) -> str:
        made = f"{name}/{TensorProto.DataType.Name(to).lower()}"
        if made not in self._made:
            self._made.add(made)
            nodes.append(helper.make_node("Cast", [name], [made], f"{made}/Cast", to=to))
        return made


def _drop_unused(graph: onnx.GraphProto, stored: dict[str, onnx.TensorProto]) -> None:
    used = {name for node in graph.node for name in node.input}
    for name, item in stored.items():
        if name not in used:
            graph.initializer.remove(item)
