"""What every training loop does with its loss and its learning rate."""

from __future__ import annotations

import math
from typing import Literal

import torch
from torch import Tensor

from edge.errors import EdgeError

Precision = Literal["float32", "bfloat16"]
"""Of convolutions and matrix products in training; weights, their averages and what is exported are float32."""


class NonFiniteLossError(EdgeError):
    """The loss is NaN or infinite; training on would only spoil the weights."""


def finite_sum(losses: dict[str, Tensor], step: int, name: str, remedy: str) -> Tensor:
    """The sum of a loss's components; raises NonFiniteLossError if it is not finite.

    The error names the run, its step (counted from 0 here, from 1 there), the components and the remedy.
    """
    total = torch.stack(list(losses.values())).sum()
    if not torch.isfinite(total):
        parts = ", ".join(f"{part} {value.item():.4g}" for part, value in losses.items())
        raise NonFiniteLossError(f"{name}: the loss is not finite at step {step + 1} ({parts}); {remedy}")
    return total


def autocast(precision: Precision, device: torch.device) -> torch.autocast:
    """The context in which losses are computed: what gains from bfloat16 runs in it where that is asked for."""
    return torch.autocast(device.type, torch.bfloat16, enabled=precision == "bfloat16")


def warm_cosine(step: int, steps: int, warmup_steps: int, final_share: float) -> float:
    """Share of the full learning rate at a step 0..steps - 1: linear warm-up, then half a cosine to `final_share`."""
    if step < warmup_steps:
        return (step + 1) / warmup_steps
    done = (step - warmup_steps) / max(1, steps - warmup_steps)
    return final_share + (1 - final_share) * (1 + math.cos(math.pi * done)) / 2
