from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from train.model.config import EDGE, ModelConfig
from train.model.efficientnet_lite import PUBLISHED_HIDDEN, EfficientNetLite0, InvertedResidual
from train.model.leukocytemask import LeukocyteMask
from train.model.pruning import channel_weights, prune_block

SLIM = (32, 48, 80, 96, 128, 144, 240, 240, 272, 320, 272, 368, 576)
EPSILON = 1e-3


def block_of(hidden: int, expands: bool = True) -> InvertedResidual:
    torch.manual_seed(0)
    block = InvertedResidual(8, 8, 3, 1, hidden=hidden, expands=expands).eval()
    for norm in (block._bn0, block._bn1, block._bn2):
        torch.nn.init.uniform_(norm.weight, 0.5, 1.5)
        torch.nn.init.uniform_(norm.bias, 0.5, 1.5)
    return block


def named(block: InvertedResidual) -> dict[str, torch.Tensor]:
    return {f"b.{name}": value for name, value in block.state_dict().items()}


def test_the_published_widths_are_those_of_efficientnet_lite0() -> None:
    assert PUBLISHED_HIDDEN == (32, 96, 144, 144, 240, 240, 480, 480, 480, 672, 672, 672, 1152)


def test_channels_without_effect_go_first_and_the_block_stays_the_same_function() -> None:
    block = block_of(24)
    with torch.no_grad():
        block._project_conv.weight[:, 5:13] = 0  # never reach the output
        block._bn1.weight[20] = 0
        block._bn1.bias[20] = -1  # never passes the ReLU6
    slim = block_of(15)
    slim.load_state_dict({name[2:]: value for name, value in prune_block(named(block), "b.", 15, EPSILON).items()})
    picture = torch.randn(2, 8, 16, 16)
    torch.testing.assert_close(slim(picture), block(picture))


def test_the_weight_of_a_channel_is_the_root_mean_square_that_it_adds() -> None:
    block = block_of(4)
    z = block._bn1.bias.detach() + block._bn1.weight.detach() * torch.randn(200_000, 4)
    gain = block._bn2.weight / (block._bn2.running_var + EPSILON).sqrt()
    added = z.clamp(0, 6)[:, :, None] * (block._project_conv.weight[:, :, 0, 0] * gain[:, None]).T.detach()
    expected = added.square().sum(dim=2).mean(dim=0).sqrt()
    torch.testing.assert_close(channel_weights(named(block), "b.", EPSILON).detach(), expected, rtol=0.01, atol=0)


def test_a_block_cannot_be_widened() -> None:
    with pytest.raises(ValueError, match="has 4 inner channels, not 5"):
        prune_block(named(block_of(4)), "b.", 5, EPSILON)


def test_a_slim_trunk_starts_from_imagenet_and_keeps_most_of_what_its_first_level_says() -> None:
    whole, slim = EfficientNetLite0().eval(), EfficientNetLite0(SLIM).eval()
    whole.load_imagenet()
    slim.load_imagenet()
    assert sum(p.numel() for p in slim.parameters()) < 0.6 * sum(p.numel() for p in whole.parameters())
    torch.manual_seed(0)
    picture = torch.nn.functional.interpolate(torch.randn(1, 3, 16, 16), (128, 128), mode="bilinear")
    with torch.no_grad():
        expected, given = whole(picture)[0], slim(picture)[0]
    assert (given - expected).norm() < 0.6 * expected.norm()


def test_a_slim_configuration_survives_its_file_and_an_old_one_has_the_published_trunk() -> None:
    config = replace(EDGE, trunk_hidden=SLIM)
    assert ModelConfig.from_dict(config.to_dict()) == config
    old = {name: value for name, value in config.to_dict().items() if name not in ("trunk_hidden", "rpn_peaks")}
    assert ModelConfig.from_dict(old) == replace(EDGE, trunk_hidden=(), rpn_peaks=False)
    assert LeukocyteMask(config).backbone._blocks[12]._project_conv.in_channels == 576
