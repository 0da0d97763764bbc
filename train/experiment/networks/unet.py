"""U-Net: Ronneberger, Fischer, Brox, "U-Net: Convolutional Networks for Biomedical Image Segmentation", MICCAI 2015.

Where it departs from the published network, and why:

* convolutions are padded, so that the output has the input's size; the published one loses 92 px on each side and makes
  up for it by mirroring the picture beyond its edge, which would make a crop of 120 px more mirror than picture;
* GroupNorm after each 3x3 convolution (`layers.py`);
* one logit for "white cell" instead of one score per class;
* the loss does not weigh the gaps between touching cells: the crops hold one cell, as a rule.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from train.experiment.networks.layers import conv_norm_relu
from train.model.layers import start_small

LEVELS = 5


class UNet(nn.Module):
    """Contracting and expanding path of five levels with a skip between each pair of equals.

    Parameters
    ----------
    width : channels of the finest level (64 in the paper); they double from level to level (1024 at the coarsest)
    """

    def __init__(self, width: int = 64) -> None:
        super().__init__()
        channels = [width * 2**level for level in range(LEVELS)]
        self.down = nn.ModuleList(_pair(before, after) for before, after in zip([3, *channels], channels, strict=False))
        self.dropout = nn.Dropout(0.5)  # "at the end of the contracting path": here after its last two levels
        coarse_to_fine = list(zip(channels[:0:-1], channels[-2::-1], strict=True))
        self.widen = nn.ModuleList(_doubling(coarse, fine) for coarse, fine in coarse_to_fine)
        self.up = nn.ModuleList(_pair(2 * fine, fine) for _, fine in coarse_to_fine)
        self.score = nn.Conv2d(width, 1, 1)
        start_small(self.score, std=(1 / width) ** 0.5)

    def forward(self, images: Tensor) -> Tensor:
        """Logits float32 [B, H, W] of "white cell" for normalised RGB float32 [B, 3, H, W]."""
        features, skips = images, []
        for level, convolutions in enumerate(self.down):
            features = convolutions(functional.max_pool2d(features, 2) if level else features)
            features = self.dropout(features) if level >= LEVELS - 2 else features
            skips.append(features)
        features = skips.pop()  # [B, 16 * width, H/16, W/16]
        for widen, convolutions in zip(self.widen, self.up, strict=True):
            features = convolutions(torch.cat([skips.pop(), widen(features)], dim=1))
        return self.score(features)[:, 0]


def _pair(channels_in: int, channels_out: int) -> nn.Sequential:
    return nn.Sequential(conv_norm_relu(channels_in, channels_out), conv_norm_relu(channels_out, channels_out))


def _doubling(channels_in: int, channels_out: int) -> nn.ConvTranspose2d:
    """The paper's "up-convolution": twice the size, half the channels."""
    layer = nn.ConvTranspose2d(channels_in, channels_out, 2, stride=2)
    # kernel and stride are equal: each output sees each input channel once
    nn.init.normal_(layer.weight, std=(1 / channels_in) ** 0.5)
    return layer
