"""Small pictures and networks for the tests of the experiment."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from train.data.augment import Example
from train.data.sample import LoadedSample, Sample
from train.experiment.augmentation import AUGMENTATIONS
from train.experiment.batches import EpochBatches
from train.experiment.learn import Lesson
from train.experiment.networks.unet import UNet
from train.experiment.pixelwise_learner import PixelwiseLearner
from train.experiment.run_folder import RunFolder
from train.experiment.settings import Training
from train.experiment.square import to_square_example
from train.experiment.validation import ValidationSet

SIDE = 64
CONFIG = """
[training]
epochs = {epochs}
optimizer = "adamw"
ema = {ema}
[networks]
fcn_width = 2
fcn_fc_channels = 4
unet_width = 2
[input_px]
simulated = 64
"""


def config_file(folder: Path, epochs: int, ema: float = 0.0) -> Path:
    path = folder / f"tiny{epochs}.toml"
    path.write_text(CONFIG.format(epochs=epochs, ema=ema))
    return path


def sample(number: int, group: str | None = None, kind: str | None = None) -> Sample:
    return Sample(
        image_path=Path(f"{number}.png"),
        dataset="dataset1",
        source_id=str(number),
        group=group or f"g{number}",
        kind=kind,
    )


def disc_picture(seed: int, height: int = SIDE, width: int = SIDE) -> LoadedSample:
    """A dark disc somewhere on light ground."""
    generator = np.random.default_rng(seed)
    x, y = generator.uniform(0.35, 0.65, 2) * (width, height)
    rows, columns = np.mgrid[:height, :width] + 0.5
    disc = (columns - x) ** 2 + (rows - y) ** 2 <= (0.25 * min(height, width)) ** 2
    image = np.where(disc[..., None], (120, 40, 90), (220, 225, 230)) + generator.normal(0, 5, (height, width, 3))
    return LoadedSample(image=np.clip(image, 0, 255).astype(np.uint8), instances=disc.astype(np.int32))


def examples(count: int) -> list[Example]:
    return [to_square_example(disc_picture(seed), SIDE) for seed in range(count)]


def lesson(
    training: Training, *, count: int = 5, augmentation: str = "Aug-ET", rank: int = 0, processes: int = 1
) -> Lesson:
    batches = EpochBatches(
        examples=examples(count),
        augmentation=AUGMENTATIONS[augmentation],
        batch=training.batch,
        seed=3,
        rank=rank,
        processes=processes,
    )
    validation = ValidationSet.of([disc_picture(100 + seed) for seed in range(3)], SIDE)
    return Lesson(training=training, batches=batches, validation=validation, threshold=0.5)


def unet_learner(*, dropout: float = 0.5, width: int = 2) -> PixelwiseLearner:
    network = UNet(width=width)
    network.dropout.p = dropout
    return PixelwiseLearner(network, {"network": "unet"})


def run_folder(folder: Path) -> RunFolder:
    folder.mkdir(parents=True, exist_ok=True)
    return RunFolder(folder=folder, dataset="dataset1", method="unet", fold=0)
