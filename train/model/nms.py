"""Non-maximum suppression from plain operations: fixed shapes, no data-dependent output, the same on every backend.

Cluster-NMS (Zheng et al., IEEE Trans. Cybernetics 2022): starting from "all kept", a box is dropped if a kept box with
a higher score overlaps it; repeated until nothing changes this equals greedy NMS. `ROUNDS` rounds are enough for chains
of that many mutually suppressing boxes.
"""

from __future__ import annotations

import torch
from torch import Tensor

from train.model.boxes import iou_matrix

ROUNDS = 10


def keep_mask(sorted_boxes: Tensor, max_iou: float) -> Tensor:
    """Which boxes survive.

    Parameters
    ----------
    sorted_boxes : float32 [B, N, 4], best score first

    Returns
    -------
    float32 [B, N], 1 kept, 0 dropped
    """
    overlap = iou_matrix(sorted_boxes, sorted_boxes)
    earlier = torch.triu(torch.ones_like(overlap), diagonal=1)  # [i, j] = 1 where box i has the higher score
    suppresses = (overlap > max_iou).to(overlap.dtype) * earlier
    keep = torch.ones_like(overlap[:, :1])  # [B, 1, N]
    for _ in range(ROUNDS):
        keep = (torch.matmul(keep, suppresses) < 0.5).to(overlap.dtype)
    return keep[:, 0]
