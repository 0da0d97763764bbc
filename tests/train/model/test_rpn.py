from __future__ import annotations

import pytest
import torch

from train.model.anchors import anchors_of_level
from train.model.rpn import RegionProposalNetwork, RpnOutputs, select_proposals

SIZE, STRIDE, SIDE = 96, 8, 40.0
CELLS = ((20.0, 28.0, 30.0), (68.0, 76.0, 20.0))  # x, y, objectness at the middle


def outputs_for(peaks: bool, batch: int = 1) -> tuple[RpnOutputs, torch.Tensor]:
    """An RPN whose objectness has a hill over each cell, one of them low, and whose boxes are its anchors."""
    ys, xs = torch.meshgrid(torch.arange(4.0, SIZE, STRIDE), torch.arange(4.0, SIZE, STRIDE), indexing="ij")
    hills = [height - 0.2 * ((xs - x) ** 2 + (ys - y) ** 2).sqrt() for x, y, height in CELLS]
    level = torch.stack(hills).amax(dim=0)[None, None].repeat(batch, 1, 1, 1)
    network = RegionProposalNetwork(1, 1, 1, separable=False, peaks=peaks)
    torch.nn.init.dirac_(network.convolution.weight)
    torch.nn.init.ones_(network.objectness.weight)
    for parameter in (network.convolution.bias, network.objectness.bias, network.deltas.weight, network.deltas.bias):
        torch.nn.init.zeros_(parameter)
    with torch.no_grad():
        outputs = network([level])
    return outputs, anchors_of_level((SIZE // STRIDE, SIZE // STRIDE), STRIDE, (SIDE,), (1.0,))


def middles(boxes: torch.Tensor) -> set[tuple[float, float]]:
    return {(float(x0 + x1) / 2, float(y0 + y1) / 2) for x0, y0, x1, y1 in boxes}


def proposed(peaks: bool, pre_nms: int) -> torch.Tensor:
    outputs, anchors = outputs_for(peaks)
    return select_proposals(outputs, anchors, (SIZE, SIZE), pre_nms=pre_nms, proposals=2, max_iou=0.6)[0]


def test_without_peaks_the_brightest_cell_takes_every_place() -> None:
    assert (68.0, 76.0) not in middles(proposed(peaks=False, pre_nms=8))


def test_with_peaks_the_faint_cell_is_proposed_from_two_places_on() -> None:
    assert middles(proposed(peaks=True, pre_nms=2)) == {(20.0, 28.0), (68.0, 76.0)}


def test_peaks_change_the_order_alone() -> None:
    plain, ordered = outputs_for(peaks=False)[0], outputs_for(peaks=True)[0]
    assert torch.equal(plain.logits, ordered.logits)
    assert torch.equal(plain.deltas, ordered.deltas)
    assert torch.equal(plain.ranks, plain.logits)
    kept = ordered.ranks == ordered.logits
    assert kept.sum() == len(CELLS)
    # the others stay in the order of their logits, all behind
    assert ordered.ranks[~kept].max() < ordered.ranks[kept].min()
    assert torch.equal(ordered.ranks[~kept].argsort(), ordered.logits[~kept].argsort())


def test_an_even_picture_still_has_its_proposals() -> None:
    network = RegionProposalNetwork(1, 1, 2, separable=False, peaks=True)
    with torch.no_grad():
        outputs = network([torch.zeros(2, 1, 4, 4), torch.zeros(2, 1, 2, 2)])
    assert outputs.ranks.shape == outputs.logits.shape == (2, 40)
    assert torch.isfinite(outputs.ranks).all()
    anchors = torch.cat([anchors_of_level((n, n), 8, (10.0, 20.0), (1.0,)) for n in (4, 2)])
    boxes = select_proposals(outputs, anchors, (32, 32), pre_nms=30, proposals=12, max_iou=0.6)
    assert boxes.shape == (2, 12, 4)


@pytest.mark.parametrize("batch", [1, 3])
def test_ranks_come_in_the_order_of_the_anchors(batch: int) -> None:
    outputs, anchors = outputs_for(peaks=True, batch=batch)
    for row in outputs.ranks:
        assert middles(anchors[row.topk(2).indices]) == {(20.0, 28.0), (68.0, 76.0)}
