"""The block that both networks are built of."""

from __future__ import annotations

import math

from torch import nn

GROUP_CHANNELS = 16  # rather than 32 groups: a map of a single pixel still has statistics to take


def conv_norm_relu(channels_in: int, channels_out: int, kernel: int = 3) -> nn.Sequential:
    """A convolution that keeps height and width, GroupNorm, ReLU.

    Neither network was published with a norm: VGG16 brought weights from ImageNet, U-Net trained for hours. Without
    those weights the norm is what makes them learn within a few hundred steps; GroupNorm, because batches are of two
    pictures and stains differ between data sets, so that statistics of a batch would say little.
    """
    convolution = nn.Conv2d(channels_in, channels_out, kernel, padding=kernel // 2, bias=False)
    nn.init.kaiming_normal_(convolution.weight, mode="fan_in", nonlinearity="relu")
    norm = nn.GroupNorm(channels_out // math.gcd(GROUP_CHANNELS, channels_out), channels_out)
    return nn.Sequential(convolution, norm, nn.ReLU(inplace=True))
