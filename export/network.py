"""The network as one graph of plain operations and our own nodes, with no fixed number of cells at its end."""

from __future__ import annotations

import copy

import torch
from torch import Tensor, nn

from export.node_names import BOX_ROI_ALIGN, MASK_ROI_ALIGN
from export.nodes import RoiAlignNode, slots_to_compute, slots_to_keep
from train.model.leukocytemask import LeukocyteMask


class KeptCells(nn.Module):
    """Normalised RGB [1, 3, H, W] -> boxes [N, 4], scores [N], masks [N, m, m].

    Only slots at or above the score floor leave the graph, and the mask branch runs on those alone.
    """

    def __init__(self, model: LeukocyteMask) -> None:
        super().__init__()
        self.model = copy.deepcopy(model)
        self.model.add_module("box_align", RoiAlignNode(BOX_ROI_ALIGN, model.box_align.spec))
        self.model.add_module("mask_align", RoiAlignNode(MASK_ROI_ALIGN, model.mask_align.spec))

    def forward(self, image: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        model = self.model
        floor = model.config.score_floor
        levels = model.pyramid(model.backbone(image))
        boxes, scores = model.localize(levels, model.propose(levels, image.shape), image.shape)
        computed = slots_to_compute(scores[0], floor)
        boxes, scores = boxes[0].index_select(0, computed), scores[0].index_select(0, computed)
        masks = torch.sigmoid(model.segment(levels, boxes[None]))[0]
        kept = slots_to_keep(scores, floor)
        return boxes.index_select(0, kept), scores.index_select(0, kept), masks.index_select(0, kept)
