"""The training loop.

python -m train fit --config train/configs/edge.toml --data ../shared/data --out runs/edge
python -m train fit --config train/configs/edge.toml --data ../shared/data --out runs/edge --resume
"""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable
from pathlib import Path
from queue import Queue
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from edge.errors import ConfigurationError
from train.checkpoint import AveragedWeights, load_state, save_state, save_weights
from train.config import TrainConfig
from train.curves import CurveLog, draw_curves
from train.data.batches import MixConfig, Mixer
from train.data.sample import Sample
from train.losses import Target, multitask_loss
from train.model.config import PRESETS
from train.model.efficientnet_lite import EfficientNetLite0
from train.model.leukocytemask import LeukocyteMask
from train.optimisation import autocast, finite_sum, warm_cosine
from train.progress import step_progress
from train.run_files import RunFiles

Validate = Callable[[LeukocyteMask], dict[str, float]]
"""Judges a model; the figure called "score" decides which weights are kept."""


def fit(config: TrainConfig, samples: list[Sample], validate: Validate, out: Path, *, resume: bool) -> Path:
    """Train and return the file with the best averaged weights.

    A run that is killed goes on from its last checkpoint with `resume`: the pictures of a step depend on the seed and
    the step alone.
    """
    files = RunFiles(folder=out)
    if files.state.exists() and not resume:
        raise ConfigurationError(
            f"{out} already holds a training run; add --resume to go on with it or choose another --out"
        )
    if resume and not files.state.exists():
        raise ConfigurationError(f"{out} holds no training run to resume; leave --resume out to start one")
    out.mkdir(parents=True, exist_ok=True)
    run = _Run(config, files, resume)
    losses_log, validation_log = CurveLog(files.losses, run.step), CurveLog(files.validation, run.step)
    batches = _Prefetcher(samples, config, run.step)
    started, recent = time.monotonic(), []
    with step_progress() as progress:
        task = progress.add_task("train", total=config.steps, completed=run.step, info="")
        while run.step < config.steps:
            recent.append(run.train_on(*batches.next()))
            progress.update(task, completed=run.step, info=f"loss {recent[-1]['total']:.3f}")
            last = run.step == config.steps
            if run.step % config.log_every == 0 or last:
                means = {name: float(np.mean([row[name] for row in recent])) for name in recent[0]}
                losses_log.add({"step": run.step, **means, "seconds": time.monotonic() - started})
                recent = []
            if run.step % config.validate_every == 0 or last:
                figures = run.judge(validate)
                validation_log.add({"step": run.step, **figures})
                progress.console.print(f"step {run.step}: " + "  ".join(f"{k} {v:.4f}" for k, v in figures.items()))
                draw_curves({"loss": files.losses, "validation": files.validation}, files.picture)
            if run.step % config.checkpoint_every == 0 or last:
                run.save()
    return files.best


