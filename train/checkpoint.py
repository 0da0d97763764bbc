"""Weights on disk: safetensors for what is kept, a plain torch file for what resumes."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor, nn

from edge.errors import DiskFullError, ModelError
from train.model.config import ModelConfig
from train.model.leukocytemask import LeukocyteMask


def save_weights(path: Path, weights: dict[str, Tensor], config: ModelConfig, facts: dict[str, Any]) -> None:
    """Write weights with the network's configuration and any facts about the run; replaces the file at once."""
    save_described(path, weights, config.to_dict(), facts)


def save_described(path: Path, weights: dict[str, Tensor], config: dict[str, Any], facts: dict[str, Any]) -> None:
    """Write the weights of any network with what it is and any facts about the run; replaces the file at once."""
    metadata = {"config": json.dumps(config), "facts": json.dumps(facts)}
    with replacing(path) as temporary:
        save_file({name: tensor.contiguous() for name, tensor in weights.items()}, temporary, metadata)


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """A file to write in place of `path`, which it replaces at the end.

    Raises DiskFullError, leaving the old file as it was, where that cannot be written: torch and safetensors have
    errors of their own for it.
    """
    temporary = path.with_suffix(".tmp")
    try:
        yield temporary
        temporary.replace(path)
    except (OSError, RuntimeError, SafetensorError) as error:
        temporary.unlink(missing_ok=True)
        raise DiskFullError(
            f"{path} cannot be written ({str(error).splitlines()[0]}); make room there, then the same command goes on "
            "from the last checkpoint"
        ) from error


def load_model(path: Path) -> tuple[LeukocyteMask, dict[str, Any]]:
    """Read what `save_weights` wrote: the network in evaluation mode and the facts; raises ModelError otherwise."""
    if not path.is_file():
        raise ModelError(f"there is no checkpoint {path}; train one with `python -m train fit`")
    try:
        with safe_open(path, framework="pt") as file:
            metadata = file.metadata() or {}
            weights = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 (not a dict)
        model = LeukocyteMask(ModelConfig.from_dict(json.loads(metadata["config"])))
        model.load_state_dict(weights)
    except (SafetensorError, KeyError, ValueError, TypeError, RuntimeError) as error:
        reason = str(error).splitlines()[0]
        raise ModelError(
            f"{path} is not a checkpoint of this program ({reason}); "
            "give the best.safetensors of a `python -m train fit` run"
        ) from error
    return model.eval(), json.loads(metadata.get("facts", "{}"))


def save_state(path: Path, state: dict[str, Any]) -> None:
    """Write everything that a resumed run needs; a kill leaves either the old file or the new one."""
    with replacing(path) as temporary:
        torch.save(state, temporary)


def load_state(path: Path) -> dict[str, Any]:
    """Read what `save_state` wrote, without running any code from the file."""
    try:
        state: dict[str, Any] = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # torch raises many types for a broken file
        raise ModelError(
            f"{path} cannot be resumed from ({str(error).splitlines()[0]}); delete it to start anew"
        ) from error
    return state


class AveragedWeights:
    """Exponential moving average of all weights and buffers."""

    def __init__(self, model: nn.Module, decay: float) -> None:
        self.decay = decay
        self.values = {name: value.detach().clone() for name, value in model.state_dict().items()}

    @torch.no_grad()
    def update(self, model: nn.Module, step: int) -> None:
        decay = min(self.decay, (1 + step) / (10 + step))  # follows quickly at first
        for name, value in model.state_dict().items():
            if value.dtype.is_floating_point:
                self.values[name].lerp_(value.detach(), 1 - decay)
            else:
                self.values[name].copy_(value)
