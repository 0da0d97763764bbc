"""The training loop: it learns, keeps the best epoch, resumes to the same weights, stops at a NaN."""

from __future__ import annotations

import math
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from tests.train.experiment.tiny import disc_picture, examples, lesson, run_folder, unet_learner
from train.curves import read_rows
from train.experiment.augmentation import AUGMENTATIONS
from train.experiment.batches import EpochBatches
from train.experiment.learn import learn, load_best
from train.experiment.optimisation import learning_rate, make_optimizer
from train.experiment.pixelwise_learner import PixelwiseLearner, soft_dice_loss
from train.experiment.processes import Processes
from train.experiment.run_folder import RunFolder
from train.experiment.settings import Training
from train.experiment.validation import ValidationSet, validate
from train.optimisation import NonFiniteLossError

ALONE = Processes(rank=0, count=1, device=torch.device("cpu"))
pytestmark = pytest.mark.usefixtures("one_thread")


def train(files: RunFolder, training: Training, stop_at: int | None = None) -> PixelwiseLearner:
    torch.manual_seed(0)
    learner = unet_learner()

    def advance(step: int, info: str) -> None:
        if step == stop_at and info.startswith("loss"):
            raise KeyboardInterrupt

    learn(learner, lesson(training), files, ALONE, advance)
    return learner


def weights_of(learner: PixelwiseLearner) -> dict[str, torch.Tensor]:
    return learner.network.state_dict()


@pytest.mark.parametrize(
    "training",
    [
        Training(epochs=4),
        Training(
            epochs=4,
            optimizer="adamw",
            ema=0.9,
            warmup_steps=3,
            schedule="cosine",
            clip_norm=1.0,
            precision="bfloat16",
        ),
    ],
    ids=["paper", "everything"],
)
def test_an_interrupted_run_ends_with_the_weights_and_curves_of_an_uninterrupted_one(
    tmp_path: Path, training: Training
) -> None:
    whole, parted = run_folder(tmp_path / "whole"), run_folder(tmp_path / "parted")
    expected = weights_of(train(whole, training))
    for stop_at in (2, 5, 8):  # in the first epoch, in the second, in the third; 3 steps each
        with pytest.raises(KeyboardInterrupt):
            train(parted, training, stop_at)
    found = weights_of(train(parted, training))
    assert all(torch.equal(expected[name], found[name]) for name in expected)
    for name in ("validation", "losses"):
        rows = [read_rows(getattr(files, name)) for files in (whole, parted)]
        for row in [*rows[0], *rows[1]]:
            row.pop("seconds")
        assert rows[0] == rows[1]
        assert [row["step"] for row in rows[0]] == ["3", "6", "9", "12"]


def test_a_finished_run_trains_no_further(tmp_path: Path) -> None:
    files, training = run_folder(tmp_path), Training(epochs=2)
    expected = weights_of(train(files, training))
    found = weights_of(train(files, training, stop_at=1))
    assert all(torch.equal(expected[name], found[name]) for name in expected)


def test_it_learns_a_disc_and_keeps_the_epoch_that_validates_best(tmp_path: Path) -> None:
    files = run_folder(tmp_path)
    training = Training(epochs=12, optimizer="adamw", learning_rate=1e-2)
    torch.manual_seed(0)
    learner = unet_learner(dropout=0.0, width=4)
    task = lesson(training, count=8, augmentation="noAug")
    learn(learner, task, files, ALONE, lambda step, info: None)
    rows = read_rows(files.validation)
    mious = [float(row["miou"]) for row in rows]
    assert max(mious) > 0.9
    assert float(rows[-1]["loss"]) < 0.5 * float(rows[0]["loss"])
    assert list(rows[0]) == ["step", "epoch", "loss", "miou", "cross_entropy", "dice", "seconds"]
    again = unet_learner(dropout=0.0, width=4)
    load_best(again, files)
    figures = validate(again, task.validation, batch=2, threshold=0.5, device=ALONE.device)
    assert math.isclose(figures["miou"], max(mious), rel_tol=1e-5)


def test_a_network_that_explodes_ends_the_run_and_leaves_the_checkpoint_alone(tmp_path: Path) -> None:
    files = run_folder(tmp_path)
    learner = unet_learner()
    with torch.no_grad():
        learner.network.score.bias.fill_(math.inf)
    with pytest.raises(NonFiniteLossError, match="cross_entropy"):
        learn(learner, lesson(Training(epochs=1)), files, ALONE, lambda step, info: None)
    assert not files.state.exists()
    assert not files.best.exists()