class _Run:
    """The weights, the optimizer and how far they have come."""

    def __init__(self, config: TrainConfig, files: RunFiles, resume: bool) -> None:
        self.config, self.files = config, files
        self.device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
        torch.manual_seed(config.seed)
        self.model = LeukocyteMask(PRESETS[config.preset])
        if isinstance(self.model.backbone, EfficientNetLite0) and config.pretrained and not resume:
            self.model.backbone.load_imagenet()
        self.model.to(self.device).to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.optimizer = _optimizer(self.model, config)
        self.average = AveragedWeights(self.model, config.optimizer.ema)
        self.step, self.best = 0, -math.inf
        self._mean = _channels(self.model.config.mean, self.device)
        self._std = _channels(self.model.config.std, self.device)
        if resume:
            self._restore(load_state(files.state))

    def train_on(self, images: Tensor, targets: list[Target]) -> dict[str, float]:
        """One step on uint8 RGB [B, 3, H, W]; returns the components of the loss, their sum and the learning rate."""
        images = ((images.to(self.device).float() - self._mean) / self._std).contiguous(
            memory_format=torch.channels_last
        )
        targets = [Target(boxes=t.boxes.to(self.device), masks=t.masks.to(self.device)) for t in targets]
        learning_rate = _schedule(self.optimizer, self.config, self.step)
        self.model.train()
        with autocast(self.config.precision, self.device):
            losses = multitask_loss(self.model, images, targets)
        total = finite_sum(losses, self.step, "training", "lower the learning rate and go on with --resume")
        self.optimizer.zero_grad(set_to_none=True)
        total.backward()
        nn.utils.clip_grad_norm_(self.model.parameters(), self.config.optimizer.clip_norm)
        self.optimizer.step()
        self.step += 1
        self.average.update(self.model, self.step)
        parts = {name: value.item() for name, value in losses.items()}
        return parts | {"total": total.item(), "learning_rate": learning_rate}

    def judge(self, validate: Validate) -> dict[str, float]:
        """Validate the averaged weights and keep them if they are the best so far."""
        averaged = LeukocyteMask(PRESETS[self.config.preset]).to(self.device)
        averaged.load_state_dict(self.average.values)
        figures = validate(averaged.eval())
        if figures["score"] > self.best:
            self.best = figures["score"]
            save_weights(self.files.best, self.average.values, averaged.config, {"step": self.step, **figures})
        return figures

    def save(self) -> None:
        """Write what a resumed run needs."""
        state = {"model": self.model.state_dict(), "optimizer": self.optimizer.state_dict()}
        save_state(self.files.state, state | {"average": self.average.values, "step": self.step, "best": self.best})

    def _restore(self, state: dict[str, Any]) -> None:
        self.model.load_state_dict(state["model"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.average.values = {name: value.to(self.device) for name, value in state["average"].items()}
        self.step, self.best = int(state["step"]), float(state["best"])


def _optimizer(model: LeukocyteMask, config: TrainConfig) -> torch.optim.Optimizer:
    options = config.optimizer
    backbone = list(model.backbone.parameters())
    ids = {id(parameter) for parameter in backbone}
    rest = [parameter for parameter in model.parameters() if id(parameter) not in ids]
    factor = options.backbone_factor if config.pretrained and config.preset == "edge" else 1.0
    groups: list[dict[str, Any]] = [{"params": rest, "factor": 1.0}, {"params": backbone, "factor": factor}]
    if options.kind == "sgd":
        return torch.optim.SGD(
            groups, lr=options.learning_rate, momentum=options.momentum, weight_decay=options.weight_decay
        )
    return torch.optim.AdamW(groups, lr=options.learning_rate, weight_decay=options.weight_decay, fused=True)


def _schedule(optimizer: torch.optim.Optimizer, config: TrainConfig, step: int) -> float:
    """Set and return the learning rate of a step; it ends at 1 % of the full one."""
    options = config.optimizer
    rate = options.learning_rate * warm_cosine(step, config.steps, options.warmup_steps, 0.01)
    for group in optimizer.param_groups:
        group["lr"] = rate * group["factor"]
    return rate


def _channels(values: tuple[float, ...], device: torch.device) -> Tensor:
    return torch.tensor(values, device=device).reshape(1, 3, 1, 1)


class _Prefetcher:
    """Draws the next batches in a thread while the network trains."""

    def __init__(self, samples: list[Sample], config: TrainConfig, step: int) -> None:
        mix = config.mix.model_dump(exclude={"simulated"})
        simulated = []
        if config.mix.simulated:
            from train.data.simulated import simulated_examples

            simulated = simulated_examples(config.mix.simulated, config.seed)
        self._mixer = Mixer(samples, simulated, MixConfig(**mix), config.seed)
        self._queue: Queue[tuple[Tensor, list[Target]] | BaseException] = Queue(maxsize=3)
        self._config = config
        threading.Thread(target=self._fill, args=(step,), name="batches", daemon=True).start()

    def next(self) -> tuple[Tensor, list[Target]]:
        item = self._queue.get()
        if isinstance(item, BaseException):
            raise item
        return item

    def _fill(self, step: int) -> None:
        try:
            for i in range(step, self._config.steps):
                self._mixer.rng = np.random.default_rng([self._config.seed, i])
                self._queue.put(self._mixer.batch(self._config.batch))
        except BaseException as error:  # noqa: BLE001 (handed to the training thread, which raises it)
            self._queue.put(error)
