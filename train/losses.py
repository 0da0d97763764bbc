"""The multi-task loss of Eqs. 3-5: RPN class and box, localization class and box, soft mask."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from train.model.boxes import decode, encode, grow, iou_matrix
from train.model.heads import DELTA_WEIGHTS as BOX_WEIGHTS
from train.model.leukocytemask import LeukocyteMask
from train.model.roi_align import RoiAlignSpec, roi_align
from train.model.rpn import DELTA_WEIGHTS as RPN_WEIGHTS

RPN_SAMPLES = 256  # anchors per picture that enter Eq. 3, at most half of them positive (Faster R-CNN)
RPN_BETA = 1.0 / 9  # where smooth L1 turns linear (Detectron)
JITTERED = 8  # boxes near true cells that join the proposals, so that the branches learn before the RPN is good
MASK_ROIS = 4  # positive ROIs per picture that train the mask branch


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """The cells of one training picture: boxes float32 [N, 4] in px and masks float32 [N, H, W] in [0, 1]."""

    boxes: Tensor
    masks: Tensor


def multitask_loss(model: LeukocyteMask, images: Tensor, targets: list[Target]) -> dict[str, Tensor]:
    """The five components of Eq. 5 for a batch [B, 3, H, W]; their sum is what is minimised."""
    levels = model.pyramid(model.backbone(images))
    anchors = model.anchors(levels)
    outputs = model.rpn([levels[level - 2] for level in model.config.rpn_levels])
    losses = rpn_loss(model, outputs.logits, outputs.deltas, anchors, targets)

    with torch.no_grad():
        proposals = model.select(outputs, anchors, images.shape)
        jittered = torch.stack([_near_cells(target.boxes, images.shape) for target in targets])
        rois = torch.cat([proposals, jittered], dim=1)
    scores, refinements = model.localization(model.pool_boxes(levels, rois))
    matches = _match(rois, targets)
    losses |= _localization_loss(scores, refinements, matches, targets)
    refined = decode(refinements.detach().float(), rois, BOX_WEIGHTS)
    losses["mask"] = _mask_loss(model, levels, refined, matches, targets)
    return losses


def rpn_loss(
    model: LeukocyteMask, logits: Tensor, deltas: Tensor, anchors: Tensor, targets: list[Target]
) -> dict[str, Tensor]:
    """Eq. 3, its two terms each normalised by the anchors that enter them (so that lambda is 1)."""
    config = model.config
    objectness, regression, regressed = [], [], 0
    for logit, delta, target in zip(logits.float(), deltas.float(), targets, strict=True):
        labels, nearest = label_anchors(anchors, target.boxes, config.rpn_positive_iou, config.rpn_negative_iou)
        chosen = _sample(labels, RPN_SAMPLES)
        objectness.append(
            functional.binary_cross_entropy_with_logits(logit[chosen], labels[chosen].float(), reduction="mean")
        )
        positive = torch.nonzero(labels == 1)[:, 0]
        if len(positive):
            wanted = encode(target.boxes[nearest[positive]], anchors[positive], RPN_WEIGHTS)
            regression.append(functional.smooth_l1_loss(delta[positive], wanted, beta=RPN_BETA, reduction="sum"))
            regressed += len(positive)
    box = torch.stack(regression).sum() / regressed if regressed else deltas.sum() * 0
    return {"rpn_class": torch.stack(objectness).mean(), "rpn_box": box}


def label_anchors(anchors: Tensor, cells: Tensor, positive_iou: float, negative_iou: float) -> tuple[Tensor, Tensor]:
    """1 positive, 0 negative, -1 neither, int64 [A], and the index of the nearest cell [A].

    Every cell's best anchor is positive, however poor: with IoU 0.7 alone many cells would have none.
    """
    labels = torch.full((len(anchors),), -1, dtype=torch.int64, device=anchors.device)
    if len(cells) == 0:
        return labels.zero_(), torch.zeros_like(labels)
    overlap = iou_matrix(anchors, cells)  # [A, N]
    best, nearest = overlap.max(dim=1)
    labels[best < negative_iou] = 0
    labels[best >= positive_iou] = 1
    champion = overlap.argmax(dim=0)
    labels[champion] = 1
    nearest[champion] = torch.arange(len(cells), device=cells.device)
    return labels, nearest


def _sample(labels: Tensor, count: int) -> Tensor:
    positive = torch.nonzero(labels == 1)[:, 0]
    negative = torch.nonzero(labels == 0)[:, 0]
    positive = positive[torch.randperm(len(positive), device=labels.device)[: count // 2]]
    negative = negative[torch.randperm(len(negative), device=labels.device)[: count - len(positive)]]
    return torch.cat([positive, negative])


def _near_cells(cells: Tensor, shape: torch.Size) -> Tensor:
    """`JITTERED` boxes shifted and scaled about true cells; anywhere in the picture where there are none."""
    device = cells.device
    if len(cells) == 0:
        corner = torch.rand(JITTERED, 2, device=device) * torch.tensor([shape[3], shape[2]], device=device) * 0.8
        return torch.cat([corner, corner + 20 + torch.rand(JITTERED, 2, device=device) * 0.2 * shape[2]], dim=1)
    cell = cells[torch.randint(len(cells), (JITTERED,), device=device)]
    size = cell[:, 2:] - cell[:, :2]
    centre = (cell[:, 2:] + cell[:, :2]) / 2 + (torch.rand(JITTERED, 2, device=device) - 0.5) * 0.3 * size
    half = size / 2 * torch.exp((torch.rand(JITTERED, 2, device=device) - 0.5) * 0.5)
    return torch.cat([centre - half, centre + half], dim=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Matches:
    """ROIs [B, R, 4], the index of the cell that each overlaps most [B, R], and whether by at least half [B, R]."""

    rois: Tensor
    nearest: Tensor
    positive: Tensor


def _match(rois: Tensor, targets: list[Target]) -> _Matches:
    matched = torch.zeros(rois.shape[:2], dtype=torch.int64, device=rois.device)
    positive = torch.zeros(rois.shape[:2], dtype=torch.bool, device=rois.device)
    for i, target in enumerate(targets):
        if len(target.boxes):
            best, matched[i] = iou_matrix(rois[i], target.boxes).max(dim=1)
            positive[i] = best >= 0.5
    return _Matches(rois=rois, nearest=matched, positive=positive)


def _localization_loss(
    scores: Tensor, refinements: Tensor, matches: _Matches, targets: list[Target]
) -> dict[str, Tensor]:
    rois, positive = matches.rois, matches.positive
    loss = {"class": functional.binary_cross_entropy_with_logits(scores.float(), positive.float())}
    wanted, given = [], []
    for i, target in enumerate(targets):
        chosen = positive[i]
        if chosen.any():
            wanted.append(encode(target.boxes[matches.nearest[i][chosen]], rois[i][chosen], BOX_WEIGHTS))
            given.append(refinements[i][chosen])
    if wanted:
        difference = functional.smooth_l1_loss(torch.cat(given).float(), torch.cat(wanted), beta=1.0, reduction="sum")
        loss["box"] = difference / sum(len(w) for w in wanted)
    else:
        loss["box"] = refinements.sum() * 0
    return loss


def _mask_loss(
    model: LeukocyteMask, levels: list[Tensor], refined: Tensor, matches: _Matches, targets: list[Target]
) -> Tensor:
    """Eq. 4 on refined positive boxes [B, R, 4]: the boxes that inference will cut the mask from."""
    boxes = torch.zeros(len(targets), MASK_ROIS, 4, device=refined.device)
    truth: list[Tensor] = []
    used: list[tuple[int, int]] = []
    for i, target in enumerate(targets):
        chosen = torch.nonzero(matches.positive[i])[:, 0]
        chosen = chosen[torch.randperm(len(chosen), device=chosen.device)[:MASK_ROIS]]
        boxes[i, : len(chosen)] = refined[i, chosen]
        used += [(i, j) for j in range(len(chosen))]
        truth += [target.masks[matches.nearest[i, k]] for k in chosen]
    logits = model.segment(levels, boxes)
    if not used:
        return logits.sum() * 0
    rows, columns = torch.tensor(used, device=refined.device).T
    wanted = mask_targets(torch.stack(truth), boxes[rows, columns], model.config.mask_margin, logits.shape[-1])
    return functional.binary_cross_entropy_with_logits(logits[rows, columns].float(), wanted)


def mask_targets(masks: Tensor, boxes: Tensor, margin: float, size: int) -> Tensor:
    """True masks [N, H, W] sampled over boxes [N, 4] grown by `margin`: soft targets [N, size, size]."""
    whole = RoiAlignSpec(strides=(1,), first_level=0, canonical_level=0, canonical_size=1.0, bins=size)
    pooled = roi_align([masks[:, None].float()], grow(boxes, margin)[:, None], whole)
    return pooled[:, 0, 0].clamp(0, 1)
