"""One training run as a TOML file: everything that decides the weights, apart from the data themselves."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from edge.errors import ConfigurationError
from train.optimisation import Precision

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib  # type: ignore[import-not-found, unused-ignore]


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class MixSection(_Section):
    """Training pictures; see `train.data.batches.MixConfig`."""

    size: Annotated[int, Field(ge=64, multiple_of=64)] = 320
    shares: dict[str, float] = Field(default_factory=dict)
    kinds: dict[str, Annotated[float, Field(gt=0)]] = Field(default_factory=dict)
    cell_px: tuple[float, float] = (28.0, 290.0)
    mosaic: Annotated[float, Field(ge=0, le=1)] = 0.3
    pasted: Annotated[float, Field(ge=0, le=1)] = 0.3
    crowd: Annotated[float, Field(ge=0, le=1)] = 0.0
    elsewhere: Annotated[float, Field(ge=0, le=1)] = 0.12
    stretch: Annotated[float, Field(ge=0, le=0.5)] = 0.0
    elastic: Annotated[float, Field(ge=0, le=1)] = 0.0
    uptake: Annotated[float, Field(ge=0, le=1)] = 0.0
    platelets: Annotated[float, Field(ge=0, le=1)] = 0.0
    blank: Annotated[float, Field(ge=0, le=1)] = 0.01
    simulated: Annotated[int, Field(ge=0, description="simulated fields added as data set 'simulated'")] = 0


class OptimizerSection(_Section):
    """AdamW for `edge`, the paper's SGD for `paper`."""

    kind: Literal["adamw", "sgd"] = "adamw"
    learning_rate: Annotated[float, Field(gt=0)] = 1e-3
    backbone_factor: Annotated[float, Field(ge=0, description="learning rate of the backbone relative to the rest")] = (
        0.3
    )
    momentum: Annotated[float, Field(ge=0, lt=1)] = 0.9
    weight_decay: Annotated[float, Field(ge=0)] = 2e-4
    warmup_steps: Annotated[int, Field(ge=0)] = 100
    clip_norm: Annotated[float, Field(gt=0)] = 5.0
    ema: Annotated[float, Field(ge=0, lt=1, description="decay of the averaged weights that are kept")] = 0.998


class TrainConfig(_Section):
    """A whole run."""

    preset: Literal["paper", "edge"] = "edge"
    seed: int = 0
    steps: Annotated[int, Field(gt=0)] = 4000
    batch: Annotated[int, Field(gt=0)] = 8
    pretrained: bool = True
    precision: Precision = "float32"
    log_every: Annotated[int, Field(gt=0)] = 20
    validate_every: Annotated[int, Field(gt=0)] = 500
    checkpoint_every: Annotated[int, Field(gt=0)] = 100
    validation_samples_per_set: Annotated[int, Field(gt=0)] = 40
    mix: MixSection = MixSection()
    optimizer: OptimizerSection = OptimizerSection()


def read_config(path: Path, overrides: dict[str, Any]) -> TrainConfig:
    """The file's values with `overrides` (top-level keys; None means not given) on top."""
    try:
        with path.open("rb") as file:
            values = tomllib.load(file)
    except OSError as error:
        raise ConfigurationError(f"the training configuration {path} cannot be read: {error.strerror}") from error
    except tomllib.TOMLDecodeError as error:
        raise ConfigurationError(f"the training configuration {path} is not valid TOML: {error}") from error
    return build_config(values | {key: value for key, value in overrides.items() if value is not None}, str(path))


def build_config(values: dict[str, Any], origin: str) -> TrainConfig:
    """Validate; all faults in one ConfigurationError."""
    try:
        return TrainConfig(**values)
    except ValidationError as error:
        faults = "; ".join(f"{'.'.join(str(p) for p in e['loc'])}: {e['msg']}" for e in error.errors())
        raise ConfigurationError(f"{origin}: {faults}") from error
