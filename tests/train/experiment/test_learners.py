"""From networks to soft masks at the picture's own size."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from edge.geometry import Letterbox, fit_letterbox
from train.experiment.leukocytemask_learner import LeukocyteMaskLearner, best_proposals, build_leukocytemask
from train.experiment.pixelwise_learner import PixelwiseLearner
from train.losses import Target
from train.model.boxes import iou_matrix
from train.model.config import PAPER

pytestmark = pytest.mark.usefixtures("one_thread")
SQUARE = torch.zeros(1, 3, 64, 64)


def letterbox(width: int, height: int) -> Letterbox:
    return fit_letterbox(width, height, 64, 64, np.inf)


class Fixed(nn.Module):
    """Says the same logits whatever it sees."""

    def __init__(self, logits: Tensor) -> None:
        super().__init__()
        self.logits = logits

    def forward(self, images: Tensor) -> Tensor:
        return self.logits.expand(len(images), -1, -1)


def test_a_pixelwise_map_comes_back_without_the_padding() -> None:
    logits = torch.full((1, 64, 64), -20.0)
    logits[:, 16:48] = 20.0  # where a picture of 80 x 40 lies
    soft = PixelwiseLearner(Fixed(logits), {}).soft_mask(SQUARE, letterbox(80, 40))
    assert soft.shape == (40, 80)
    assert soft.dtype == np.float32
    assert (soft > 0.999).all()


def test_the_pixelwise_loss_sees_the_union_of_the_cells() -> None:
    masks = torch.zeros(2, 64, 64)
    masks[0, :20], masks[1, 40:] = 1, 1
    logits = torch.where(masks.amax(dim=0)[None] > 0, 20.0, -20.0)
    learner = PixelwiseLearner(Fixed(logits), {})
    both = learner.losses(SQUARE, [Target(boxes=torch.zeros(2, 4), masks=masks)])
    assert all(value.item() < 1e-3 for value in both.values())
    none = learner.losses(SQUARE, [Target(boxes=torch.zeros(0, 4), masks=torch.zeros(0, 64, 64))])
    assert none["cross_entropy"].item() > 1


@pytest.fixture(scope="module")
def learner() -> LeukocyteMaskLearner:
    torch.manual_seed(0)
    network = build_leukocytemask(64).eval()
    return LeukocyteMaskLearner(network, score=0.5)


def say(learner: LeukocyteMaskLearner, monkeypatch: pytest.MonkeyPatch, boxes: Tensor, scores: Tensor) -> None:
    """Replace what the localization branch finds, and make every soft mask 0.9."""
    network = learner.network
    monkeypatch.setattr(network, "localize", lambda levels, proposals, shape: (boxes[None], scores[None]))
    monkeypatch.setattr(
        network, "segment", lambda levels, chosen: torch.full((1, chosen.shape[1], 28, 28), float(np.log(9)))
    )


@torch.inference_mode()
def test_cells_are_pasted_from_a_score_of_one_half_on(
    learner: LeukocyteMaskLearner, monkeypatch: pytest.MonkeyPatch
) -> None:
    boxes = torch.tensor([[0.0, 0.0, 32.0, 32.0], [16.0, 16.0, 48.0, 48.0], [48.0, 48.0, 64.0, 64.0]])
    say(learner, monkeypatch, boxes, torch.tensor([0.9, 0.5, 0.49]))
    soft = learner.soft_mask(SQUARE, letterbox(128, 128))
    boxes_px, inside = np.zeros((2, 128, 128), bool)
    boxes_px[:64, :64] = boxes_px[32:96, 32:96] = True
    inside[:62, :62] = inside[34:94, 34:94] = True  # a mask falls off at its box's rim, but not at the picture's edge
    assert np.allclose(soft[inside], 0.9, atol=1e-6)
    assert not soft[~boxes_px].any()


@torch.inference_mode()
def test_a_picture_without_a_confident_cell_is_empty(
    learner: LeukocyteMaskLearner, monkeypatch: pytest.MonkeyPatch
) -> None:
    say(learner, monkeypatch, torch.tensor([[0.0, 0.0, 32.0, 32.0]]), torch.tensor([0.4999]))
    soft = learner.soft_mask(SQUARE, letterbox(50, 30))
    assert soft.shape == (30, 50)
    assert not soft.any()


@torch.inference_mode()
def test_proposals_come_best_first_and_none_hides_another(learner: LeukocyteMaskLearner) -> None:
    network = learner.network
    image = torch.randn(1, 3, 64, 64, generator=torch.Generator().manual_seed(1))
    levels = network.pyramid(network.backbone(image))
    boxes, scores = best_proposals(network, levels, image.shape)
    assert boxes.shape == (1, min(512, len(network.anchors(levels))), 4)
    kept = scores[0] > 0
    assert (scores[0][kept].diff() <= 0).all()
    overlap = iou_matrix(boxes[0][kept], boxes[0][kept]).fill_diagonal_(0)
    assert overlap.max() <= PAPER.box_nms_iou


@torch.inference_mode()
def test_masks_on_proposals_segment_positive_proposals_only(
    learner: LeukocyteMaskLearner, monkeypatch: pytest.MonkeyPatch
) -> None:
    network = learner.network
    image = torch.randn(1, 3, 64, 64, generator=torch.Generator().manual_seed(1))
    on_proposals = LeukocyteMaskLearner(network, score=0.5, masks_on="proposals")
    asked: list[Tensor] = []
    monkeypatch.setattr(
        network, "segment", lambda levels, chosen: asked.append(chosen) or torch.zeros(1, chosen.shape[1], 28, 28)
    )
    monkeypatch.setattr(network.rpn.objectness.bias, "data", torch.full((3,), 5.0))
    on_proposals.soft_mask(image, letterbox(64, 64))
    boxes, scores = best_proposals(network, network.pyramid(network.backbone(image)), image.shape)
    assert torch.equal(asked[0], boxes[:, scores[0] >= 0.5])
    assert asked[0].shape[1] > 0
    monkeypatch.setattr(network.rpn.objectness.bias, "data", torch.full((3,), -50.0))
    assert not on_proposals.soft_mask(image, letterbox(64, 64)).any()


def test_leukocytemask_is_the_paper_preset_at_another_input_size() -> None:
    config = build_leukocytemask(128).config
    assert (config.input_width, config.input_height) == (128, 128)
    assert config.anchor_sizes == PAPER.anchor_sizes
    assert config.backbone == PAPER.backbone
