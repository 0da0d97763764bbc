"""The definitions of our own nodes as model-local functions: plain operations that every backend runs.

The RoIAligns are traced from `train.model.roi_align`, so that there is one source of the arithmetic.
"""

from __future__ import annotations

import logging
import warnings
from collections.abc import Sequence

import onnx
import torch
from onnx import TensorProto, helper, numpy_helper
from torch import nn

from edge.errors import ModelError
from export.node_names import BOX_ROI_ALIGN, DOMAIN, MASK_ROI_ALIGN, SLOTS_TO_COMPUTE, SLOTS_TO_KEEP
from export.nodes import roi_align_attributes, translations
from train.model.config import ModelConfig
from train.model.leukocytemask import LeukocyteMask
from train.model.roi_align import RoiAlignSpec, roi_align

OPSET = 19  # what TensorRT 10.3 (JetPack 6) parses, and the first with Q/DQ of float16


def trace(module: nn.Module, inputs: tuple[torch.Tensor, ...], names: tuple[list[str], list[str]]) -> onnx.ModelProto:
    """`torch.onnx.export` without its chatter; `names` of the inputs and the outputs."""
    logging.getLogger("torch.onnx").setLevel(logging.ERROR)  # it reports that torchvision is missing, which is fine
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the exporter's own deprecations
        program = torch.onnx.export(
            module.eval(),
            inputs,
            dynamo=True,
            opset_version=OPSET,
            input_names=names[0],
            output_names=names[1],
            dynamic_shapes=getattr(module, "dynamic_shapes", None),
            custom_translation_table=translations(),
            verbose=False,
        )
    if program is None:
        raise ModelError("torch.onnx.export returned no model; use the torch version of constraints.txt")
    proto: onnx.ModelProto = program.model_proto
    return proto


def definitions(model: LeukocyteMask) -> list[onnx.FunctionProto]:
    """One function for each node of `export.nodes`, for the network's own input size."""
    config = model.config
    mask_channels = config.mask_channels if config.mask_reduces else config.fpn_channels
    return [
        _roi_align_function(BOX_ROI_ALIGN, model.box_align.spec, config, config.fpn_channels),
        _roi_align_function(MASK_ROI_ALIGN, model.mask_align.spec, config, mask_channels),
        _slots_function(SLOTS_TO_COMPUTE, always_first=True),
        _slots_function(SLOTS_TO_KEEP, always_first=False),
    ]


class _PlainRoiAlign(nn.Module):
    """`roi_align` for one picture and any number of ROIs, with the levels as separate arguments."""

    def __init__(self, spec: RoiAlignSpec) -> None:
        super().__init__()
        self.spec = spec
        open_rois = (*({} for _ in spec.strides), {0: torch.export.Dim.DYNAMIC})
        self.dynamic_shapes = (open_rois,)  # *levels_and_rois is one argument

    def forward(self, *levels_and_rois: torch.Tensor) -> torch.Tensor:
        *levels, rois = levels_and_rois
        return roi_align(levels, rois[None], self.spec)[0]


def _roi_align_function(operator: str, spec: RoiAlignSpec, config: ModelConfig, channels: int) -> onnx.FunctionProto:
    levels = [torch.zeros(1, channels, config.input_height // s, config.input_width // s) for s in spec.strides]
    inputs = [f"level{i}" for i in range(len(levels))] + ["rois"]
    traced = trace(_PlainRoiAlign(spec), (*levels, torch.zeros(3, 4)), (inputs, ["pooled"]))
    return function_of(operator, traced, list(roi_align_attributes(spec)))


def function_of(operator: str, model: onnx.ModelProto, attributes: Sequence[str]) -> onnx.FunctionProto:
    """A graph as a function; its weights become constants inside."""
    graph = model.graph
    nodes = [helper.make_node("Constant", [], [item.name], value=item) for item in graph.initializer] + list(graph.node)
    for node in nodes:
        del node.metadata_props[:]
        node.doc_string = ""
    return helper.make_function(
        DOMAIN,
        operator,
        [item.name for item in graph.input],
        [item.name for item in graph.output],
        nodes,
        list(model.opset_import),
        attributes=list(attributes),
    )


def _slots_function(operator: str, *, always_first: bool) -> onnx.FunctionProto:
    """Indices of the scores at or above the attribute `floor`."""
    node = helper.make_node
    floor = node("Constant", [], ["floor"])
    floor.attribute.append(
        onnx.AttributeProto(name="value_float", ref_attr_name="floor", type=onnx.AttributeProto.FLOAT)
    )
    kept = "above"
    nodes = [floor, node("GreaterOrEqual", ["scores", "floor"], ["above"])]
    if always_first:
        zero = numpy_helper.from_array(torch.zeros(1, dtype=torch.int64).numpy())
        true = helper.make_tensor("true", TensorProto.BOOL, [1], [True])
        nodes += [
            node("Constant", [], ["first"], value=zero),
            node("Constant", [], ["true"], value=true),
            node("ScatterElements", ["above", "first", "true"], ["above_or_first"], axis=0),
        ]
        kept = "above_or_first"
    squeezed = numpy_helper.from_array(torch.zeros(1, dtype=torch.int64).numpy())
    nodes += [
        node("NonZero", [kept], ["rows"]),
        node("Constant", [], ["axis"], value=squeezed),
        node("Squeeze", ["rows", "axis"], ["slots"]),
    ]
    return helper.make_function(
        DOMAIN, operator, ["scores"], ["slots"], nodes, [helper.make_opsetid("", OPSET)], attributes=["floor"]
    )
