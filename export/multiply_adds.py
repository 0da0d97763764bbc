"""How much of a network's arithmetic runs in INT8."""

from __future__ import annotations

from math import prod

import onnx

from calib.int8.qdq import LAYERS, quantised_nodes
from edge.errors import ModelError
from export.engine_graph import engine_graph

LEAST_INT8_SHARE = 0.8


def multiply_adds(model: onnx.ModelProto) -> dict[str, int]:
    """Multiply-adds of each layer for one picture with all slots in use, by node name."""
    graph = onnx.shape_inference.infer_shapes(engine_graph(model, "plain"), data_prop=True).graph
    shapes = {item.name: [dim.dim_value for dim in item.type.tensor_type.shape.dim] for item in graph.value_info}
    shapes |= {item.name: list(item.dims) for item in graph.initializer}
    return {node.name: _of_layer(node, shapes) for node in graph.node if node.op_type in LAYERS}


def int8_share(model: onnx.ModelProto) -> float:
    """The share of the multiply-adds that an INT8 engine computes in INT8; raises ModelError below 80 %."""
    counts = multiply_adds(model)
    share = sum(counts[node.name] for node in quantised_nodes(model)) / sum(counts.values())
    if share < LEAST_INT8_SHARE:
        raise ModelError(
            f"only {share:.1%} of the multiply-adds would run in INT8 (at least {LEAST_INT8_SHARE:.0%} are wanted): "
            "too many layers are kept in floating point; build with --fp16"
        )
    return share


def _of_layer(node: onnx.NodeProto, shapes: dict[str, list[int]]) -> int:
    weights = shapes[node.input[1]]
    if node.op_type == "Gemm":
        return shapes[node.output[0]][0] * prod(weights)
    positions = node.input[0] if node.op_type == "ConvTranspose" else node.output[0]
    return prod(shapes[positions]) * prod(weights[1:])
