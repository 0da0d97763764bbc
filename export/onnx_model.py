"""Checkpoint -> ONNX file that carries its own description, checked against PyTorch before it is written."""

from __future__ import annotations

import json
from pathlib import Path

import onnx
import torch
from torch import nn

from calib.int8.qdq import FLOAT_NODES_KEY
from edge.spec import METADATA_KEY, ModelSpec
from export.definitions import definitions, trace
from export.naming import name_by_module, nodes_of_layers
from export.network import KeptCells
from export.parity import ParityReport, check_parity, parity_pictures
from train.checkpoint import load_model
from train.inference import model_spec
from train.model.leukocytemask import LeukocyteMask

LARGEST_IR_VERSION = 10  # onnxruntime 1.23, Python 3.10's newest, rejects 12 and more


def export_onnx(checkpoint: Path, out: Path, *, threshold: float, pictures: Path | None = None) -> ParityReport:
    """Write `out` and return what the comparison with PyTorch found.

    Raises
    ------
    ModelError
        the checkpoint is none, or the exported graph differs from the network by more than the tolerances of
        `export.parity`; nothing is written then
    """
    model, facts = load_model(checkpoint)
    spec = model_spec(model.config, threshold)
    temporary = out.with_suffix(".tmp.onnx")
    out.parent.mkdir(parents=True, exist_ok=True)
    try:
        onnx.save(describe(to_onnx(model, spec), spec, facts, float_layers(model)), temporary)
        report = check_parity(model, spec, temporary, parity_pictures(pictures))
        temporary.replace(out)
    finally:
        temporary.unlink(missing_ok=True)
    return report


def to_onnx(model: LeukocyteMask, spec: ModelSpec) -> onnx.ModelProto:
    """Trace the network into a graph of plain operations and our own nodes with their definitions."""
    example = torch.zeros(1, 3, spec.input_height, spec.input_width)
    names = ([spec.input_name], [spec.boxes_name, spec.scores_name, spec.masks_name])
    proto = trace(KeptCells(model), (example,), names)
    name_by_module(proto)
    proto.functions.extend(definitions(model))
    return proto


def float_layers(model: LeukocyteMask) -> tuple[str, ...]:
    """The layers that stay in floating point in an INT8 engine.

    The first one, whose input is the picture; the last ones, whose outputs are scores, box deltas and mask values; and
    the depthwise convolutions: they hold a twentieth of the multiply-adds, and TensorRT-RTX lays their INT8 weights out
    as dense ones (its plan of the packaged model grows from 16 to 49 MB).
    """
    stem = next(name for name, part in model.backbone.named_modules() if isinstance(part, nn.Conv2d))
    depthwise = [name for name, part in model.named_modules() if isinstance(part, nn.Conv2d) and part.groups > 1]
    upsampling = [name for name, part in model.mask.named_modules() if isinstance(part, nn.ConvTranspose2d)]
    return (
        f"backbone.{stem}",
        *depthwise,
        "rpn.objectness",
        "rpn.deltas",
        "localization.score",
        "localization.deltas",
        *(f"mask.{name}" for name in upsampling),
        "mask.logits",
    )


def describe(
    proto: onnx.ModelProto, spec: ModelSpec, facts: dict[str, object], layers_in_float: tuple[str, ...]
) -> onnx.ModelProto:
    """Put the spec, the facts about the training run and the layers that no engine may quantise into the file's
    metadata; drop the tracer's bookkeeping."""
    proto.ir_version = min(proto.ir_version, LARGEST_IR_VERSION)
    proto.doc_string = "LeukocyteMask: white blood cells in a microscope's picture"
    for holder in (proto, proto.graph, *proto.graph.node, *proto.graph.value_info):
        del holder.metadata_props[:]
    for node in proto.graph.node:
        node.doc_string = ""
    facts_of_file = {
        METADATA_KEY: spec.to_json(),
        "leukoedge.training": _text(facts),
        FLOAT_NODES_KEY: json.dumps(nodes_of_layers(proto, layers_in_float)),
    }
    onnx.helper.set_model_props(proto, facts_of_file)
    return proto


def _text(facts: dict[str, object]) -> str:
    return "; ".join(
        f"{key} {value:.5g}" if isinstance(value, float) else f"{key} {value}" for key, value in facts.items()
    )
