"""FCN-8s and U-Net: a logit per pixel."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from edge.geometry import Letterbox
from edge.types import Floats
from train.experiment.square import from_square
from train.losses import Target

SMOOTHING_PX = 1.0  # keeps the soft Dice of a picture without a cell defined


class PixelwiseLearner:
    """A network from [B, 3, S, S] to logits [B, S, S] under binary cross-entropy and soft Dice."""

    def __init__(self, network: nn.Module, facts: dict[str, Any]) -> None:
        self.network = network
        self._facts = facts

    def losses(self, images: Tensor, targets: list[Target]) -> dict[str, Tensor]:
        logits = self.network(images).float()
        truth = torch.stack([_foreground(target) for target in targets]).to(logits.device)  # [B, S, S]
        return {
            "cross_entropy": functional.binary_cross_entropy_with_logits(logits, truth),
            "dice": soft_dice_loss(torch.sigmoid(logits), truth),
        }

    def soft_mask(self, image: Tensor, letterbox: Letterbox) -> Floats:
        probability = torch.sigmoid(self.network(image)[0].float())
        return from_square(probability.cpu().numpy(), letterbox)

    def description(self) -> dict[str, Any]:
        return self._facts


def soft_dice_loss(probability: Tensor, truth: Tensor) -> Tensor:
    """1 - Dice of each picture [B, S, S] with sums in place of counts, averaged over the pictures."""
    common = 2 * (probability * truth).sum(dim=(1, 2))
    total = (probability + truth).sum(dim=(1, 2))
    return (1 - (common + SMOOTHING_PX) / (total + SMOOTHING_PX)).mean()


def _foreground(target: Target) -> Tensor:
    """All cells of a picture in one soft mask [S, S]."""
    if len(target.masks) == 0:
        return target.masks.new_zeros(target.masks.shape[1:])
    return target.masks.amax(dim=0)
