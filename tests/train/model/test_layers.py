"""Building blocks of the network."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from train.model.layers import DepthwiseConv


def output_and_gradients(layer: DepthwiseConv, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    x = x.clone().requires_grad_()
    layer.weight.grad = None
    output = layer(x)
    output.float().square().sum().backward()
    assert x.grad is not None
    assert layer.weight.grad is not None
    return output.detach(), x.grad, layer.weight.grad


@pytest.mark.parametrize(("kernel", "stride"), [(3, 1), (3, 2), (5, 1), (5, 2)])
def test_a_depthwise_convolution_learns_the_same_in_bfloat16(kernel: int, stride: int) -> None:
    torch.manual_seed(0)
    layer = DepthwiseConv(8, kernel, stride)
    x = torch.randn(2, 8, 12, 10)
    expected = output_and_gradients(layer, x)
    assert expected[0].shape == (2, 8, 12 // stride, 10 // stride)
    with torch.autocast("cpu", torch.bfloat16):
        found = output_and_gradients(layer, x.bfloat16())
    assert found[0].dtype is torch.bfloat16
    for one, other in zip(found, expected, strict=True):
        assert (one.float() - other).norm() < 0.02 * other.norm()


@pytest.mark.parametrize(("kernel", "stride", "computed"), [(3, 1, "bfloat16"), (3, 2, "float32"), (5, 1, "float32")])
def test_what_has_no_fast_gradient_in_bfloat16_is_computed_in_float32(
    kernel: int, stride: int, computed: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    layer, seen = DepthwiseConv(4, kernel, stride), []
    convolve = layer._conv_forward

    def watched(x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
        output = convolve(x, weight, bias)
        seen.append(output.dtype)
        return output

    monkeypatch.setattr(layer, "_conv_forward", watched)
    with torch.autocast("cpu", torch.bfloat16):
        assert layer(torch.randn(1, 4, 8, 8)).dtype is (torch.bfloat16 if computed == "bfloat16" else torch.float32)
        layer(torch.randn(1, 4, 8, 8).bfloat16())
    assert seen == [getattr(torch, computed)] * 2


def test_a_depthwise_convolution_without_autocast_is_exact() -> None:
    torch.manual_seed(0)
    layer, x = DepthwiseConv(4, 5, 2), torch.randn(1, 4, 9, 9)
    plain = torch.nn.functional.conv2d(x, layer.weight, stride=2, padding=2, groups=4)
    assert torch.equal(layer(x), plain)
    assert torch.equal(layer.eval()(x), plain)
