"""Frames and results for the tests of the link, made without a model."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from edge.link.body import ResultContext
from edge.spec import ModelSpec
from edge.types import Frame, Instances, Quality, SegmentedFrame

SPEC = ModelSpec(
    name="test-model",
    preset="edge",
    input_width=64,
    input_height=48,
    mean=(0, 0, 0),
    std=(1, 1, 1),
    max_upscale=2,
    pad_rgb=(0, 0, 0),
    slots=50,
    score_floor=0.05,
    threshold=0.5,
    mask_size=28,
    mask_margin=0.1,
    cell_px=(10, 100),
)
CONTEXT = ResultContext(spec=SPEC, sha256="ab" * 32, backend="onnxruntime-cpu")


def disc_mask(size: int = 28) -> np.ndarray:
    """Soft disc, float32 [size, size], radius 0.4 of the grid."""
    rows, columns = np.mgrid[:size, :size] - (size - 1) / 2
    return (1 / (1 + np.exp(np.hypot(rows, columns) - 0.4 * size))).astype(np.float32)


def segmented_frame(
    index: int = 0,
    boxes: tuple[tuple[float, float, float, float], ...] = ((10, 20, 50, 60),),
    *,
    size: tuple[int, int] = (128, 96),
    mask: np.ndarray | None = None,
    truncated: bool = False,
) -> SegmentedFrame:
    """A frame of `size` (width, height) with one cell for each box x0 y0 x1 y1; the mask grid covers the box itself."""
    corners = np.array(boxes, np.float32).reshape(-1, 4)
    one = disc_mask() if mask is None else mask
    return SegmentedFrame(
        frame=Frame(
            image=np.full((size[1], size[0], 3), 128, np.uint8),
            index=index,
            source=f"{index:04}.png",
            capture_t_ns=1_750_000_000_000_000_000 + index,
            capture_mono_ns=1_000 + index,
        ),
        instances=Instances(
            boxes=corners,
            scores=np.linspace(0.9, 0.6, len(corners), dtype=np.float32),
            labels=np.zeros(len(corners), np.int32),
            masks=np.repeat(one[None], len(corners), axis=0),
            mask_boxes=corners,
            truncated=truncated,
        ),
        quality=Quality(focus=12.3456, clip_hi=0.25, bg_rgb=(230, 220, 210), countable=False, reasons=("clipped",)),
        timing_ms={"queue": 0.1, "pre": 1.0, "infer": 20.0, "post": 0.5, "total": 21.6},
    )


@dataclass(slots=True, kw_only=True)
class Account:
    """Counters as the publisher reads them."""

    captured: int = 0
    segmented: int = 0
    dropped: dict[str, int] = field(default_factory=dict)
    failed: int = 0
