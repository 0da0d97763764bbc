"""Names of nodes and tensors by the module that they come from, the same in every export of a network."""

from __future__ import annotations

import ast
from collections import Counter

import onnx

from edge.errors import ModelError

_SCOPES = "pkg.torch.onnx.name_scopes"
_ROOT = "model."
OUTSIDE = "geometry"
"""Prefix of the nodes that belong to no layer: decoding of boxes, NMS, selection. They stay float32 in every engine."""


def name_by_module(proto: onnx.ModelProto) -> None:
    """Rename in place: a node with a weight is called as its layer, the others by their module and operator.

    A second node of the same name gets "#2". A tensor is called as the node that puts it out.
    """
    graph = proto.graph
    fixed = {item.name for item in (*graph.input, *graph.output)}
    seen: Counter[str] = Counter()
    renamed: dict[str, str] = {
        item.name: item.name.removeprefix(_ROOT) for item in graph.initializer if item.name.startswith(_ROOT)
    }
    for node in graph.node:
        base = _base_name(node)
        seen[base] += 1
        node.name = base if seen[base] == 1 else f"{base}#{seen[base]}"
        for i, output in enumerate(node.output):
            if output and output not in fixed:
                renamed[output] = node.name if i == 0 else f"{node.name}:{i}"
    for node in graph.node:
        for names in (node.input, node.output):
            names[:] = [renamed.get(name, name) for name in names]
    for item in (*graph.initializer, *graph.value_info):
        item.name = renamed.get(item.name, item.name)


def nodes_of_layers(proto: onnx.ModelProto, layers: tuple[str, ...]) -> list[str]:
    """The nodes of each layer, all of its uses; raises ModelError if one has none."""
    names = []
    for layer in layers:
        found = [node.name for node in proto.graph.node if node.name.split("#")[0] == layer]
        if not found:
            raise ModelError(f"the exported graph has no layer {layer}; the network and the export do not fit together")
        names += found
    return names


def _base_name(node: onnx.NodeProto) -> str:
    for name in node.input[1:2]:
        if name.startswith(_ROOT) and name.endswith(".weight"):
            return name.removeprefix(_ROOT).removesuffix(".weight")
    scopes = ast.literal_eval(next((p.value for p in node.metadata_props if p.key == _SCOPES), "[]"))
    modules = [scope for scope in scopes if scope.startswith(_ROOT)]
    return f"{modules[-1].removeprefix(_ROOT) if modules else OUTSIDE}/{node.op_type}"
