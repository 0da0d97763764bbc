"""Optimizer, learning rate and the seed of each step."""

from __future__ import annotations

import math

import numpy as np
import torch
from torch import Tensor, nn

from train.experiment.settings import Training
from train.trainer import NonFiniteLossError


def make_optimizer(network: nn.Module, options: Training) -> torch.optim.Optimizer:
    if options.optimizer == "adamw":
        return torch.optim.AdamW(network.parameters(), lr=options.learning_rate, weight_decay=options.weight_decay)
    return torch.optim.SGD(
        network.parameters(), lr=options.learning_rate, momentum=options.momentum, weight_decay=options.weight_decay
    )


def learning_rate(options: Training, step: int, steps: int) -> float:
    """Rate of a step 0..steps - 1: linear warm-up, then constant or half a cosine down to `final_share`."""
    rate = options.learning_rate
    if step < options.warmup_steps:
        return rate * (step + 1) / options.warmup_steps
    if options.schedule == "constant":
        return rate
    done = (step - options.warmup_steps) / max(1, steps - options.warmup_steps)
    return rate * (options.final_share + (1 - options.final_share) * (1 + math.cos(math.pi * done)) / 2)


def seed_torch(seed: int, step: int, rank: int) -> None:
    """Make what a network and its loss draw at a step depend on these three alone."""
    torch.manual_seed(int(np.random.SeedSequence([seed, step, rank]).generate_state(1, np.uint32)[0]))


def finite_sum(losses: dict[str, Tensor], step: int, name: str) -> Tensor:
    """The sum of a loss's components; raises NonFiniteLossError, naming them, if it is not finite."""
    total = torch.stack(list(losses.values())).sum()
    if not torch.isfinite(total):
        parts = ", ".join(f"{part} {value.item():.4g}" for part, value in losses.items())
        raise NonFiniteLossError(
            f"{name}: the loss is not finite at step {step + 1} ({parts}); lower learning_rate or set clip_norm in the "
            "configuration and choose another --out"
        )
    return total
