"""Raw network outputs -> cells in source pixels."""

from __future__ import annotations

import numpy as np

from edge.geometry import Letterbox, clip_boxes, grow_boxes
from edge.islands import without_islands
from edge.segmenters.protocol import RawOutputs
from edge.spec import ModelSpec
from edge.types import Instances


def postprocess(
    outputs: RawOutputs, letterbox: Letterbox, spec: ModelSpec, threshold: float | None = None
) -> Instances:
    """Keep the cells at or above `threshold` (the spec's own if None) and map them to source pixels.

    A box that has no area inside the picture is dropped: it lies in the letterbox border. Masks lose their islands.
    """
    limit = spec.threshold if threshold is None else threshold
    boxes = clip_boxes(letterbox.to_source(outputs.boxes), letterbox.source_width, letterbox.source_height)
    keep = (outputs.scores >= limit) & (boxes[:, 2] - boxes[:, 0] > 0) & (boxes[:, 3] - boxes[:, 1] > 0)
    mask_boxes = letterbox.to_source(grow_boxes(outputs.boxes, spec.mask_margin))
    return Instances(
        boxes=boxes[keep],
        scores=outputs.scores[keep].astype(np.float32),
        labels=np.zeros(int(keep.sum()), np.int32),
        masks=without_islands(outputs.masks[keep].astype(np.float32), spec.mask_threshold),
        mask_boxes=mask_boxes[keep],
        truncated=int((outputs.scores >= limit).sum()) >= spec.slots,
    )
