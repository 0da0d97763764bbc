"""The few building blocks that FPN, RPN and heads share."""

from __future__ import annotations

import torch
from torch import Tensor, nn


class FrozenBatchNorm(nn.BatchNorm2d):
    """Batch norm that always uses its stored statistics: it never depends on the batch or on the target stain.

    Scale and shift stay trainable. At export it folds into the convolution before it.
    """

    def train(self, mode: bool = True) -> FrozenBatchNorm:  # noqa: ARG002 (nn.Module's signature)
        return super().train(False)


class DepthwiseConv(nn.Conv2d):
    """A filter per channel, without bias, padded to keep the size (or, with stride 2, half of it).

    Under bfloat16 autocast on a CPU it still computes in float32 unless it is 3x3 with stride 1: the gradients of the
    others have no fast bfloat16 kernel (PyTorch 2.13, oneDNN; four to fifteen times slower than in float32).
    """

    def __init__(self, channels: int, kernel: int, stride: int = 1) -> None:
        super().__init__(channels, channels, kernel, stride=stride, padding=kernel // 2, groups=channels, bias=False)
        self._wants_float32 = kernel != 3 or stride != 1

    def forward(self, x: Tensor) -> Tensor:
        if not (self._wants_float32 and self.training and x.device.type == "cpu" and torch.is_autocast_enabled("cpu")):
            return super().forward(x)
        with torch.autocast("cpu", enabled=False):
            return super().forward(x.float()).to(x.dtype)


def conv3x3(channels_in: int, channels_out: int, separable: bool) -> nn.Module:
    """A 3x3 convolution with bias, or its depthwise-separable counterpart."""
    if not separable:
        return nn.Conv2d(channels_in, channels_out, 3, padding=1)
    return nn.Sequential(
        nn.Conv2d(channels_in, channels_in, 3, padding=1, groups=channels_in),
        nn.Conv2d(channels_in, channels_out, 1),
    )


def initialize(module: nn.Module) -> None:
    """He initialisation for new convolutions and linear layers, as Mask R-CNN's heads have."""
    for layer in module.modules():
        if isinstance(layer, (nn.Conv2d, nn.ConvTranspose2d, nn.Linear)):
            nn.init.kaiming_normal_(layer.weight, mode="fan_out" if isinstance(layer, nn.Conv2d) else "fan_in")
            if layer.bias is not None:
                nn.init.zeros_(layer.bias)


def start_small(layer: nn.Conv2d | nn.Linear, std: float, bias: float = 0.0) -> None:
    """Normal weights of a given spread, for layers whose outputs should start near `bias`."""
    nn.init.normal_(layer.weight, std=std)
    if layer.bias is not None:
        nn.init.constant_(layer.bias, bias)
