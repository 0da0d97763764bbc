"""Do two graphs compute the same tensors? A hash of how each named tensor is made, blind to everything else."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import onnx
from onnx import numpy_helper


def fingerprint(model: onnx.ModelProto, names: Sequence[str]) -> str:
    """SHA-256, hexadecimal, over the named tensors and the weights and operations that each comes from.

    A Merkle tree along the graph: equal for files that differ in metadata, in inner names, in the order of their
    nodes or in what lies behind the named tensors; different as soon as one weight differs, or one name stands for
    another tensor. The bodies of model-local functions are not looked into, so the graph may be stripped of them.
    """
    known = {"": _hash("absent")}
    for item in model.graph.input:
        shape = [dim.dim_value for dim in item.type.tensor_type.shape.dim]
        known[item.name] = _hash("input", item.type.tensor_type.elem_type, shape)
    for weight in model.graph.initializer:
        array = numpy_helper.to_array(weight)
        known[weight.name] = _hash("weight", array.dtype.str, array.shape, hashlib.sha256(array.tobytes()).hexdigest())
    for node in model.graph.node:  # ONNX demands topological order
        sources = [known.get(name, _hash("unknown")) for name in node.input]
        made = _hash(node.domain, node.op_type, sources, sorted(_attribute(item) for item in node.attribute))
        for position, name in enumerate(node.output):
            known[name] = _hash(made, position)
    return _hash(*(f"{name}={known.get(name, 'missing')}" for name in sorted(names)))


def _attribute(attribute: onnx.AttributeProto) -> str:
    if attribute.type == onnx.AttributeProto.TENSOR:
        array = numpy_helper.to_array(attribute.t)
        return f"{attribute.name}: {array.dtype.str} {array.shape} {hashlib.sha256(array.tobytes()).hexdigest()}"
    plain = onnx.AttributeProto()
    plain.CopyFrom(attribute)
    plain.doc_string = ""
    return f"{attribute.name}: {plain.SerializeToString(deterministic=True).hex()}"


def _hash(*parts: object) -> str:
    return hashlib.sha256(repr(parts).encode()).hexdigest()