def test_bfloat16_computes_otherwise_and_keeps_float32_weights(tmp_path: Path) -> None:
    exact = weights_of(train(run_folder(tmp_path / "exact"), Training(epochs=1)))
    rounded = weights_of(train(run_folder(tmp_path / "rounded"), Training(epochs=1, precision="bfloat16")))
    assert {value.dtype for value in rounded.values()} == {torch.float32}
    assert any(not torch.equal(exact[name], rounded[name]) for name in exact)


def test_the_weights_file_names_what_it_holds(tmp_path: Path) -> None:
    from safetensors import safe_open

    files = run_folder(tmp_path)
    train(files, Training(epochs=1))
    with safe_open(files.best, framework="pt") as file:
        assert file.metadata()["config"] == '{"network": "unet"}'
    assert load_file(files.best).keys() == weights_of(unet_learner()).keys()


def test_the_learning_rate_rises_and_falls_as_configured() -> None:
    options = Training(learning_rate=2.0, warmup_steps=4, schedule="cosine", final_share=0.1)
    rates = [learning_rate(options, step, 104) for step in range(105)]
    assert rates[:4] == [0.5, 1.0, 1.5, 2.0]
    assert math.isclose(rates[4], 2.0)
    assert math.isclose(rates[54], 2.0 * 0.55)  # half way down
    assert math.isclose(rates[104], 0.2)
    assert {learning_rate(Training(), step, 10) for step in range(10)} == {1e-3}


def test_the_paper_optimizer_is_sgd_with_momentum_and_decay() -> None:
    parameter = torch.nn.Linear(1, 1, bias=False)
    with torch.no_grad():
        parameter.weight.fill_(1.0)
    optimizer = make_optimizer(parameter, Training())
    position, velocity = 1.0, 0.0
    for gradient in (1.0, 0.5, -2.0):
        parameter.weight.grad = torch.full((1, 1), gradient)
        optimizer.step()
        velocity = 0.9 * velocity + gradient + 2e-4 * position
        position -= 1e-3 * velocity
    assert math.isclose(parameter.weight.item(), position, rel_tol=1e-6)


def test_each_picture_of_an_epoch_comes_once_and_anew_in_the_next() -> None:
    batches = EpochBatches(examples=examples(6), augmentation=AUGMENTATIONS["noAug"], batch=2, seed=1)
    epochs = [[image for images, _ in batches.epoch(number) for image in images] for number in range(2)]
    sums = [[int(image.long().sum()) for image in epoch] for epoch in epochs]
    truth = sorted(int(example.image.astype(int).sum()) for example in examples(6))
    assert sorted(sums[0]) == sorted(sums[1]) == truth
    assert sums[0] != sums[1]


def test_two_processes_share_the_steps_of_one_with_twice_the_batch() -> None:
    common = {"examples": examples(5), "augmentation": AUGMENTATIONS["Aug-ET"], "seed": 1}
    whole = EpochBatches(**common, batch=2)
    halves = [EpochBatches(**common, batch=1, rank=rank, processes=2) for rank in (0, 1)]
    assert whole.steps == halves[0].steps == 3
    for (images, targets), *parts in zip(whole.epoch(4), halves[0].epoch(4), halves[1].epoch(4), strict=True):
        assert torch.equal(images, torch.cat([part[0] for part in parts]))
        assert [len(target.boxes) for target in targets] == [len(part[1][0].boxes) for part in parts]


def test_soft_dice_of_closed_forms() -> None:
    truth = torch.zeros(1, 10, 10)
    truth[0, :5] = 1
    assert soft_dice_loss(truth, truth).item() == 0
    assert math.isclose(soft_dice_loss(1 - truth, truth).item(), 1 - 1 / 101, rel_tol=1e-6)
    nothing = torch.zeros(1, 10, 10)
    assert soft_dice_loss(nothing, nothing).item() == 0


def test_validation_repeats_itself_and_sees_every_picture() -> None:
    learner = unet_learner()
    pictures = ValidationSet.of([disc_picture(seed, 50, 70) for seed in range(5)], 64)
    options = {"threshold": 0.5, "device": ALONE.device}
    first = validate(learner, pictures, batch=2, **options)
    assert first == validate(learner, pictures, batch=2, **options)
    single = validate(learner, pictures, batch=1, **options)
    assert math.isclose(first["cross_entropy"], single["cross_entropy"], rel_tol=1e-5)
    assert first["miou"] == single["miou"]
    assert math.isclose(first["loss"], first["cross_entropy"] + first["dice"], rel_tol=1e-6)
