"""Region proposal network (section 2.2, Figure 7): where might there be a cell?"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from train.model.boxes import clip, decode
from train.model.layers import conv3x3, initialize, start_small
from train.model.nms import keep_mask

DELTA_WEIGHTS = (1.0, 1.0, 1.0, 1.0)


class RegionProposalNetwork(nn.Module):
    """A 3x3 convolution and two sibling 1x1 convolutions, shared by the levels.

    One logit per anchor stands for the paper's two scores: the softmax of two is the sigmoid of their difference.
    """

    def __init__(self, channels: int, width: int, anchors_per_cell: int, separable: bool) -> None:
        super().__init__()
        self.convolution = conv3x3(channels, width, separable)
        self.activation = nn.ReLU()
        self.objectness = nn.Conv2d(width, anchors_per_cell, 1)
        self.deltas = nn.Conv2d(width, 4 * anchors_per_cell, 1)
        initialize(self)
        start_small(self.objectness, std=0.01, bias=-3.0)  # cells are rare: start by expecting none
        start_small(self.deltas, std=0.01)

    def forward(self, levels: list[Tensor]) -> tuple[Tensor, Tensor]:
        """Levels [B, C, H, W] -> logits [B, A] and deltas [B, A, 4], A anchors in the order of `anchors_of_level`."""
        logits, deltas = [], []
        for level in levels:
            hidden = self.activation(self.convolution(level))
            batch = hidden.shape[0]
            logits.append(self.objectness(hidden).permute(0, 2, 3, 1).reshape(batch, -1))
            deltas.append(self.deltas(hidden).permute(0, 2, 3, 1).reshape(batch, -1, 4))
        return torch.cat(logits, dim=1), torch.cat(deltas, dim=1)


def select_proposals(  # noqa: PLR0913 (all are plain figures of the configuration)
    logits: Tensor,
    deltas: Tensor,
    anchors: Tensor,
    size: tuple[int, int],
    *,
    pre_nms: int,
    proposals: int,
    max_iou: float,
) -> Tensor:
    """The best boxes of the RPN after NMS.

    Parameters
    ----------
    logits, deltas : [B, A] and [B, A, 4]
    anchors : [A, 4]
    size : width and height of the network's input, px

    Returns
    -------
    float32 [B, proposals, 4]; where fewer survive, the rest are dropped boxes in order of score, which do no harm: the
    localization branch judges each of them
    """
    count = min(pre_nms, logits.shape[1])
    top, order = logits.float().topk(count, dim=1)
    chosen = torch.gather(deltas.float(), 1, order[..., None].expand(-1, -1, 4))
    boxes = clip(decode(chosen, anchors[order], DELTA_WEIGHTS), *size)
    keep = keep_mask(boxes, max_iou)
    # logits lie well inside +-1000, so every kept box comes before every dropped one
    _, best = (top.clamp(-500, 500) - 2000.0 * (1 - keep)).topk(min(proposals, count), dim=1)
    return torch.gather(boxes, 1, best[..., None].expand(-1, -1, 4))
