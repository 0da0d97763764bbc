"""The boxes that the RPN starts from."""

from __future__ import annotations

import torch
from torch import Tensor


def anchors_of_level(grid: tuple[int, int], stride: int, sizes: tuple[float, ...], ratios: tuple[float, ...]) -> Tensor:
    """Anchors centred on each cell of a feature map, row by row, sizes outermost and ratios innermost per cell.

    Parameters
    ----------
    grid : rows and columns of the feature map
    stride : network px per cell
    sizes : sqrt of the area, px
    ratios : height / width

    Returns
    -------
    float32 [rows * columns * sizes * ratios, 4]
    """
    rows, columns = grid
    shapes = torch.tensor([[size / ratio**0.5, size * ratio**0.5] for size in sizes for ratio in ratios])  # [A, 2] w h
    x = (torch.arange(columns) + 0.5) * stride
    y = (torch.arange(rows) + 0.5) * stride
    centres = torch.stack(torch.meshgrid(y, x, indexing="ij")[::-1], dim=-1).reshape(-1, 1, 2)  # [cells, 1, 2] x y
    boxes = torch.cat([centres - shapes / 2, centres + shapes / 2], dim=-1)  # [cells, A, 4]
    return boxes.reshape(-1, 4).float()
