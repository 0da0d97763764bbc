"""Checkpoint -> ONNX file that carries its own description, checked against PyTorch before it is written."""

from __future__ import annotations

import logging
import warnings
from pathlib import Path

import onnx
import torch

from edge.errors import ModelError
from edge.spec import METADATA_KEY, ModelSpec
from export.network import KeptCells
from export.parity import ParityReport, check_parity, parity_pictures
from train.checkpoint import load_model
from train.inference import model_spec
from train.model.leukocytemask import LeukocyteMask

OPSET = 18
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
        onnx.save(describe(to_onnx(model, spec), spec, facts), temporary)
        report = check_parity(model, spec, temporary, parity_pictures(pictures))
        temporary.replace(out)
    finally:
        temporary.unlink(missing_ok=True)
    return report


def to_onnx(model: LeukocyteMask, spec: ModelSpec) -> onnx.ModelProto:
    """Trace the network into a graph with plain operations."""
    example = torch.zeros(1, 3, spec.input_height, spec.input_width)
    logging.getLogger("torch.onnx").setLevel(logging.ERROR)  # it reports that torchvision is missing, which is fine
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the exporter's own deprecations
        program = torch.onnx.export(
            KeptCells(model).eval(),
            (example,),
            dynamo=True,
            opset_version=OPSET,
            input_names=[spec.input_name],
            output_names=[spec.boxes_name, spec.scores_name, spec.masks_name],
            verbose=False,
        )
    if program is None:
        raise ModelError("torch.onnx.export returned no model; use the torch version of constraints.txt")
    proto: onnx.ModelProto = program.model_proto
    return proto


def describe(proto: onnx.ModelProto, spec: ModelSpec, facts: dict[str, object]) -> onnx.ModelProto:
    """Put the spec and the facts about the training run into the file's metadata; drop the tracer's bookkeeping."""
    proto.ir_version = min(proto.ir_version, LARGEST_IR_VERSION)
    proto.doc_string = "LeukocyteMask: white blood cells in a microscope's picture"
    for holder in (proto, proto.graph, *proto.graph.node, *proto.graph.value_info):
        del holder.metadata_props[:]
    for node in proto.graph.node:
        node.doc_string = ""
    onnx.helper.set_model_props(proto, {METADATA_KEY: spec.to_json(), "leukoedge.training": _text(facts)})
    return proto


def _text(facts: dict[str, object]) -> str:
    return "; ".join(
        f"{key} {value:.5g}" if isinstance(value, float) else f"{key} {value}" for key, value in facts.items()
    )
