"""Optimizer, learning rate and the seed of each step."""

from __future__ import annotations

import numpy as np
import torch
from torch import nn

from train.experiment.settings import Training
from train.optimisation import warm_cosine


def make_optimizer(network: nn.Module, options: Training) -> torch.optim.Optimizer:
    if options.optimizer == "adamw":
        return torch.optim.AdamW(
            network.parameters(), lr=options.learning_rate, weight_decay=options.weight_decay, fused=True
        )
    return torch.optim.SGD(
        network.parameters(), lr=options.learning_rate, momentum=options.momentum, weight_decay=options.weight_decay
    )


def learning_rate(options: Training, step: int, steps: int) -> float:
    """Rate of a step 0..steps - 1: linear warm-up, then constant or half a cosine down to `final_share`."""
    final_share = 1.0 if options.schedule == "constant" else options.final_share
    return options.learning_rate * warm_cosine(step, steps, options.warmup_steps, final_share)


def seed_torch(seed: int, step: int, rank: int) -> None:
    """Make what a network and its loss draw at a step depend on these three alone."""
    torch.manual_seed(int(np.random.SeedSequence([seed, step, rank]).generate_state(1, np.uint32)[0]))
