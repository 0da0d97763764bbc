from __future__ import annotations

import numpy as np
import pytest
import torch

from edge.geometry import box_iou
from train.model.anchors import anchors_of_level
from train.model.boxes import clip, decode, encode, grow, iou_matrix
from train.model.config import PRESETS
from train.model.nms import keep_mask


def random_boxes(count: int, seed: int, extent: float = 200.0, side: float = 60.0) -> torch.Tensor:
    generator = np.random.default_rng(seed)
    corner = generator.uniform(0, extent, (count, 2))
    return torch.tensor(np.hstack([corner, corner + generator.uniform(5, side, (count, 2))]), dtype=torch.float32)


def greedy(boxes: np.ndarray, max_iou: float) -> np.ndarray:
    kept: list[int] = []
    for i in range(len(boxes)):
        if all(box_iou(boxes[i : i + 1], boxes[j : j + 1])[0, 0] <= max_iou for j in kept):
            kept.append(i)
    return np.isin(np.arange(len(boxes)), kept)


@pytest.mark.parametrize("seed", range(12))
def test_keeps_what_greedy_suppression_keeps_in_crowded_frames(seed: int) -> None:
    boxes = random_boxes(150, seed)
    assert (keep_mask(boxes[None], 0.3)[0].numpy() > 0.5).tolist() == greedy(boxes.numpy(), 0.3).tolist()


def test_one_box_and_identical_boxes() -> None:
    assert keep_mask(torch.tensor([[[0.0, 0.0, 5.0, 5.0]]]), 0.5).tolist() == [[1.0]]
    assert keep_mask(torch.tensor([[[0.0, 0.0, 5.0, 5.0]] * 4]), 0.5).tolist() == [[1.0, 0.0, 0.0, 0.0]]


def test_empty_boxes_overlap_nothing() -> None:
    boxes = torch.tensor([[3.0, 3.0, 3.0, 3.0], [3.0, 3.0, 3.0, 3.0]])
    assert iou_matrix(boxes, boxes).max().item() == 0.0


def test_iou_agrees_with_the_runtime() -> None:
    a, b = random_boxes(30, 1), random_boxes(20, 2)
    np.testing.assert_allclose(iou_matrix(a, b).numpy(), box_iou(a.numpy(), b.numpy()), atol=1e-5)


@pytest.mark.parametrize("weights", [(1.0, 1.0, 1.0, 1.0), (10.0, 10.0, 5.0, 5.0)])
def test_decoding_undoes_encoding(weights: tuple[float, float, float, float]) -> None:
    boxes, references = random_boxes(50, 3), random_boxes(50, 4)
    assert torch.allclose(decode(encode(boxes, references, weights), references, weights), boxes, atol=1e-3)


def test_a_wild_delta_does_not_overflow() -> None:
    out = decode(torch.tensor([[0.0, 0.0, 1e6, 1e6]]), torch.tensor([[0.0, 0.0, 10.0, 10.0]]), (1.0, 1.0, 1.0, 1.0))
    assert torch.isfinite(out).all()


def test_clipping_and_growing() -> None:
    assert clip(torch.tensor([[-5.0, 2.0, 30.0, 40.0]]), 20, 10).tolist() == [[0.0, 2.0, 20.0, 10.0]]
    assert grow(torch.tensor([[10.0, 20.0, 30.0, 60.0]]), 0.1).tolist() == [[8.0, 16.0, 32.0, 64.0]]


def test_anchors_are_centred_on_their_cells_with_the_stated_area_and_ratio() -> None:
    anchors = anchors_of_level((3, 4), 8, (32.0, 64.0), (0.5, 2.0)).reshape(3, 4, 4, 4)
    assert torch.allclose((anchors[1, 2, :, :2] + anchors[1, 2, :, 2:]) / 2, torch.tensor([20.0, 12.0]))
    size = anchors[0, 0, :, 2:] - anchors[0, 0, :, :2]
    assert torch.allclose(size.prod(dim=1).sqrt(), torch.tensor([32.0, 32.0, 64.0, 64.0]))
    assert torch.allclose(size[:, 1] / size[:, 0], torch.tensor([0.5, 2.0, 0.5, 2.0]))


@pytest.mark.parametrize("preset", PRESETS)
def test_every_level_of_a_preset_has_as_many_anchors_per_cell(preset: str) -> None:
    config = PRESETS[preset]
    assert len(config.anchor_sizes) == len(config.rpn_levels)
    assert len({len(sizes) for sizes in config.anchor_sizes}) == 1
