"""The training loop of the networks: SGD or AdamW, validated every epoch, the best epoch kept, resumed after a kill."""

from __future__ import annotations

import copy
import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel

from edge.errors import ModelError
from train.checkpoint import AveragedWeights, load_state, save_described, save_state
from train.curves import CurveLog
from train.experiment.batches import Batch, EpochBatches
from train.experiment.learner import Learner
from train.experiment.optimisation import learning_rate, make_optimizer, seed_torch
from train.experiment.processes import Processes
from train.experiment.run_folder import RunFolder
from train.experiment.settings import Training
from train.experiment.square import normalise
from train.experiment.validation import ValidationSet, to_device, validate
from train.losses import Target
from train.optimisation import autocast, finite_sum

Advance = Callable[[int, str], None]
"""Called after each step with the number of the steps so far and a word on how it goes."""


REMEDY = "lower learning_rate or set clip_norm in the configuration and choose another --out"


@dataclass(frozen=True, slots=True, kw_only=True)
class Lesson:
    """What a network is trained with.

    Attributes
    ----------
    batches : the training pictures
    validation : pictures that choose the best epoch
    threshold : soft mask value from which a pixel belongs to a cell
    """

    training: Training
    batches: EpochBatches
    validation: ValidationSet
    threshold: float

    @property
    def steps(self) -> int:
        return self.training.epochs * self.batches.steps


def learn(learner: Learner, lesson: Lesson, files: RunFolder, processes: Processes, advance: Advance) -> None:
    """Train, leaving the best epoch's weights in `files.best` and in the learner's network.

    Goes on from `files.state` if it is there; on a CPU the outcome is the same as without the interruption. Raises
    NonFiniteLossError naming the components of the loss.
    """
    training = _Training(learner, lesson, files, processes)
    losses_log = CurveLog(files.losses, training.step) if processes.is_first else None
    validation_log = CurveLog(files.validation, training.step) if processes.is_first else None
    while training.epoch < lesson.training.epochs:
        started = time.monotonic()
        losses = training.train_epoch(advance)
        seconds = time.monotonic() - started
        if losses_log is not None and validation_log is not None:
            place = {"step": training.step, "epoch": training.epoch}
            figures = training.judge()
            losses_log.add({**place, **losses, "seconds": seconds})
            validation_log.add({**place, **figures, "seconds": time.monotonic() - started - seconds})
            advance(training.step, f"validation loss {figures['loss']:.3f} mIoU {figures['miou']:.4f}")
            training.save()
        processes.wait()
    load_best(learner, files)


def load_best(learner: Learner, files: RunFolder) -> None:
    """Give the learner's network the weights of the best epoch, ready to segment; raises ModelError without them."""
    try:
        learner.network.load_state_dict(load_file(files.best))
    except (OSError, SafetensorError, RuntimeError) as error:
        raise ModelError(
            f"{files.best} cannot be read ({str(error).splitlines()[0]}); delete {files.folder} to run this fold anew"
        ) from error
    learner.network.eval()


class _Loss(nn.Module):
    """Network and loss as one module, so that DDP sees the parameters from the pictures to the loss."""

    def __init__(self, learner: Learner) -> None:
        super().__init__()
        self.network = learner.network
        self._losses = learner.losses

    def forward(self, images: Tensor, targets: list[Target]) -> dict[str, Tensor]:
        return self._losses(images, targets)


class _Training:
    """The weights, the optimizer and how far they have come."""

    def __init__(self, learner: Learner, lesson: Lesson, files: RunFolder, processes: Processes) -> None:
        self.learner, self.lesson, self.files, self.processes = learner, lesson, files, processes
        self.epoch, self.best = 0, -math.inf
        learner.network.to(processes.device).to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.optimizer = make_optimizer(learner.network, lesson.training)
        self.average = AveragedWeights(learner.network, lesson.training.ema) if lesson.training.ema else None
        if files.state.exists():
            self._restore(load_state(files.state))
        loss = _Loss(learner)
        self.loss: nn.Module = DistributedDataParallel(loss) if processes.count > 1 else loss

    @property
    def step(self) -> int:
        return self.epoch * self.lesson.batches.steps

    def train_epoch(self, advance: Advance) -> dict[str, float]:
        """One pass over the training pictures; returns the means of the loss's components, their sum and the rate."""
        rows = []
        for i, batch in enumerate(self.lesson.batches.epoch(self.epoch)):
            rows.append(self._train_on(batch, self.step + i))
            advance(self.step + i + 1, f"loss {rows[-1]['loss']:.3f}")
        self.epoch += 1
        return {name: float(np.mean([row[name] for row in rows])) for name in rows[0]}

    def _train_on(self, batch: Batch, step: int) -> dict[str, float]:
        options, device = self.lesson.training, self.processes.device
        seed_torch(self.lesson.batches.seed, step, self.processes.rank)
        rate = learning_rate(options, step, self.lesson.steps)
        for group in self.optimizer.param_groups:
            group["lr"] = rate
        self.learner.network.train()
        with autocast(options.precision, device):
            losses = self.loss(normalise(batch[0].to(device)), to_device(batch[1], device))
        total = finite_sum(losses, step, self.files.name, REMEDY)
        self.optimizer.zero_grad(set_to_none=True)
        total.backward()
        if options.clip_norm:
            nn.utils.clip_grad_norm_(self.learner.network.parameters(), options.clip_norm)
        self.optimizer.step()
        if self.average is not None:
            self.average.update(self.learner.network, step + 1)
        return {"loss": total.item(), **{k: v.item() for k, v in losses.items()}, "learning_rate": rate}

    def judge(self) -> dict[str, float]:
        """Validate the (averaged) weights and keep them if they are the best so far."""
        learner = self.learner
        if self.average is not None:
            learner = copy.deepcopy(self.learner)
            learner.network.load_state_dict(self.average.values)
        lesson = self.lesson
        device = self.processes.device
        with autocast(lesson.training.precision, device):
            figures = validate(
                learner, lesson.validation, batch=lesson.training.batch, threshold=lesson.threshold, device=device
            )
        if figures["miou"] > self.best:
            self.best = figures["miou"]
            facts = {"epoch": self.epoch, "step": self.step, **figures}
            save_described(self.files.best, learner.network.state_dict(), learner.description(), facts)
        return figures

    def save(self) -> None:
        """Write what a resumed run needs."""
        state = {"model": self.learner.network.state_dict(), "optimizer": self.optimizer.state_dict()}
        average = self.average.values if self.average is not None else {}
        save_state(self.files.state, state | {"average": average, "epoch": self.epoch, "best": self.best})

    def _restore(self, state: dict[str, Any]) -> None:
        self.learner.network.load_state_dict(state["model"])
        self.optimizer.load_state_dict(state["optimizer"])
        if self.average is not None:
            self.average.values = {name: value.to(self.processes.device) for name, value in state["average"].items()}
        self.epoch, self.best = int(state["epoch"]), float(state["best"])
