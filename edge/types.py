"""The types that cross every border of the runtime.

Conventions, valid everywhere in `edge`:

* images are uint8 BGR [H, W, 3], as OpenCV delivers them; only `preprocess` turns them into RGB;
* coordinates are continuous pixels of the *source image*, origin at the top-left corner of the top-left pixel,
  so that pixel (row r, column c) covers x in [c, c + 1) and y in [r, r + 1);
* times in nanoseconds: `*_t_ns` since the Unix epoch, `*_mono_ns` from the host's monotonic clock.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

import numpy as np
from numpy.typing import NDArray

Image = NDArray[np.uint8]
Floats = NDArray[np.float32]
Ints = NDArray[np.int32]


@dataclass(frozen=True, slots=True, kw_only=True)
class CellTruth:
    """One cell that is known to be in a frame (simulator only).

    `bbox` is (x0, y0, x1, y1) in frame pixels, clipped to the frame; `mask` is bool [h, w] over that rectangle.
    """

    bbox: tuple[int, int, int, int]
    mask: NDArray[np.bool_]
    kind: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Frame:
    """One picture from a camera.

    Attributes
    ----------
    image : uint8 BGR [H, W, 3]
    index : count of frames that the camera delivered before this one (0 for the first)
    source : file name, device or URI that the picture came from
    capture_t_ns, capture_mono_ns : moment of capture on `clock`
    truth : the cells in the picture where the camera knows them (simulator), else None
    """

    image: Image
    index: int
    source: str
    capture_t_ns: int
    capture_mono_ns: int
    clock: Literal["host", "device"] = "host"
    truth: tuple[CellTruth, ...] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Instances:
    """The cells of one frame: parallel arrays over N cells, best score first.

    Attributes
    ----------
    boxes : float32 [N, 4], x0 y0 x1 y1 in source pixels, inside the image
    scores : float32 [N] in [0, 1]
    labels : int32 [N], index into `ModelSpec.classes`
    masks : float32 [N, m, m] soft masks in [0, 1] on a regular grid over `mask_boxes`
    mask_boxes : float32 [N, 4], the rectangle that each mask covers: the box grown by the model's mask margin;
        it may reach beyond the image
    truncated : True if the model had fewer slots than it found cells
    """

    boxes: Floats
    scores: Floats
    labels: Ints
    masks: Floats
    mask_boxes: Floats
    truncated: bool = False

    def __len__(self) -> int:
        return len(self.scores)


@dataclass(frozen=True, slots=True, kw_only=True)
class Quality:
    """What can be said of a frame before anyone trusts its count.

    Attributes
    ----------
    focus : variance of the Laplacian of the grey image at the network's scale, in grey levels squared
    clip_hi : share of pixels with a channel at 255, 0..1
    bg_rgb : median colour of the background (the brightest half of the picture), 0..255
    countable : False if any reason makes the count untrustworthy
    reasons : short codes: "dark", "clipped", "out_of_focus", "cells_too_small", "cells_too_large", ...
    """

    focus: float
    clip_hi: float
    bg_rgb: tuple[int, int, int]
    countable: bool
    reasons: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class SegmentedFrame:
    """A frame with what was found in it; what every sink receives.

    `timing_ms` has the keys queue, pre, infer, post, total.
    """

    frame: Frame
    instances: Instances
    quality: Quality | None = None
    timing_ms: dict[str, float] = field(default_factory=dict)
