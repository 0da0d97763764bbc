"""What a network is worth between two epochs: its loss and its mIoU on the validation pictures, not augmented."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch

from edge.geometry import Letterbox
from edge.types import Floats, Image
from train.data.batches import to_target
from train.data.sample import LoadedSample
from train.experiment.learner import Learner
from train.experiment.optimisation import seed_torch
from train.experiment.square import normalise, to_bytes, to_square, to_square_example
from train.losses import Target
from train.metrics import SixMetrics, six_metrics


@dataclass(frozen=True, slots=True, kw_only=True)
class ValidationSet:
    """Labelled pictures, also as square ones with their letterboxes and cells."""

    samples: Sequence[LoadedSample]
    images: list[Image]
    letterboxes: list[Letterbox]
    targets: list[Target]

    @classmethod
    def of(cls, samples: Sequence[LoadedSample], input_px: int) -> ValidationSet:
        squares = [to_square(sample.image, input_px) for sample in samples]
        return cls(
            samples=samples,
            images=[square.image for square in squares],
            letterboxes=[square.letterbox for square in squares],
            targets=[to_target(to_square_example(sample, input_px)) for sample in samples],
        )


@torch.no_grad()
def validate(
    learner: Learner, pictures: ValidationSet, *, batch: int, threshold: float, device: torch.device
) -> dict[str, float]:
    """Means over the pictures: "loss" and its components, and "miou" at the pictures' own resolution.

    What the loss draws at random is the same at every call, so that the losses of two epochs compare.
    """
    learner.network.eval()
    sums: dict[str, float] = {}
    mious = []
    for start in range(0, len(pictures.samples), batch):
        seed_torch(0, start, 0)
        part = slice(start, start + batch)
        images = normalise(to_bytes(pictures.images[part]).to(device))
        losses = learner.losses(images, to_device(pictures.targets[part], device))
        for name, value in losses.items():
            sums[name] = sums.get(name, 0.0) + float(value) * len(images)
        for image, letterbox, sample in zip(images, pictures.letterboxes[part], pictures.samples[part], strict=True):
            soft = learner.soft_mask(image[None].contiguous(memory_format=torch.channels_last), letterbox)
            mious.append(measure(soft, sample, threshold).miou)
    means = {name: value / len(pictures.samples) for name, value in sums.items()}
    return {"loss": sum(means.values()), "miou": float(np.mean(mious)), **means}


def measure(soft: Floats, sample: LoadedSample, threshold: float) -> SixMetrics:
    """The six metrics of a soft mask float32 [H, W] cut at the threshold, against all cells of the picture."""
    return six_metrics(sample.instances > 0, soft >= threshold, sample.ignore)


def to_device(targets: Sequence[Target], device: torch.device) -> list[Target]:
    """The same cells in the memory of a device."""
    return [Target(boxes=target.boxes.to(device), masks=target.masks.to(device)) for target in targets]
