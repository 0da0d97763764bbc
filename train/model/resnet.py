"""The paper's WBC-oriented ResNet50 (section 2.1, Figure 5).

conv1's 7x7 is replaced by two 3x3 convolutions; conv3_x and conv4_x have 2 and 3 blocks instead of 4 and 6.
"""

from __future__ import annotations

from torch import Tensor, nn

from train.model.layers import initialize

_BLOCKS = (3, 2, 3, 3)  # conv2_x ... conv5_x
_WIDTHS = (64, 128, 256, 512)


def _norm(channels: int) -> nn.GroupNorm:
    """GroupNorm: batch norm is unreliable at the paper's batch of 2, and nothing pretrained exists to freeze."""
    return nn.GroupNorm(32, channels)


class Bottleneck(nn.Module):
    """1x1, 3x3, 1x1 with four times the width out; Eq. 2 of the paper."""

    def __init__(self, channels_in: int, width: int, stride: int) -> None:
        super().__init__()
        channels_out = 4 * width
        self.branch = nn.Sequential(
            nn.Conv2d(channels_in, width, 1, bias=False),
            _norm(width),
            nn.ReLU(inplace=True),
            nn.Conv2d(width, width, 3, stride, padding=1, bias=False),
            _norm(width),
            nn.ReLU(inplace=True),
            nn.Conv2d(width, channels_out, 1, bias=False),
            _norm(channels_out),
        )
        self.identity: nn.Module = nn.Identity()
        if stride != 1 or channels_in != channels_out:
            self.identity = nn.Sequential(
                nn.Conv2d(channels_in, channels_out, 1, stride, bias=False), _norm(channels_out)
            )
        self.activation = nn.ReLU(inplace=True)

    def forward(self, x: Tensor) -> Tensor:
        return self.activation(self.branch(x) + self.identity(x))


class WbcResNet50(nn.Module):
    """[B, 3, H, W] -> C2, C3, C4, C5 with `channels` at strides 4, 8, 16, 32."""

    channels = tuple(4 * width for width in _WIDTHS)

    def __init__(self) -> None:
        super().__init__()
        self.conv1 = nn.Sequential(
            nn.Conv2d(3, 64, 3, stride=2, padding=1, bias=False),
            _norm(64),
            nn.ReLU(inplace=True),
            nn.Conv2d(64, 64, 3, padding=1, bias=False),
            _norm(64),
            nn.ReLU(inplace=True),
            nn.MaxPool2d(3, stride=2, padding=1),
        )
        stages = []
        channels = 64
        for stage, (width, count) in enumerate(zip(_WIDTHS, _BLOCKS, strict=True)):
            blocks = []
            for i in range(count):
                blocks.append(Bottleneck(channels, width, stride=2 if i == 0 and stage > 0 else 1))
                channels = 4 * width
            stages.append(nn.Sequential(*blocks))
        self.stages = nn.ModuleList(stages)
        initialize(self)

    def forward(self, x: Tensor) -> list[Tensor]:
        x = self.conv1(x)
        features = []
        for stage in self.stages:
            x = stage(x)
            features.append(x)
        return features
