"""Region proposal network (section 2.2, Figure 7): where might there be a cell?"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional

from train.model.boxes import clip, decode
from train.model.layers import conv3x3, initialize, start_small
from train.model.nms import keep_mask

DELTA_WEIGHTS = (1.0, 1.0, 1.0, 1.0)
_DEMOTION = 100.0  # more than logits differ


class RpnOutputs(NamedTuple):
    """What the RPN says of every anchor.

    Attributes
    ----------
    logits : objectness [B, A]
    deltas : from the anchor to the box [B, A, 4]
    ranks : [B, A], the order in which boxes are proposed: the logits, or with `rpn_peaks` the logits with those anchors
        far behind whose neighbour of the same size is better
    """

    logits: Tensor
    deltas: Tensor
    ranks: Tensor


class RegionProposalNetwork(nn.Module):
    """A 3x3 convolution and two sibling 1x1 convolutions, shared by the levels.

    One logit per anchor stands for the paper's two scores: the softmax of two is the sigmoid of their difference.
    """

    def __init__(self, channels: int, width: int, anchors_per_cell: int, *, separable: bool, peaks: bool) -> None:
        super().__init__()
        self._peaks = peaks
        self.convolution = conv3x3(channels, width, separable)
        self.activation = nn.ReLU()
        self.objectness = nn.Conv2d(width, anchors_per_cell, 1)
        self.deltas = nn.Conv2d(width, 4 * anchors_per_cell, 1)
        initialize(self)
        start_small(self.objectness, std=0.01, bias=-3.0)  # cells are rare: start by expecting none
        start_small(self.deltas, std=0.01)

    def forward(self, levels: list[Tensor]) -> RpnOutputs:
        """Levels [B, C, H, W] -> what is said of A anchors, in the order of `anchors_of_level`."""
        logits, deltas, ranks = [], [], []
        for level in levels:
            hidden = self.activation(self.convolution(level))
            objectness = self.objectness(hidden)
            logits.append(_by_anchor(objectness))
            ranks.append(_by_anchor(_peaks_first(objectness)) if self._peaks else logits[-1])
            deltas.append(self.deltas(hidden).permute(0, 2, 3, 1).reshape(hidden.shape[0], -1, 4))
        return RpnOutputs(torch.cat(logits, dim=1), torch.cat(deltas, dim=1), torch.cat(ranks, dim=1))


def _by_anchor(objectness: Tensor) -> Tensor:
    """[B, anchors per cell, H, W] -> [B, A]."""
    return objectness.permute(0, 2, 3, 1).flatten(1)


def _peaks_first(objectness: Tensor) -> Tensor:
    """Logits [B, anchors per cell, H, W], lowered where one of the eight neighbours has a higher one.

    A cell lights up many anchors beside each other; in a crowd they would take the places of fainter cells.
    """
    with torch.no_grad():
        best = functional.max_pool2d(objectness, kernel_size=3, stride=1, padding=1)
        return torch.where(objectness < best, objectness - _DEMOTION, objectness)


def select_proposals(
    outputs: RpnOutputs, anchors: Tensor, size: tuple[int, int], *, pre_nms: int, proposals: int, max_iou: float
) -> Tensor:
    """The best boxes of the RPN after NMS.

    Parameters
    ----------
    outputs : of the RPN
    anchors : [A, 4]
    size : width and height of the network's input, px

    Returns
    -------
    float32 [B, proposals, 4]; where fewer survive, the rest are dropped boxes in order of score, which do no harm: the
    localization branch judges each of them
    """
    count = min(pre_nms, outputs.ranks.shape[1])
    top, order = outputs.ranks.float().topk(count, dim=1)
    chosen = torch.gather(outputs.deltas.float(), 1, order[..., None].expand(-1, -1, 4))
    boxes = clip(decode(chosen, anchors[order], DELTA_WEIGHTS), *size)
    keep = keep_mask(boxes, max_iou)
    # ranks lie well inside +-500, so every kept box comes before every dropped one
    _, best = (top.clamp(-500, 500) - 2000.0 * (1 - keep)).topk(min(proposals, count), dim=1)
    return torch.gather(boxes, 1, best[..., None].expand(-1, -1, 4))
