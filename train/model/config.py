"""Every choice that makes one LeukocyteMask network, and the two presets.

`docs/decisions/0002-model-choices.md` gives the source of each value that the paper leaves open.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, fields
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelConfig:
    """All sizes in network px, all IoUs in 0..1.

    Attributes
    ----------
    preset : "paper" or "edge"
    backbone : "wbc_resnet50" (section 2.1) or "efficientnet_lite0"
    fpn_channels : channels of every pyramid level
    separable : depthwise-separable 3x3 convolutions in FPN, RPN and mask head instead of full ones
    rpn_channels : width of the 3x3 convolution of the RPN
    rpn_levels : pyramid levels that the RPN looks at (2 = stride 4 ... 6 = stride 64)
    anchor_sizes : for each of `rpn_levels`, the sides (sqrt of the area) of its anchors
    anchor_ratios : height / width of the anchors
    rpn_positive_iou, rpn_negative_iou : anchors above / below are positive / negative; the best anchor of each cell is
        always positive
    rpn_peaks : boxes of anchors that are the best among their neighbours of the same size are proposed first
    pre_nms, proposals : boxes before and after the NMS of the RPN
    rpn_nms_iou, box_nms_iou : overlap at which the weaker box is dropped
    box_levels, mask_levels : pyramid levels that the two RoIAligns read
    canonical_level, canonical_size : a square ROI of this size is read from this level (k0 and s0 of FPN's Eq. 1)
    box_pool, box_width : RoIAlign bins per side and width of the two fully connected layers of the localization branch
    mask_pool, mask_channels, mask_convs : RoIAlign bins per side, width and depth of the soft-mask branch, whose output
        is twice `mask_pool` on a side
    mask_reduces : a 1x1 convolution brings the features to `mask_channels` before the RoIAlign
    mask_margin : the mask's grid covers the box grown by this share on each side
    slots : the most cells of one frame
    score_floor : lower scores never leave the network
    """

    preset: str
    backbone: str
    fpn_channels: int
    separable: bool
    rpn_channels: int
    rpn_levels: tuple[int, ...]
    anchor_sizes: tuple[tuple[float, ...], ...]
    anchor_ratios: tuple[float, ...]
    rpn_positive_iou: float
    rpn_negative_iou: float
    pre_nms: int
    proposals: int
    rpn_nms_iou: float
    box_nms_iou: float
    box_levels: tuple[int, ...]
    mask_levels: tuple[int, ...]
    canonical_level: int
    canonical_size: float
    box_pool: int
    box_width: int
    mask_pool: int
    mask_channels: int
    mask_convs: int
    mask_reduces: bool
    mask_margin: float
    slots: int
    score_floor: float
    input_width: int
    input_height: int
    rpn_peaks: bool = False
    mean: tuple[float, float, float] = (123.675, 116.28, 103.53)
    std: tuple[float, float, float] = (58.395, 57.12, 57.375)

    @property
    def mask_size(self) -> int:
        return 2 * self.mask_pool

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> ModelConfig:
        """Rebuild a configuration that went through JSON (lists become tuples again)."""
        known = {field.name for field in fields(cls)}
        return cls(**{key: _tuples(value) for key, value in values.items() if key in known})


def _tuples(value: Any) -> Any:
    return tuple(_tuples(item) for item in value) if isinstance(value, (list, tuple)) else value


PAPER = ModelConfig(
    preset="paper",
    backbone="wbc_resnet50",
    fpn_channels=256,
    separable=False,
    rpn_channels=2048,
    rpn_levels=(2, 3, 4, 5, 6),
    anchor_sizes=((16.0,), (32.0,), (64.0,), (128.0,), (256.0,)),
    anchor_ratios=(0.5, 1.0, 2.0),
    rpn_positive_iou=0.7,
    rpn_negative_iou=0.3,
    pre_nms=512,
    proposals=64,
    rpn_nms_iou=0.7,
    box_nms_iou=0.3,
    box_levels=(2, 3, 4, 5),
    mask_levels=(2, 3, 4, 5),
    canonical_level=4,
    canonical_size=112.0,
    box_pool=7,
    box_width=1024,
    mask_pool=14,
    mask_channels=256,
    mask_convs=4,
    mask_reduces=False,
    mask_margin=0.0,
    slots=32,
    score_floor=0.05,
    input_width=256,
    input_height=256,
)

EDGE = ModelConfig(
    preset="edge",
    backbone="efficientnet_lite0",
    fpn_channels=64,
    separable=True,
    rpn_channels=64,
    rpn_levels=(3, 4, 5, 6),
    anchor_sizes=((30.0, 44.0), (64.0, 92.0), (134.0, 195.0), (284.0, 400.0)),
    anchor_ratios=(1.0,),
    rpn_positive_iou=0.5,
    rpn_negative_iou=0.3,
    pre_nms=96,
    proposals=48,
    rpn_nms_iou=0.6,
    box_nms_iou=0.4,
    box_levels=(3, 4, 5),
    mask_levels=(2,),
    canonical_level=4,
    canonical_size=128.0,
    box_pool=7,
    box_width=256,
    mask_pool=28,
    mask_channels=32,
    mask_convs=3,
    mask_reduces=True,
    mask_margin=0.1,
    slots=48,
    score_floor=0.05,
    input_width=512,
    input_height=384,
    rpn_peaks=True,
)

PRESETS = {"paper": PAPER, "edge": EDGE}
