"""The network as one graph with plain operations and no fixed number of cells at its end."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from train.model.leukocytemask import LeukocyteMask


class KeptCells(nn.Module):
    """Normalised RGB [1, 3, H, W] -> boxes [N, 4], scores [N], masks [N, m, m].

    Only slots at or above the score floor leave the graph, and the mask branch runs on those alone: an empty field
    costs no mask at all.
    """

    def __init__(self, model: LeukocyteMask) -> None:
        super().__init__()
        self.model = model

    def forward(self, image: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        model = self.model
        levels = model.pyramid(model.backbone(image))
        boxes, scores = model.localize(levels, model.propose(levels, image.shape), image.shape)
        kept = torch.nonzero(scores[0] >= model.config.score_floor)[:, 0]
        boxes = boxes[0].index_select(0, kept)
        masks = torch.sigmoid(model.segment(levels, boxes[None]))[0]
        return boxes, scores[0].index_select(0, kept), masks
