"""RoIAlign over several pyramid levels in plain PyTorch: the reference for every other implementation.

The definition (aligned, two samples per bin and axis, float32 coordinates):

* feature coordinate = input coordinate / stride - 0.5;
* each ROI reads one level, k = clamp(floor(k0 + log2(sqrt(w h) / s0) + 1e-6)); an inverted ROI has w h = 0;
* a sample below -1 or above the level's length adds 0, otherwise it is clamped to [0, length - 1]; NaN adds 0;
* a bin is the mean of its 2 x 2 bilinear samples, always divided by 4.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

SAMPLES = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class RoiAlignSpec:
    """Which levels are read and how; `strides` belong to the levels, finest first."""

    strides: tuple[int, ...]
    first_level: int
    canonical_level: int
    canonical_size: float
    bins: int


class MultilevelRoiAlign(nn.Module):
    """`roi_align` with its figures, as a part of a network that an export can exchange."""

    def __init__(self, spec: RoiAlignSpec) -> None:
        super().__init__()
        self.spec = spec

    def forward(self, levels: list[Tensor], rois: Tensor) -> Tensor:
        return roi_align(levels, rois, self.spec)


def level_of(rois: Tensor, spec: RoiAlignSpec) -> Tensor:
    """The index into `spec.strides` that each ROI [..., 4] reads, int64 [...]."""
    size = (rois[..., 2:] - rois[..., :2]).clamp(min=0).prod(dim=-1).sqrt()
    # the clamp keeps log2 finite for empty ROIs, which then read the finest level; NaN does too
    octave = torch.log2((size / spec.canonical_size).clamp(min=1e-6)) + spec.canonical_level + 1e-6
    last = spec.first_level + len(spec.strides) - 1
    level = torch.nan_to_num(octave, nan=float(spec.first_level)).floor().clamp(spec.first_level, last)
    return (level - spec.first_level).long()


def roi_align(levels: list[Tensor], rois: Tensor, spec: RoiAlignSpec) -> Tensor:
    """Pool each ROI to bins x bins.

    Parameters
    ----------
    levels : one [B, C, H, W] per stride
    rois : float32 [B, R, 4] in network px

    Returns
    -------
    [B, R, C, bins, bins] in the features' type
    """
    batch, channels = levels[0].shape[:2]
    count = rois.shape[1]
    rois = rois.float()
    lengths = [level.shape[2] * level.shape[3] for level in levels]
    table = torch.cat([level.flatten(2) for level in levels], dim=2).transpose(1, 2)  # [B, sum(HW), C]
    total = sum(lengths)
    which = level_of(rois, spec)  # [B, R]

    def per_level(values: list[float]) -> Tensor:
        return torch.tensor(values, dtype=torch.float32, device=rois.device)[which]

    stride = per_level([float(s) for s in spec.strides])
    height = per_level([float(level.shape[2]) for level in levels])
    width = per_level([float(level.shape[3]) for level in levels])
    start = per_level([float(sum(lengths[:i])) for i in range(len(lengths))]).long()

    x_index, x_weight = _taps(rois[..., 0] / stride, rois[..., 2] / stride, width, spec.bins)  # [B, R, bins, 4]
    y_index, y_weight = _taps(rois[..., 1] / stride, rois[..., 3] / stride, height, spec.bins)
    row = y_index * width.long()[..., None, None] + start[..., None, None]
    index = row[:, :, :, None, :, None] + x_index[:, :, None, :, None, :]  # [B, R, bins y, bins x, 4, 4]
    weight = y_weight[:, :, :, None, :, None] * x_weight[:, :, None, :, None, :]
    offset = torch.arange(batch, device=rois.device) * total
    index = index.reshape(batch, -1) + offset[:, None]
    taps = (2 * SAMPLES) ** 2
    rows = functional.embedding(
        index, table.reshape(batch * total, channels)
    )  # a gather whose gradient is fast on the CPU
    pooled = torch.matmul(
        weight.reshape(-1, 1, taps).to(table.dtype), rows.reshape(-1, taps, channels)
    )  # [B * R * bins * bins, 1, C]
    return pooled.reshape(batch, count, spec.bins, spec.bins, channels).permute(0, 1, 4, 2, 3)


def _taps(low: Tensor, high: Tensor, length: Tensor, bins: int) -> tuple[Tensor, Tensor]:
    """Where one axis of each ROI is read and with which weight.

    Parameters
    ----------
    low, high : the ROI's ends in units of feature cells [B, R]
    length : cells of the level along this axis, float32 [B, R]

    Returns
    -------
    index int64 [B, R, bins, 4] and weight float32 [B, R, bins, 4]; the 4 taps are two samples, each between two cells
    """
    position = (torch.arange(bins * SAMPLES, device=low.device, dtype=torch.float32) + 0.5) / (bins * SAMPLES)
    sample = low[..., None] + position * (high - low)[..., None] - 0.5  # [B, R, bins * 2]
    length = length[..., None]
    inside = ((sample >= -1) & (sample <= length)).float()  # False for NaN
    clamped = torch.nan_to_num(sample, nan=0.0).clamp(min=0)
    clamped = torch.minimum(clamped, length - 1)
    below = clamped.floor()
    above = torch.minimum(below + 1, length - 1)
    fraction = clamped - below
    index = torch.stack([below, above], dim=-1).long()  # [B, R, bins * 2, 2]
    weight = torch.stack([1 - fraction, fraction], dim=-1) * inside[..., None] / SAMPLES
    shape = (*low.shape, bins, 2 * SAMPLES)
    return index.reshape(shape), weight.reshape(shape)
