from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
import torch

from train.losses import Target, label_anchors, mask_targets, multitask_loss
from train.model.anchors import anchors_of_level
from train.model.config import EDGE, PAPER, ModelConfig
from train.model.leukocytemask import LeukocyteMask

SMALL: ModelConfig = replace(EDGE, input_width=128, input_height=128)


def disc(size: int, centre: tuple[float, float], radius: float) -> torch.Tensor:
    y, x = torch.meshgrid(torch.arange(size) + 0.5, torch.arange(size) + 0.5, indexing="ij")
    return ((x - centre[0]) ** 2 + (y - centre[1]) ** 2 <= radius**2).float()


def one_cell(size: int = 128) -> Target:
    return Target(boxes=torch.tensor([[34.0, 44.0, 94.0, 104.0]]), masks=disc(size, (64, 74), 30)[None])


def no_cell(size: int = 128) -> Target:
    return Target(boxes=torch.zeros(0, 4), masks=torch.zeros(0, size, size))


def test_every_cell_has_a_positive_anchor_even_where_none_overlaps_enough() -> None:
    anchors = anchors_of_level((16, 16), 8, (32.0,), (1.0,))
    cells = torch.tensor([[3.0, 3.0, 17.0, 17.0], [40.0, 40.0, 120.0, 120.0], [60.0, 20.0, 92.0, 52.0]])
    labels, nearest = label_anchors(anchors, cells, 0.7, 0.3)
    assert {int(n) for n in nearest[labels == 1]} == {0, 1, 2}


def test_without_cells_every_anchor_is_negative() -> None:
    labels, _ = label_anchors(anchors_of_level((4, 4), 8, (32.0,), (1.0,)), torch.zeros(0, 4), 0.7, 0.3)
    assert (labels == 0).all()


def test_mask_targets_give_the_disc_back() -> None:
    target = mask_targets(disc(128, (64, 64), 30)[None], torch.tensor([[34.0, 34.0, 94.0, 94.0]]), 0.1, 56)[0]
    # the grid covers 72 px with 56 bins: area and centre of the disc must come out in the grid's units
    assert float(target.sum()) * (72 / 56) ** 2 == pytest.approx(math.pi * 30**2, rel=0.01)
    rows = (target.sum(dim=1) * torch.arange(56)).sum() / target.sum()
    assert float(rows) == pytest.approx(27.5, abs=0.1)


@pytest.mark.parametrize("targets", [[no_cell(), no_cell()], [one_cell(), no_cell()]], ids=["no cells", "one cell"])
@pytest.mark.parametrize("config", [SMALL, PAPER], ids=["edge", "paper"])
def test_all_components_are_finite_and_reach_every_parameter(config: ModelConfig, targets: list[Target]) -> None:
    torch.manual_seed(0)
    model = LeukocyteMask(config).train()
    losses = multitask_loss(model, torch.randn(2, 3, 128, 128), targets)
    assert set(losses) == {"rpn_class", "rpn_box", "class", "box", "mask"}
    total = torch.stack(list(losses.values())).sum()
    assert torch.isfinite(total)
    total.backward()
    missing = [name for name, parameter in model.named_parameters() if parameter.grad is None]
    assert missing == []


def test_training_on_one_picture_brings_the_proposals_to_its_cell() -> None:
    torch.manual_seed(0)
    model = LeukocyteMask(SMALL).train()
    target = one_cell()
    image = (target.masks[0] * 2 - 1).expand(1, 3, -1, -1).contiguous()
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3)
    history = []
    for _ in range(25):
        losses = multitask_loss(model, image, [target])
        loss = torch.stack(list(losses.values())).sum()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        history.append(losses["rpn_box"].item())
    # the proposals are what a network with random weights learns first
    assert np.mean(history[-5:]) < 0.5 * np.mean(history[:3])
