"""The two parallel branches of the prediction stage (section 2.2, Figure 2)."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from train.model.boxes import clip, decode
from train.model.layers import conv3x3, initialize, start_small
from train.model.nms import keep_mask

DELTA_WEIGHTS = (10.0, 10.0, 5.0, 5.0)


class LocalizationBranch(nn.Module):
    """Two fully connected layers, then class and box siblings."""

    def __init__(self, channels: int, bins: int, width: int) -> None:
        super().__init__()
        self.hidden = nn.Sequential(
            nn.Flatten(), nn.Linear(channels * bins * bins, width), nn.ReLU(), nn.Linear(width, width), nn.ReLU()
        )
        self.score = nn.Linear(width, 1)
        self.deltas = nn.Linear(width, 4)
        initialize(self)
        start_small(self.score, std=0.01, bias=-2.0)
        start_small(self.deltas, std=0.001)

    def forward(self, pooled: Tensor) -> tuple[Tensor, Tensor]:
        """[B, R, C, bins, bins] -> score logits [B, R] and deltas [B, R, 4]."""
        batch, count = pooled.shape[:2]
        hidden = self.hidden(pooled.flatten(0, 1))
        return self.score(hidden).reshape(batch, count), self.deltas(hidden).reshape(batch, count, 4)


class MaskBranch(nn.Module):
    """A small FCN: 3x3 convolutions, an upsampling by 2, a 1x1 convolution."""

    def __init__(self, channels: int, width: int, convolutions: int) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        for _ in range(convolutions):
            layers += [conv3x3(channels, width, separable=False), nn.ReLU()]
            channels = width
        layers += [nn.ConvTranspose2d(width, width // 2, 2, stride=2), nn.ReLU()]
        self.body = nn.Sequential(*layers)
        self.logits = nn.Conv2d(width // 2, 1, 1)
        initialize(self)
        start_small(self.logits, std=0.01)

    def forward(self, pooled: Tensor) -> Tensor:
        """[B, R, C, bins, bins] -> logits of the soft masks [B, R, 2 bins, 2 bins]."""
        logits = self.logits(self.body(pooled.flatten(0, 1)))
        return logits.reshape(*pooled.shape[:2], *logits.shape[2:])


def select_cells(
    logits: Tensor, deltas: Tensor, proposals: Tensor, size: tuple[int, int], *, slots: int, max_iou: float
) -> tuple[Tensor, Tensor]:
    """Refined boxes after NMS in fixed slots.

    Parameters
    ----------
    logits, deltas, proposals : [B, R], [B, R, 4], [B, R, 4]
    size : width and height of the network's input, px

    Returns
    -------
    boxes float32 [B, slots, 4] and scores float32 [B, slots], best first; a slot without a cell has score 0
    """
    boxes = clip(decode(deltas.float(), proposals, DELTA_WEIGHTS), *size)
    scores, order = torch.sigmoid(logits.float()).topk(logits.shape[1], dim=1)
    boxes = torch.gather(boxes, 1, order[..., None].expand(-1, -1, 4))
    scores = scores * keep_mask(boxes, max_iou)
    scores, order = scores.topk(min(slots, scores.shape[1]), dim=1)
    return torch.gather(boxes, 1, order[..., None].expand(-1, -1, 4)), scores
