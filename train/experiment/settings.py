"""One experiment as a TOML file: every figure that decides a result, apart from the data and the augmentation's own."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from edge.errors import ConfigurationError
from train.experiment.methods import DatasetName, MethodName
from train.optimisation import Precision

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib  # type: ignore[import-not-found, unused-ignore]

INPUT_MULTIPLE = 64  # what the coarsest level of LeukocyteMask asks for; FCN-8s needs 32, U-Net 16
InputPx = Annotated[int, Field(ge=INPUT_MULTIPLE, multiple_of=INPUT_MULTIPLE)]


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Training(_Section):
    """How a network learns; the defaults are what section 3.3 of the paper says; it names no epochs."""

    epochs: Annotated[int, Field(gt=0)] = 200
    batch: Annotated[int, Field(gt=0, description="pictures per step and process")] = 2
    optimizer: Literal["sgd", "adamw"] = "sgd"
    learning_rate: Annotated[float, Field(gt=0)] = 1e-3
    momentum: Annotated[float, Field(ge=0, lt=1, description="of SGD")] = 0.9
    weight_decay: Annotated[float, Field(ge=0)] = 2e-4
    warmup_steps: Annotated[int, Field(ge=0, description="the learning rate rises linearly over them")] = 0
    schedule: Literal["constant", "cosine"] = "constant"
    final_share: Annotated[float, Field(ge=0, le=1, description="learning rate at the end of a cosine")] = 0.01
    clip_norm: Annotated[float, Field(ge=0, description="largest norm of the gradient; 0: not clipped")] = 0.0
    ema: Annotated[float, Field(ge=0, lt=1, description="decay of the averaged weights that are used; 0: none")] = 0.0
    precision: Annotated[Precision, Field(description="of training and validation; predictions are float32")] = (
        "float32"
    )


class Networks(_Section):
    """Width of the two pixelwise networks; LeukocyteMask is the preset `paper`."""

    fcn_width: Annotated[int, Field(gt=0)] = 64
    fcn_fc_channels: Annotated[int, Field(gt=0)] = 1024
    unet_width: Annotated[int, Field(gt=0)] = 64


class Prediction(_Section):
    """From scores and soft masks to a segmentation."""

    score: Annotated[float, Field(gt=0, lt=1, description="cells of LeukocyteMask below it are not used")] = 0.5
    mask: Annotated[float, Field(ge=0.5, le=0.5, description="threshold of the soft mask, fixed by section 3.4")] = 0.5


class ExperimentSettings(_Section):
    """A whole experiment. `datasets` and `methods` hold figures of `training` for one set or method; methods win."""

    seed: Annotated[int, Field(ge=0)] = 0
    training: Training = Training()
    networks: Networks = Networks()
    prediction: Prediction = Prediction()
    input_px: dict[DatasetName, InputPx] = Field(default_factory=dict)
    datasets: dict[DatasetName, dict[str, Any]] = Field(default_factory=dict)
    methods: dict[MethodName, dict[str, Any]] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _overrides_are_training(self) -> ExperimentSettings:
        for name, values in [*self.datasets.items(), *self.methods.items()]:
            try:
                Training(**values)
            except ValidationError as error:
                raise ValueError(f"{name}: {_faults(error)}") from error
        return self

    def training_of(self, dataset: DatasetName, method: MethodName) -> Training:
        """The figures for one method on one data set."""
        values = self.training.model_dump() | self.datasets.get(dataset, {}) | self.methods.get(method, {})
        return Training(**values)

    def input_px_of(self, dataset: DatasetName) -> int:
        """Side of the square network input: no crop is enlarged by more than a few pixels."""
        return self.input_px.get(dataset, 128 if dataset in ("dataset1", "simulated") else 256)

    def with_epochs(self, epochs: int) -> ExperimentSettings:
        """The same experiment with this many epochs everywhere; raises ConfigurationError if that is no number > 0."""
        without = {
            field: {name: {k: v for k, v in values.items() if k != "epochs"} for name, values in group.items()}
            for field, group in (("datasets", self.datasets), ("methods", self.methods))
        }
        training = self.training.model_dump() | {"epochs": epochs}
        return build_settings(self.model_dump() | without | {"training": training}, "the command line")


def read_settings(path: Path) -> ExperimentSettings:
    """Read a TOML file; raises ConfigurationError naming all its faults."""
    try:
        with path.open("rb") as file:
            values = tomllib.load(file)
    except OSError as error:
        raise ConfigurationError(
            f"the configuration of the experiment {path} cannot be read ({error.strerror}); check the path"
        ) from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigurationError(f"the configuration of the experiment {path} is not valid TOML: {error}") from error
    return build_settings(values, str(path))


def build_settings(values: dict[str, Any], origin: str) -> ExperimentSettings:
    """Validate; all faults in one ConfigurationError."""
    try:
        return ExperimentSettings(**values)
    except ValidationError as error:
        raise ConfigurationError(f"{origin}: {_faults(error)}") from error


def _faults(error: ValidationError) -> str:
    return "; ".join(f"{'.'.join(str(p) for p in e['loc'] if p != '[key]')}: {e['msg']}" for e in error.errors())
