"""Slimmer inverted residuals: of each block's inner channels those that carry least of its output are left out.

The weight of a channel is what it adds to the block's output, RMS, over inputs as batch norm knows them: its activation
after the depthwise convolution is a ReLU6 of a normal variable, whose mean is batch norm's shift and whose standard
deviation is its scale, and its projection has a norm. No picture is needed. Inner channels belong to their block alone:
shapes outside it stay.
"""

from __future__ import annotations

import torch
from torch import Tensor

_GRID = torch.linspace(-4, 4, 161)
_DENSITY = torch.exp(-(_GRID**2) / 2)
_DENSITY /= _DENSITY.sum()


def channel_weights(weights: dict[str, Tensor], block: str, epsilon: float) -> Tensor:
    """How much each inner channel [C] adds to the output of a block.

    Parameters
    ----------
    weights : all weights by their published names
    block : name of the block with its full stop, e.g. "_blocks.3."
    epsilon : of the batch norms
    """
    scale, shift = weights[f"{block}_bn1.weight"], weights[f"{block}_bn1.bias"]
    inner = (shift[:, None] + scale[:, None] * _GRID).clamp(0, 6)  # [C, grid]
    activation = (inner.square() * _DENSITY).sum(dim=1).sqrt()
    gain = weights[f"{block}_bn2.weight"] / (weights[f"{block}_bn2.running_var"] + epsilon).sqrt()
    projection = (weights[f"{block}_project_conv.weight"][:, :, 0, 0] * gain[:, None]).norm(dim=0)
    return activation * projection


def prune_block(weights: dict[str, Tensor], block: str, hidden: int, epsilon: float) -> dict[str, Tensor]:
    """The block's weights with its `hidden` weightiest inner channels, in their old order; others are left as they are.

    Raises ValueError if the block has fewer.
    """
    ranked = channel_weights(weights, block, epsilon)
    if hidden > len(ranked):
        raise ValueError(f"{block} has {len(ranked)} inner channels, not {hidden}")
    kept = ranked.argsort(descending=True)[:hidden].sort().values
    pruned = {}
    for name, value in weights.items():
        if not name.startswith(block) or value.ndim == 0:
            continue
        part = name.removeprefix(block)
        if part.startswith(("_expand_conv", "_bn0", "_depthwise_conv", "_bn1")):
            pruned[name] = value[kept]
        elif part.startswith("_project_conv"):
            pruned[name] = value[:, kept]
    return weights | pruned
