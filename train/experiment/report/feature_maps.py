"""Figure 6: what the levels of the backbone and the pyramid make of one picture."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor

from edge.types import Floats, Image
from train.experiment.report.picture_file import new_figure, save_figure
from train.experiment.square import normalise, to_bytes, to_square
from train.model.leukocytemask import LeukocyteMask
from train.model.resnet import WbcResNet50


@torch.no_grad()
def feature_maps(model: LeukocyteMask, square: Image) -> dict[str, Floats]:
    """Name of each level -> float32 [h, w], 0..1, of the channel that varies most over the picture.

    The picture is uint8 BGR [side, side, 3] at the network's input size.
    """
    normal = normalise(to_bytes([square]))
    features = model.backbone(normal)
    levels: dict[str, Tensor] = {}
    if isinstance(model.backbone, WbcResNet50):
        levels["conv1"] = model.backbone.conv1(normal)
    levels |= {f"conv{i}_x": feature for i, feature in enumerate(features, start=2)}
    levels |= {f"P{i}": level for i, level in enumerate(model.pyramid(features), start=2)}
    return {name: _most_varied(level[0]) for name, level in levels.items()}


def draw_feature_maps(model: LeukocyteMask, image: Image, title: str, path: Path) -> Path:
    """The picture and its maps: backbone above, pyramid below."""
    square = to_square(image, model.config.input_width).image
    maps = feature_maps(model, square)
    below = [name for name in maps if name.startswith("P")]
    above = [name for name in maps if name not in below]
    columns = max(len(above) + 1, len(below))
    with new_figure(170 * columns, 410) as figure:
        figure.suptitle(f"{title}: the channel that varies most, dark low, bright high", fontsize=10)
        panels = figure.subplots(2, columns)
        for panel in panels.ravel():
            panel.set_axis_off()
        panels[0][0].imshow(square[:, :, ::-1], interpolation="nearest")
        panels[0][0].set_title("picture", fontsize=9)
        shown = [*zip(panels[0][1:], above, strict=False), *zip(panels[1], below, strict=False)]
        for panel, name in shown:
            panel.imshow(maps[name], cmap="viridis", vmin=0, vmax=1, interpolation="nearest")
            rows, width = maps[name].shape
            panel.set_title(f"{name} ({width}x{rows})", fontsize=9)
        return save_figure(figure, path, [title, list(maps)], colours=None)


def _most_varied(level: Tensor) -> Floats:
    """One channel of [C, h, w], scaled to 0..1."""
    chosen = level[int(level.flatten(1).std(dim=1, correction=0).argmax())]
    chosen = chosen - chosen.min()
    scaled: Floats = (chosen / chosen.max().clamp(min=1e-12)).numpy()
    return scaled
