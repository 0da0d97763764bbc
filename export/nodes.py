"""How a network is made to emit the nodes of `export.node_names`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from onnx.defs import OpSchema
from onnxscript.values import Op, Opset
from torch import Tensor, nn

from export.node_names import DOMAIN, SLOTS_TO_COMPUTE, SLOTS_TO_KEEP
from train.model.roi_align import RoiAlignSpec


class RoiAlignNode(nn.Module):
    """Emits one node in the place of `train.model.roi_align.MultilevelRoiAlign`; batches of one only."""

    def __init__(self, operator: str, spec: RoiAlignSpec) -> None:
        super().__init__()
        self.operator = operator
        self.spec = spec

    def forward(self, levels: list[Tensor], rois: Tensor) -> Tensor:
        pooled: Tensor = torch.onnx.ops.symbolic(
            f"{DOMAIN}::{self.operator}",
            [*levels, rois[0]],
            roi_align_attributes(self.spec),
            dtype=levels[0].dtype,
            shape=(rois.shape[1], levels[0].shape[1], self.spec.bins, self.spec.bins),
            version=1,
        )
        return pooled[None]


def roi_align_attributes(spec: RoiAlignSpec) -> dict[str, Any]:
    """The attributes of the node, which are the plugin's fields (`export/plugin/README.md`)."""
    return {
        "strides": list(spec.strides),
        "first_level": spec.first_level,
        "canonical_level": spec.canonical_level,
        "canonical_size": float(spec.canonical_size),
        "bins": spec.bins,
        "sampling_ratio": 2,
    }


@torch.library.custom_op(f"{DOMAIN}::slots_to_compute", mutates_args=())
def slots_to_compute(scores: Tensor, floor: float) -> Tensor:
    """Slots at or above the floor, and always the best one: before 1.24 ONNX Runtime fails on a branch without any
    ROI (seen with 1.18 to 1.23)."""
    first = torch.zeros_like(scores, dtype=torch.bool)
    first[:1] = True
    return torch.nonzero((scores >= floor) | first)[:, 0]


@torch.library.custom_op(f"{DOMAIN}::slots_to_keep", mutates_args=())
def slots_to_keep(scores: Tensor, floor: float) -> Tensor:
    """Slots at or above the floor."""
    return torch.nonzero(scores >= floor)[:, 0]


@slots_to_compute.register_fake
@slots_to_keep.register_fake
def _any_number(scores: Tensor, floor: float) -> Tensor:  # noqa: ARG001 (the operator's signature)
    return scores.new_empty(torch.library.get_ctx().new_dynamic_size(), dtype=torch.int64)


def _emits(operator: str) -> Callable[..., Any]:
    """Indices of slots from scores, as a node of that name."""
    schema = OpSchema(
        operator,
        DOMAIN,
        1,
        inputs=[OpSchema.FormalParameter("scores", "tensor(float)")],
        outputs=[OpSchema.FormalParameter("slots", "tensor(int64)")],
        attributes=[OpSchema.Attribute("floor", OpSchema.AttrType.FLOAT)],
    )

    def emit(scores: Any, floor: float) -> Any:
        return Op(Opset(DOMAIN, 1), operator, schema)(scores, floor=floor)

    return emit


def translations() -> dict[Callable[..., Any], Callable[..., Any]]:
    """What `torch.onnx.export` must know of the two slot operators."""
    operators = getattr(torch.ops, DOMAIN)
    return {
        operators.slots_to_compute.default: _emits(SLOTS_TO_COMPUTE),
        operators.slots_to_keep.default: _emits(SLOTS_TO_KEEP),
    }
