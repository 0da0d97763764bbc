"""LeukocyteMask: pyramid -> proposals -> boxes and soft masks (section 2.2, Figure 2). Composition only."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn

from train.model.anchors import anchors_of_level
from train.model.boxes import grow
from train.model.config import ModelConfig
from train.model.efficientnet_lite import EfficientNetLite0
from train.model.fpn import FeaturePyramid
from train.model.heads import LocalizationBranch, MaskBranch, select_cells
from train.model.resnet import WbcResNet50
from train.model.roi_align import MultilevelRoiAlign, RoiAlignSpec
from train.model.rpn import RegionProposalNetwork, RpnOutputs, select_proposals

_BACKBONES: dict[str, type[WbcResNet50] | type[EfficientNetLite0]] = {
    "wbc_resnet50": WbcResNet50,
    "efficientnet_lite0": EfficientNetLite0,
}
_FINEST_LEVEL = 2  # P2, stride 4


class Cells(NamedTuple):
    """Boxes float32 [B, K, 4] in network px, scores float32 [B, K], soft masks [B, K, m, m] over the grown boxes."""

    boxes: Tensor
    scores: Tensor
    masks: Tensor


class LeukocyteMask(nn.Module):
    """The network of one configuration. Normalised RGB [B, 3, H, W] in, `Cells` out; H and W multiples of 64."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.config = config
        channels = config.fpn_channels
        backbone = _BACKBONES[config.backbone]
        self.backbone = backbone()
        self.pyramid = FeaturePyramid(backbone.channels, channels, config.separable)
        per_cell = len(config.anchor_sizes[0]) * len(config.anchor_ratios)
        self.rpn = RegionProposalNetwork(
            channels, config.rpn_channels, per_cell, separable=config.separable, peaks=config.rpn_peaks
        )
        self.localization = LocalizationBranch(channels, config.box_pool, config.box_width)
        mask_input = config.mask_channels if config.mask_reduces else channels
        self.mask_reduce = nn.Conv2d(channels, mask_input, 1) if config.mask_reduces else nn.Identity()
        self.mask = MaskBranch(mask_input, config.mask_channels, config.mask_convs)
        self.box_align = _align(config, config.box_levels, config.box_pool)
        self.mask_align = _align(config, config.mask_levels, config.mask_pool)

    def forward(self, image: Tensor) -> Cells:
        levels = self.pyramid(self.backbone(image))
        proposals = self.propose(levels, image.shape)
        boxes, scores = self.localize(levels, proposals, image.shape)
        masks = torch.sigmoid(self.segment(levels, boxes))
        return Cells(boxes, scores, masks)

    def propose(self, levels: list[Tensor], shape: torch.Size) -> Tensor:
        """Pyramid -> proposals [B, R, 4]."""
        outputs = self.rpn(self._of(levels, self.config.rpn_levels))
        return self.select(outputs, self.anchors(levels), shape)

    def select(self, outputs: RpnOutputs, anchors: Tensor, shape: torch.Size) -> Tensor:
        """RPN outputs -> proposals [B, R, 4] for an input of `shape` [B, 3, H, W]."""
        config = self.config
        return select_proposals(
            outputs,
            anchors,
            (shape[3], shape[2]),
            pre_nms=config.pre_nms,
            proposals=config.proposals,
            max_iou=config.rpn_nms_iou,
        )

    def localize(self, levels: list[Tensor], proposals: Tensor, shape: torch.Size) -> tuple[Tensor, Tensor]:
        """Proposals [B, R, 4] -> boxes [B, K, 4] and scores [B, K], best first."""
        logits, deltas = self.localization(self.pool_boxes(levels, proposals))
        config = self.config
        return select_cells(
            logits, deltas, proposals, (shape[3], shape[2]), slots=config.slots, max_iou=config.box_nms_iou
        )

    def segment(self, levels: list[Tensor], boxes: Tensor) -> Tensor:
        """Boxes [B, K, 4] -> logits of the soft masks [B, K, m, m] over the boxes grown by the mask margin."""
        rois = grow(boxes, self.config.mask_margin)
        features = [self.mask_reduce(level) for level in self._of(levels, self.config.mask_levels)]
        logits: Tensor = self.mask(self.mask_align(features, rois))
        return logits

    def pool_boxes(self, levels: list[Tensor], proposals: Tensor) -> Tensor:
        """RoIAlign of the localization branch: [B, R, 4] -> [B, R, C, bins, bins]."""
        pooled: Tensor = self.box_align(self._of(levels, self.config.box_levels), proposals)
        return pooled

    def anchors(self, levels: list[Tensor]) -> Tensor:
        """All anchors [A, 4] for a pyramid, in the order of the RPN's outputs."""
        config = self.config
        chosen = zip(config.rpn_levels, config.anchor_sizes, strict=True)
        device = levels[0].device
        return torch.cat(
            [
                anchors_of_level(
                    (levels[level - _FINEST_LEVEL].shape[2], levels[level - _FINEST_LEVEL].shape[3]),
                    2**level,
                    sizes,
                    config.anchor_ratios,
                ).to(device)
                for level, sizes in chosen
            ]
        )

    @staticmethod
    def _of(levels: list[Tensor], wanted: tuple[int, ...]) -> list[Tensor]:
        return [levels[level - _FINEST_LEVEL] for level in wanted]


def _align(config: ModelConfig, levels: tuple[int, ...], bins: int) -> MultilevelRoiAlign:
    spec = RoiAlignSpec(
        strides=tuple(2**level for level in levels),
        first_level=levels[0],
        canonical_level=config.canonical_level,
        canonical_size=config.canonical_size,
        bins=bins,
    )
    return MultilevelRoiAlign(spec)
