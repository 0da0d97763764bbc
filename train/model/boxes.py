"""Boxes as tensors: IoU, the coding of Faster R-CNN, clipping. All boxes are x0 y0 x1 y1 in network px, float32."""

from __future__ import annotations

import math

import torch
from torch import Tensor

_LARGEST_LOG_SCALE = math.log(1000.0 / 16)  # a delta may not enlarge a box more than this; Detectron's bound


def area(boxes: Tensor) -> Tensor:
    """[..., 4] -> [...]; 0 for an inverted box."""
    return (boxes[..., 2:] - boxes[..., :2]).clamp(min=0).prod(dim=-1)


def iou_matrix(a: Tensor, b: Tensor) -> Tensor:
    """[..., N, 4] and [..., M, 4] -> [..., N, M]; 0 where both are empty."""
    # a plane per coordinate: ONNX Runtime is slow on a last axis of two
    ax0, ay0, ax1, ay1 = a[..., :, None, :].unbind(-1)
    bx0, by0, bx1, by1 = b[..., None, :, :].unbind(-1)
    width = (torch.minimum(ax1, bx1) - torch.maximum(ax0, bx0)).clamp(min=0)
    height = (torch.minimum(ay1, by1) - torch.maximum(ay0, by0)).clamp(min=0)
    intersection = width * height
    union = area(a)[..., :, None] + area(b)[..., None, :] - intersection
    return intersection / union.clamp(min=1e-6)


def encode(boxes: Tensor, references: Tensor, weights: tuple[float, float, float, float]) -> Tensor:
    """What must be added to `references` [N, 4] to get `boxes` [N, 4]: weighted (dx, dy, dw, dh) [N, 4]."""
    size = (boxes[:, 2:] - boxes[:, :2]).clamp(min=1e-3)
    reference_size = (references[:, 2:] - references[:, :2]).clamp(min=1e-3)
    shift = (boxes[:, :2] + boxes[:, 2:] - references[:, :2] - references[:, 2:]) / 2 / reference_size
    return torch.cat([shift, torch.log(size / reference_size)], dim=1) * boxes.new_tensor(weights)


def decode(deltas: Tensor, references: Tensor, weights: tuple[float, float, float, float]) -> Tensor:
    """The inverse of `encode`, for [..., 4]; sizes are bounded so that no delta overflows."""
    size = references[..., 2:] - references[..., :2]
    centre = references[..., :2] + size / 2
    shift = torch.stack([deltas[..., 0] / weights[0], deltas[..., 1] / weights[1]], dim=-1)
    scale = torch.stack([deltas[..., 2] / weights[2], deltas[..., 3] / weights[3]], dim=-1)
    centre = centre + shift * size
    half = size * torch.exp(scale.clamp(max=_LARGEST_LOG_SCALE)) / 2
    return torch.cat([centre - half, centre + half], dim=-1)


def clip(boxes: Tensor, width: int, height: int) -> Tensor:
    """[..., 4] cut to the network's input."""
    x0, y0, x1, y1 = boxes.unbind(dim=-1)
    return torch.stack([x0.clamp(0, width), y0.clamp(0, height), x1.clamp(0, width), y1.clamp(0, height)], dim=-1)


def grow(boxes: Tensor, margin: float) -> Tensor:
    """[..., 4] grown by `margin` times width and height on each side."""
    size = boxes[..., 2:] - boxes[..., :2]
    return torch.cat([boxes[..., :2] - margin * size, boxes[..., 2:] + margin * size], dim=-1)
