"""One labelled picture: segment it and compare the outcome with the truth."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from edge.geometry import MaskPatch, paste_mask, union_of_masks
from edge.postprocess import postprocess
from edge.preprocess import preprocess
from edge.segmenters.protocol import RawOutputs
from edge.spec import ModelSpec
from edge.types import Floats, Image, Instances
from train.data.sample import Sample, load
from train.matching import match_cells
from train.metrics import SixMetrics, six_metrics

Segment = Callable[[Image], Instances]
"""A uint8 BGR picture [H, W, 3] -> its cells in source pixels."""

MASK_THRESHOLD = 0.5


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageResult:
    """What one picture showed.

    Attributes
    ----------
    key, dataset, kind, complete : of the sample
    metrics : the six measures of the union of all kept masks
    cells, found, false_cells : true cells, those matched at IoU 0.5, and predicted cells that match none
    matched_ious : mask IoU of each matched cell
    truncated : the model had fewer slots than it found cells
    scored : score and verdict (see `Matching`) of each predicted cell
    """

    key: str
    dataset: str
    kind: str | None
    complete: bool
    metrics: SixMetrics
    cells: int
    found: int
    false_cells: int
    matched_ious: tuple[float, ...]
    truncated: bool
    scored: tuple[tuple[float, bool | None], ...] = ()


def segment_by(run: Callable[[Floats], RawOutputs], spec: ModelSpec, threshold: float | None = None) -> Segment:
    """A way to run the network as a function from a picture to its cells; `threshold` replaces the spec's own."""

    def segment(image: Image) -> Instances:
        tensor, letterbox = preprocess(image, spec)
        return postprocess(run(tensor), letterbox, spec, threshold)

    return segment


def judge(segment: Segment, sample: Sample, mask_threshold: float = MASK_THRESHOLD) -> ImageResult:
    """Segment one sample and compare the outcome with its truth, at the picture's own resolution."""
    loaded = load(sample)
    height, width = loaded.instances.shape
    instances = segment(loaded.image)
    patches = paste_all(instances, width, height)
    union = union_of_masks(patches, width, height, mask_threshold)
    matching = match_cells(patches, loaded.instances, mask_threshold, loaded.ignore)
    return ImageResult(
        key=sample.key,
        dataset=sample.dataset,
        kind=sample.kind,
        complete=sample.complete,
        metrics=six_metrics(loaded.instances > 0, union, loaded.ignore),
        cells=matching.cells,
        found=matching.found,
        false_cells=matching.false_cells,
        matched_ious=matching.ious,
        truncated=instances.truncated,
        scored=tuple(zip((float(score) for score in instances.scores), matching.verdicts, strict=True)),
    )


def paste_all(instances: Instances, width: int, height: int) -> list[MaskPatch]:
    """Every cell's soft mask at the picture's resolution."""
    return [
        paste_mask(mask, box, width, height) for mask, box in zip(instances.masks, instances.mask_boxes, strict=True)
    ]
