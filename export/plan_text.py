"""What a plan of TensorRT-RTX says of itself in its readable parts.

Loading a plan and asking the engine inspector takes a GPU; the descriptions of its tensors can be read without. Seen
with 1.7.1, byte for byte the same from build to build; another version may write otherwise, so only that one is judged.
"""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass

import onnx

from calib.int8.qdq import quantised_nodes
from edge.errors import ModelError
from export.engine_graph import PLUGIN_NAME

READABLE_VERSION = "1.7.1"
_CONSTANT = re.compile(rb"tensor=\{ [^}]*const_payload_size=\d+ dims=\{ ([\d ]+) \}[^\x00]*?type=(\w+) \}")
_LAYER = re.compile(rb'custom_layer=\{ name="([^"]+)"')


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanText:
    """`int8_weights` counts the int8 constants by their dimensions; `plugin_layers` names its plugin nodes."""

    int8_weights: Counter[tuple[int, ...]]
    plugin_layers: tuple[str, ...]


def read_plan(plan: bytes) -> PlanText:
    """Find the constants and the plugin layers."""
    dims = (tuple(map(int, found.split())) for found, kind in _CONSTANT.findall(plan) if kind == b"int8")
    layers = dict.fromkeys(name.decode() for name in _LAYER.findall(plan))
    return PlanText(int8_weights=Counter(dims), plugin_layers=tuple(layers) if PLUGIN_NAME.encode() in plan else ())


def check_plan(plan: bytes, model: onnx.ModelProto, *, int8: bool, plugins: int) -> PlanText:
    """Raise ModelError unless the plan holds so many plugin layers and, if `int8`, the int8 weights of all layers that
    are to be quantised and of no other.

    Parameters
    ----------
    model : the model file that the plan was built from, without Q/DQ
    """
    text = read_plan(plan)
    wanted = quantised_weights(model) if int8 else Counter()
    if text.int8_weights != wanted:
        missing, extra = wanted - text.int8_weights, text.int8_weights - wanted
        raise ModelError(
            f"of {wanted.total()} layers that are to be INT8 {missing.total()} are not in the plan, and "
            f"{extra.total()} others are; this is a fault of the builder or of this program: please report it"
        )
    if len(text.plugin_layers) != plugins:
        raise ModelError(f"the plan holds {len(text.plugin_layers)} plugin layers instead of {plugins}; build it again")
    return text


def quantised_weights(model: onnx.ModelProto) -> Counter[tuple[int, ...]]:
    """The dimensions of the weights of the quantised layers, those of a Gemm as [inputs, outputs]."""
    stored = {item.name: tuple(item.dims) for item in model.graph.initializer}
    return Counter(
        stored[node.input[1]][::-1] if node.op_type == "Gemm" else stored[node.input[1]]
        for node in quantised_nodes(model)
    )
