"""The network as one graph with plain operations and no fixed number of cells at its end."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from train.model.leukocytemask import LeukocyteMask


class KeptCells(nn.Module):
    """Normalised RGB [1, 3, H, W] -> boxes [N, 4], scores [N], masks [N, m, m].

    Only slots at or above the score floor leave the graph, and the mask branch runs on those alone. It always runs on
    the best slot, though: before 1.24 ONNX Runtime fails on a branch without any ROI (seen with 1.18 to 1.23).
    """

    def __init__(self, model: LeukocyteMask) -> None:
        super().__init__()
        self.model = model
        first = torch.zeros(model.config.slots, dtype=torch.bool)
        first[0] = True
        self.first: Tensor
        self.register_buffer("first", first)

    def forward(self, image: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        model = self.model
        levels = model.pyramid(model.backbone(image))
        boxes, scores = model.localize(levels, model.propose(levels, image.shape), image.shape)
        above = scores[0] >= model.config.score_floor
        computed = torch.nonzero(above | self.first)[:, 0]
        boxes, scores = boxes[0].index_select(0, computed), scores[0].index_select(0, computed)
        masks = torch.sigmoid(model.segment(levels, boxes[None]))[0]
        kept = torch.nonzero(scores >= model.config.score_floor)[:, 0]
        return boxes.index_select(0, kept), scores.index_select(0, kept), masks.index_select(0, kept)
