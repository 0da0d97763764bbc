"""The two presets, held against the paper's text."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
import torch
from torch import nn

from train.model.config import EDGE, PAPER, PRESETS, ModelConfig
from train.model.efficientnet_lite import EfficientNetLite0
from train.model.layers import FrozenBatchNorm
from train.model.leukocytemask import LeukocyteMask
from train.model.resnet import WbcResNet50


def test_the_papers_trunk_has_two_3x3_convolutions_first_and_fewer_blocks() -> None:
    trunk = WbcResNet50()
    first = [layer for layer in trunk.conv1 if isinstance(layer, nn.Conv2d)]
    assert [layer.kernel_size for layer in first] == [(3, 3), (3, 3)]
    assert [len(stage) for stage in trunk.stages] == [3, 2, 3, 3]
    shapes = [tuple(feature.shape[1:]) for feature in trunk(torch.zeros(1, 3, 64, 96))]
    assert shapes == [(256, 16, 24), (512, 8, 12), (1024, 4, 6), (2048, 2, 3)]


def test_the_papers_rpn_is_2048_wide_with_three_ratios_at_one_scale_per_level() -> None:
    model = LeukocyteMask(PAPER)
    assert isinstance(model.rpn.convolution, nn.Conv2d)
    assert model.rpn.convolution.out_channels == 2048
    assert model.rpn.objectness.out_channels == 3
    assert PAPER.anchor_ratios == (0.5, 1.0, 2.0)
    assert len(PAPER.anchor_sizes) * len(PAPER.anchor_ratios) == 15  # the paper's k counts the levels
    assert (PAPER.rpn_positive_iou, PAPER.rpn_negative_iou) == (0.7, 0.3)


def test_a_configuration_survives_its_file_and_an_old_one_proposes_by_score() -> None:
    assert ModelConfig.from_dict(json.loads(json.dumps(EDGE.to_dict()))) == EDGE
    old = {name: value for name, value in EDGE.to_dict().items() if name != "rpn_peaks"}
    assert ModelConfig.from_dict(old) == replace(EDGE, rpn_peaks=False)


def test_p6_is_every_second_cell_of_p5() -> None:
    model = LeukocyteMask(EDGE).eval()
    with torch.no_grad():
        levels = model.pyramid(model.backbone(torch.randn(1, 3, 128, 192)))
    assert torch.equal(levels[4], levels[3][:, :, ::2, ::2])
    assert [tuple(level.shape[2:]) for level in levels] == [(32, 48), (16, 24), (8, 12), (4, 6), (2, 3)]


@pytest.mark.parametrize("config", PRESETS.values(), ids=PRESETS)
def test_outputs_have_fixed_slots_whatever_the_input(config: ModelConfig) -> None:
    model = LeukocyteMask(config).eval()
    with torch.no_grad():
        cells = model(torch.zeros(1, 3, 128, 128))
    assert cells.boxes.shape == (1, config.slots, 4)
    assert cells.masks.shape == (1, config.slots, config.mask_size, config.mask_size)
    assert ((cells.masks >= 0) & (cells.masks <= 1)).all()
    assert (cells.scores.diff() <= 0).all()


@pytest.mark.parametrize("config", PRESETS.values(), ids=PRESETS)
def test_there_is_one_score_for_each_anchor(config: ModelConfig) -> None:
    model = LeukocyteMask(config).eval()
    with torch.no_grad():
        levels = model.pyramid(model.backbone(torch.zeros(1, 3, config.input_height, config.input_width)))
        logits, deltas, _ = model.rpn([levels[level - 2] for level in config.rpn_levels])
    assert model.anchors(levels).shape == (logits.shape[1], 4) == deltas.shape[1:]


def test_a_configuration_survives_json() -> None:
    import json

    for config in PRESETS.values():
        assert ModelConfig.from_dict(json.loads(json.dumps(config.to_dict()))) == config


def test_imagenet_weights_load_and_stay_frozen_in_their_statistics() -> None:
    trunk = EfficientNetLite0()
    trunk.load_imagenet()
    trunk.train()
    norms = [layer for layer in trunk.modules() if isinstance(layer, FrozenBatchNorm)]
    before = [norm.running_mean.clone() for norm in norms]
    trunk(torch.randn(2, 3, 64, 64) * 5)
    assert len(norms) > 30
    assert all(torch.equal(norm.running_mean, mean) for norm, mean in zip(norms, before, strict=True))
