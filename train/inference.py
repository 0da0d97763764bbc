"""Use a PyTorch model the way the runtime uses an exported one: same spec, same preprocessing, same postprocessing."""

from __future__ import annotations

import torch

from edge.postprocess import postprocess
from edge.preprocess import preprocess
from edge.segmenters.protocol import RawOutputs
from edge.spec import ModelSpec
from edge.types import Floats, Image, Instances
from train.judge import Segment
from train.model.config import ModelConfig
from train.model.leukocytemask import LeukocyteMask

MAX_UPSCALE = 1.5  # a 120 px crop is shown at 180 px: enough for the outline, and no cell leaves the range trained on
CELL_PX = (25.0, 330.0)
DEFAULT_THRESHOLD = 0.5


def model_spec(config: ModelConfig, threshold: float = DEFAULT_THRESHOLD) -> ModelSpec:
    """The record that travels with the model of this configuration."""
    red, green, blue = (round(value) for value in config.mean)  # after normalisation the border is nearly 0
    return ModelSpec(
        name=f"leukocytemask-{config.preset}",
        preset=config.preset,
        input_width=config.input_width,
        input_height=config.input_height,
        mean=config.mean,
        std=config.std,
        max_upscale=MAX_UPSCALE,
        pad_rgb=(red, green, blue),
        slots=config.slots,
        score_floor=config.score_floor,
        threshold=threshold,
        mask_size=config.mask_size,
        mask_margin=config.mask_margin,
        cell_px=CELL_PX,
    )


@torch.no_grad()
def run_network(model: LeukocyteMask, tensor: Floats) -> RawOutputs:
    """One input [1, 3, H, W] -> the cells at or above the score floor; masks only for those."""
    device = next(model.parameters()).device
    image = torch.from_numpy(tensor).to(device)
    levels = model.pyramid(model.backbone(image))
    boxes, scores = model.localize(levels, model.propose(levels, image.shape), image.shape)
    kept = scores[0] >= model.config.score_floor
    boxes = boxes[:, kept]
    masks = torch.sigmoid(model.segment(levels, boxes))
    return RawOutputs(
        boxes=boxes[0].cpu().numpy(), scores=scores[0][kept].cpu().numpy(), masks=masks[0].float().cpu().numpy()
    )


def torch_segment(model: LeukocyteMask, threshold: float | None = None) -> Segment:
    """A function from a uint8 BGR picture to its cells in source pixels."""
    spec = model_spec(model.config)
    model = model.eval()

    def segment(image: Image) -> Instances:
        tensor, letterbox = preprocess(image, spec)
        return postprocess(run_network(model, tensor), letterbox, spec, threshold)

    return segment
