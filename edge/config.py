"""The settings of a run, one class per section of the rig's TOML file."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationInfo, field_validator, model_validator

from edge.draw import parse_layers
from edge.errors import ConfigurationError
from edge.link.endpoint import check_endpoint
from edge.link.messages import DEFAULT_ENDPOINT, DEFAULT_IMAGES_ENDPOINT
from edge.providers import Provider

OFF = "none"
"""What to write for an endpoint or a list of layers that is not wanted."""

PositiveInt = Annotated[int, Field(gt=0)]
Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]
NotNegative = Annotated[float, Field(ge=0, allow_inf_nan=False)]
TopicName = Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]+$")]


def _checked(check: Callable[[str], object]) -> AfterValidator:
    """A validator that lets a text pass if `check` raises no ConfigurationError."""

    def validate(value: str) -> str:
        try:
            check(value)
        except ConfigurationError as error:
            raise ValueError(str(error)) from error
        return value

    return AfterValidator(validate)


class Section(BaseModel):
    """Unknown keys are refused: a misspelt setting must not be passed over."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class CameraSection(Section):
    """`uri` and the wishes of `edge.cameras.CameraOptions`; `drop` and `max_staleness_s` as in `edge.latest.Latest`.

    `drop` and `max_staleness_s` depend on the camera if they are not set: "block" without a limit for files, "oldest"
    and 0.5 s for what cannot wait.
    """

    uri: str | None = None
    width: PositiveInt | None = None
    height: PositiveInt | None = None
    fps: Positive | None = None
    exposure_us: Positive | None = None
    gain: NotNegative | None = None
    loop: Annotated[int, Field(ge=0)] = 1
    drop: Literal["oldest", "newest", "block"] | None = None
    max_staleness_s: Positive | None = None
    open_timeout_s: Positive = 10.0
    frame_timeout_s: Positive = 5.0
    repeat_limit_s: NotNegative = 2.0
    reconnect_s: NotNegative = 30.0


class ModelSection(Section):
    """`path` None: the packaged model. `threshold` None: the model's own. `threads` None: as many as are useful.

    `provider`: what runs an ONNX file, None for ONNX Runtime on the CPU. `allow_unverified`: run an engine whose
    acceptance report is missing or failed.
    """

    path: Path | None = None
    threshold: Annotated[float, Field(gt=0, le=1)] | None = None
    threads: PositiveInt | None = None
    provider: Provider | None = None
    allow_unverified: bool = False


class PublishSection(Section):
    """Endpoints of the two sockets, "none" for none; `rig` is the name in the topics."""

    rig: TopicName = "rig"
    insecure_bind: bool = False
    endpoint: str = DEFAULT_ENDPOINT
    images_endpoint: str = DEFAULT_IMAGES_ENDPOINT
    encoding: Literal["json", "msgpack"] = "json"

    @field_validator("endpoint", "images_endpoint")
    @classmethod
    def _may_be_bound(cls, value: str, info: ValidationInfo) -> str:
        if value != OFF:
            try:
                check_endpoint(value, insecure_bind=info.data.get("insecure_bind", False))
            except ConfigurationError as error:
                raise ValueError(str(error)) from error
        return value


class OverlaySection(Section):
    """What the window and the recorded pictures show; `headless` true for no window at all."""

    headless: bool = False
    layers: Annotated[str, _checked(parse_layers)] = "mask,score,scalebar"
    alpha: Annotated[float, Field(ge=0, le=1)] = 0.45


class CalibSection(Section):
    """`um_per_px`: size of a pixel of the source picture."""

    um_per_px: Positive | None = None


class RecordSection(Section):
    """`dir`: where results.jsonl is written, None for no recording; `pictures`: annotated pictures beside it."""

    dir: Path | None = None
    pictures: bool = False

    @model_validator(mode="after")
    def _pictures_need_a_folder(self) -> RecordSection:
        if self.pictures and self.dir is None:
            raise ValueError("pictures are wanted but no folder is given; add --record DIR")
        return self


class RunSection(Section):
    """When the run ends by itself, and how it logs."""

    frames: PositiveInt | None = None
    duration_s: Positive | None = None
    log_level: Literal["debug", "info", "warning", "error"] = "info"
    log_format: Literal["text", "json"] = "text"


class Settings(Section):
    """All settings of a run."""

    camera: CameraSection = CameraSection()
    model: ModelSection = ModelSection()
    publish: PublishSection = PublishSection()
    overlay: OverlaySection = OverlaySection()
    calib: CalibSection = CalibSection()
    record: RecordSection = RecordSection()
    run: RunSection = RunSection()
