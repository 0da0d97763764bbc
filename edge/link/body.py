"""SegmentedFrame -> the result body that is published and recorded. Pure; any thread."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from edge.geometry import paste_mask
from edge.link.messages import CalibrationInfo, Cell, ImageInfo, MaskRle, ModelInfo, QualityInfo, ResultBody
from edge.link.rle import ColumnRuns, column_runs, encode_counts
from edge.spec import ModelSpec
from edge.types import Instances, Quality, SegmentedFrame


@dataclass(frozen=True, slots=True, kw_only=True)
class ResultContext:
    """What a result says beside the frame itself.

    Attributes
    ----------
    spec : the model's own description
    sha256 : hash of the model file, hexadecimal
    backend : e.g. "onnxruntime-cpu"
    um_per_px : scale of the source picture; None where unknown
    drops : frames dropped so far in the session, by cause
    """

    spec: ModelSpec
    sha256: str
    backend: str
    um_per_px: float | None = None
    drops: Mapping[str, int] = field(default_factory=dict)

    @property
    def model(self) -> ModelInfo:
        return ModelInfo(name=self.spec.name, sha256=self.sha256, precision=self.spec.precision, backend=self.backend)


def result_body(result: SegmentedFrame, context: ResultContext) -> ResultBody:
    """Everything that is said of one frame; lengths rounded to 0.001 px, scores to 0.0001."""
    height, width = result.frame.image.shape[:2]
    return ResultBody(
        source=result.frame.source,
        image=ImageInfo(width=width, height=height, um_per_px=context.um_per_px),
        model=context.model,
        calib=CalibrationInfo(),
        stage=None,
        quality=None if result.quality is None else _quality_info(result.quality),
        truncated=result.instances.truncated,
        cells=tuple(_cell(result.instances, index, (width, height), context) for index in range(len(result.instances))),
        timing_ms={stage: round(float(value), 3) for stage, value in result.timing_ms.items()},
        drops=dict(context.drops),
    )


def cell_runs(instances: Instances, index: int, size: tuple[int, int], threshold: float) -> ColumnRuns:
    """The pixels of one cell in a picture of `size` (width, height): those whose soft mask is at least `threshold`."""
    width, height = size
    patch = paste_mask(instances.masks[index], instances.mask_boxes[index], width, height)
    return column_runs(patch.values >= threshold, (patch.x, patch.y), size)


def _cell(instances: Instances, index: int, size: tuple[int, int], context: ResultContext) -> Cell:
    x0, y0, x1, y1 = (float(value) for value in instances.boxes[index])
    runs = cell_runs(instances, index, size, context.spec.mask_threshold)
    centroid = runs.centroid_px or ((x0 + x1) / 2, (y0 + y1) / 2)
    area_px = runs.area_px
    return Cell(
        id=index,
        label=context.spec.classes[int(instances.labels[index])],
        score=round(float(instances.scores[index]), 4),
        bbox=(round(x0, 3), round(y0, 3), round(x1 - x0, 3), round(y1 - y0, 3)),
        mask=MaskRle(size=(size[1], size[0]), counts=encode_counts(runs)),
        centroid_px=(round(centroid[0], 3), round(centroid[1], 3)),
        area_px=area_px,
        area_um2=None if context.um_per_px is None else round(area_px * context.um_per_px**2, 3),
        touches_border=runs.touches_border,
    )


def _quality_info(quality: Quality) -> QualityInfo:
    red, green, blue = quality.bg_rgb
    return QualityInfo(
        focus=round(float(quality.focus), 3),
        clip_hi=round(float(quality.clip_hi), 5),
        bg_rgb=(int(red), int(green), int(blue)),
        countable=bool(quality.countable),
        reasons=tuple(quality.reasons),
    )
