"""FCN-8s: Shelhamer, Long, Darrell, "Fully Convolutional Networks for Semantic Segmentation", PAMI 39(4), 2017.

Where it departs from the published network, and why:

* no weights from ImageNet: the trunk has GroupNorm (`layers.py`) and starts from He's initialisation; the factors
  0.01 and 0.0001 before the two skips, which tame the unnormalised pools of "at-once" training, are not needed then;
* fc6 and fc7 are 1024 wide instead of 4096 (`fc_channels=4096` gives the published 134 million parameters): three
  quarters of those lie in fc6 alone and were made for 1000 classes;
* each convolution pads by half its kernel, so that all maps line up; the published one pads the picture by 100 px and
  crops afterwards;
* one logit for "white cell" instead of one score per class.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from train.experiment.networks.layers import conv_norm_relu
from train.model.layers import start_small

CONVOLUTIONS = (2, 2, 3, 3, 3)  # of VGG16's five stages


class FCN8s(nn.Module):
    """VGG16 as a fully convolutional network, with skips from pool3 and pool4.

    Parameters
    ----------
    width : channels of the first stage (64 in VGG16); the others have 2, 4, 8 and 8 times as many
    fc_channels : channels of fc6 and fc7
    """

    def __init__(self, width: int = 64, fc_channels: int = 1024) -> None:
        super().__init__()
        channels = (3, width, 2 * width, 4 * width, 8 * width, 8 * width)
        self.stages = nn.ModuleList(
            _stage(channels[index], channels[index + 1], depth) for index, depth in enumerate(CONVOLUTIONS)
        )
        self.fc6 = nn.Sequential(conv_norm_relu(8 * width, fc_channels, kernel=7), nn.Dropout(0.5))
        self.fc7 = nn.Sequential(conv_norm_relu(fc_channels, fc_channels, kernel=1), nn.Dropout(0.5))
        self.score_fc7 = _score(fc_channels)
        self.score_pool4 = _score(8 * width)
        self.score_pool3 = _score(4 * width)
        self.double_fc7 = _doubling()
        self.double_pool4 = _doubling()

    def forward(self, images: Tensor) -> Tensor:
        """Logits float32 [B, H, W] of "white cell" for normalised RGB float32 [B, 3, H, W]."""
        pools = []
        features = images
        for stage in self.stages:
            features = stage(features)
            pools.append(features)
        _, _, pool3, pool4, pool5 = pools  # strides 8, 16, 32
        score = self.score_fc7(self.fc7(self.fc6(pool5)))  # [B, 1, H/32, W/32]
        score = self.double_fc7(score) + self.score_pool4(pool4)  # [B, 1, H/16, W/16]
        score = self.double_pool4(score) + self.score_pool3(pool3)  # [B, 1, H/8, W/8]
        # the last step is fixed to bilinear interpolation in the paper too
        return functional.interpolate(score, scale_factor=8, mode="bilinear", align_corners=False)[:, 0]


def _stage(channels_in: int, channels_out: int, depth: int) -> nn.Sequential:
    first = conv_norm_relu(channels_in, channels_out)
    others = [conv_norm_relu(channels_out, channels_out) for _ in range(depth - 1)]
    return nn.Sequential(first, *others, nn.MaxPool2d(2))


def _score(channels: int) -> nn.Conv2d:
    layer = nn.Conv2d(channels, 1, 1)
    start_small(layer, std=0.01)
    return layer


def _doubling() -> nn.ConvTranspose2d:
    """Learned upsampling to twice the size that starts as bilinear interpolation."""
    layer = nn.ConvTranspose2d(1, 1, 4, stride=2, padding=1, bias=False)
    slope = torch.tensor([0.25, 0.75, 0.75, 0.25])
    with torch.no_grad():
        layer.weight.copy_(slope[:, None] * slope[None, :])
    return layer
