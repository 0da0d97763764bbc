"""FCN-8s and U-Net: sizes of the published networks, and that both learn."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from train.experiment.networks.fcn import FCN8s
from train.experiment.networks.unet import UNet

SMALL: dict[str, Callable[[], nn.Module]] = {
    "fcn": lambda: FCN8s(width=8, fc_channels=32),
    "unet": lambda: UNet(width=8),
}


@pytest.fixture(params=SMALL)
def small(request: pytest.FixtureRequest) -> nn.Module:
    torch.manual_seed(0)
    return SMALL[request.param]()


def count(network: nn.Module) -> int:
    return sum(parameter.numel() for parameter in network.parameters())


def disc() -> tuple[Tensor, Tensor]:
    """A picture float32 [1, 3, 64, 64] with a dim cell in it, and its truth [1, 64, 64]."""
    y, x = torch.meshgrid(torch.arange(64.0), torch.arange(64.0), indexing="ij")
    truth = ((x - 36) ** 2 + (y - 27) ** 2 < 17**2).float()[None]
    noise = torch.randn((1, 3, 64, 64), generator=torch.Generator().manual_seed(1))
    return noise * 0.3 + truth[:, None], truth


@pytest.mark.parametrize(("batch", "height", "width"), [(1, 64, 64), (2, 32, 96), (1, 32, 32)])
def test_the_output_has_the_inputs_size(small: nn.Module, batch: int, height: int, width: int) -> None:
    logits = small.eval()(torch.zeros(batch, 3, height, width))
    assert logits.shape == (batch, height, width)
    assert logits.dtype == torch.float32
    assert logits.isfinite().all()


def test_any_multiple_of_the_coarsest_stride_will_do() -> None:
    assert UNet(width=4).eval()(torch.zeros(1, 3, 48, 16)).shape == (1, 48, 16)


def test_a_gradient_reaches_every_parameter(small: nn.Module) -> None:
    picture, truth = disc()
    functional.binary_cross_entropy_with_logits(small(picture), truth).backward()
    without = [name for name, value in small.named_parameters() if value.grad is None or not value.grad.any()]
    assert without == []


def test_one_picture_is_learned_in_a_few_steps(small: nn.Module) -> None:
    picture, truth = disc()
    optimizer = torch.optim.Adam(small.parameters(), lr=5e-3)
    for _ in range(50):
        loss = functional.binary_cross_entropy_with_logits(small(picture), truth)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    with torch.no_grad():
        prediction = (small.eval()(picture) >= 0).float()
    dice = 2 * (prediction * truth).sum() / (prediction.sum() + truth.sum())
    assert dice > 0.93  # an answer of stride 8 cannot follow the outline of a disc of 34 px much better


def test_a_picture_is_judged_alike_alone_and_in_a_batch(small: nn.Module) -> None:
    pictures = torch.randn((3, 3, 32, 32), generator=torch.Generator().manual_seed(2))
    small.eval()
    with torch.no_grad():
        torch.testing.assert_close(small(pictures)[1:2], small(pictures[1:2]), rtol=1e-4, atol=1e-5)


def test_fcn_has_the_published_number_of_parameters() -> None:
    with torch.device("meta"):
        full, ours = FCN8s(fc_channels=4096), FCN8s()
    assert count(full) == pytest.approx(134.3e6, rel=0.005)  # VGG16's 138.4 million less its classifier of 1000
    # trunk 14.7 million, fc6 7 * 7 * 512 * 1024, fc7 1024 * 1024
    assert count(ours) == pytest.approx(14.71e6 + 25.69e6 + 1.05e6, rel=0.005)


def test_unet_has_the_published_number_of_parameters() -> None:
    with torch.device("meta"):
        network = UNet()
    assert count(network) == pytest.approx(31.03e6, rel=0.005)
    convolutions = [layer for layer in network.modules() if isinstance(layer, (nn.Conv2d, nn.ConvTranspose2d))]
    assert len(convolutions) == 23  # "In total the network has 23 convolutional layers."
    assert {layer.out_channels for layer in convolutions} == {64, 128, 256, 512, 1024, 1}


def test_fcn_upsampling_starts_as_bilinear_interpolation() -> None:
    coarse = torch.randn((1, 1, 6, 5), generator=torch.Generator().manual_seed(3))
    with torch.no_grad():
        doubled = FCN8s(width=8, fc_channels=8).double_fc7(coarse)
    expected = functional.interpolate(coarse, scale_factor=2, mode="bilinear", align_corners=False)
    inner = (..., slice(1, -1), slice(1, -1))  # at the edge the transposed convolution fades to zero
    torch.testing.assert_close(doubled[inner], expected[inner])


def test_fcn_is_vgg16_with_thirteen_convolutions_in_the_trunk() -> None:
    convolutions = [layer for layer in FCN8s(width=8, fc_channels=8).stages.modules() if isinstance(layer, nn.Conv2d)]
    assert [layer.out_channels // 8 for layer in convolutions] == [1, 1, 2, 2, 4, 4, 4, 8, 8, 8, 8, 8, 8]
