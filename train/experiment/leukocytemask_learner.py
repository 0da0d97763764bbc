"""LeukocyteMask, preset `paper`, at the input size of a data set."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import torch
from torch import Tensor

from edge.geometry import Letterbox, grow_boxes, paste_mask
from edge.types import Floats
from train.experiment.learner import MasksOn
from train.losses import Target, multitask_loss
from train.model.boxes import clip, decode
from train.model.config import PAPER
from train.model.leukocytemask import LeukocyteMask
from train.model.nms import keep_mask
from train.model.rpn import DELTA_WEIGHTS


class LeukocyteMaskLearner:
    """The network under the multi-task loss of Eq. 5.

    Parameters
    ----------
    network : LeukocyteMask
    score : a cell counts from this score on; a picture without such a cell is segmented as empty
    masks_on : "refined" cuts the masks from the boxes of the localization branch, as Mask R-CNN does; "proposals" cuts
        them from the RPN's own boxes, as the paper's text has it ("the feature maps of positive proposals selected by
        RPN are fed into a tiny FCN"). A proposal is positive from objectness `score` on; of proposals that overlap
        as much as the localization branch would not let two cells, the best is kept.
    """

    def __init__(self, network: LeukocyteMask, score: float, masks_on: MasksOn = "refined") -> None:
        self.network = network
        self._score = score
        self._masks_on = masks_on

    def losses(self, images: Tensor, targets: list[Target]) -> dict[str, Tensor]:
        return multitask_loss(self.network, images, targets)

    def soft_mask(self, image: Tensor, letterbox: Letterbox) -> Floats:
        network = self.network
        levels = network.pyramid(network.backbone(image))
        boxes, scores = (
            network.localize(levels, network.propose(levels, image.shape), image.shape)
            if self._masks_on == "refined"
            else best_proposals(network, levels, image.shape)
        )
        chosen = boxes[:, scores[0] >= self._score]  # [1, K, 4]
        union = np.zeros((letterbox.source_height, letterbox.source_width), np.float32)
        if chosen.shape[1] == 0:
            return union
        masks = torch.sigmoid(network.segment(levels, chosen))[0].float().cpu().numpy()
        own = letterbox.to_source(chosen[0].float().cpu().numpy())
        for mask, box in zip(masks, grow_boxes(own, network.config.mask_margin), strict=True):
            patch = paste_mask(mask, box, letterbox.source_width, letterbox.source_height)
            union[patch.window] = np.maximum(union[patch.window], patch.values)
        return np.clip(union, 0, 1)

    def description(self) -> dict[str, Any]:
        return self.network.config.to_dict()


def build_leukocytemask(input_px: int) -> LeukocyteMask:
    """The preset `paper` for a square input; its anchors are the preset's at any size."""
    return LeukocyteMask(replace(PAPER, input_width=input_px, input_height=input_px))


def best_proposals(network: LeukocyteMask, levels: list[Tensor], shape: torch.Size) -> tuple[Tensor, Tensor]:
    """The RPN's boxes [1, R, 4] and objectness [1, R], best first; one that hides behind a better one has 0."""
    config = network.config
    logits, deltas, ranks = network.rpn([levels[level - 2] for level in config.rpn_levels])
    _, order = ranks.float().topk(min(config.pre_nms, ranks.shape[1]), dim=1)
    top = torch.gather(logits.float(), 1, order)
    chosen = torch.gather(deltas.float(), 1, order[..., None].expand(-1, -1, 4))
    boxes = clip(decode(chosen, network.anchors(levels)[order], DELTA_WEIGHTS), shape[3], shape[2])
    return boxes, torch.sigmoid(top) * keep_mask(boxes, config.box_nms_iou)
