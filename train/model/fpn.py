"""WBC-oriented feature pyramid (section 2.1, Figure 5): lateral 1x1, nearest x2, sum, 3x3 smoothing, P6 = P5[::2]."""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn import functional

from train.model.layers import conv3x3, initialize


class FeaturePyramid(nn.Module):
    """C2..C5 -> P2..P6, all with the same number of channels."""

    def __init__(self, channels_in: tuple[int, ...], channels: int, separable: bool) -> None:
        super().__init__()
        self.lateral = nn.ModuleList(nn.Conv2d(width, channels, 1) for width in channels_in)
        self.smooth = nn.ModuleList(conv3x3(channels, channels, separable) for _ in channels_in)
        initialize(self)

    def forward(self, features: list[Tensor]) -> list[Tensor]:
        merged = [self.lateral[-1](features[-1])]
        for i in reversed(range(len(features) - 1)):
            above = functional.interpolate(merged[0], scale_factor=2.0, mode="nearest")
            merged.insert(0, self.lateral[i](features[i]) + above)
        pyramid = [smooth(level) for smooth, level in zip(self.smooth, merged, strict=True)]
        pyramid.append(pyramid[-1][:, :, ::2, ::2])
        return pyramid
