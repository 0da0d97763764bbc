"""What can be said of a frame before anyone trusts its count: clipped, dark, blank, noisy, blurred, wrong cell size.

Measured on the network's input without its border, so it costs less than a millisecond at any camera resolution.

The limits were set on 1029 pictures of stained smears that are fit for counting, from four sources: 197 fields of
2048x1536 (shrunk to a quarter) and 832 crops of single cells of 120 to 300 px (enlarged 1.5 times), beside spoilt
copies of the same pictures. None of the good ones crosses a limit; the figures stand beside each.
"""

from __future__ import annotations

import logging

import cv2
import numpy as np

from edge.geometry import Letterbox
from edge.spec import ModelSpec
from edge.types import Floats, Instances, Quality, SegmentedFrame

log = logging.getLogger(__name__)

CLIPPED_SHARE = 0.9
"""Share of pixels with a channel at 255. Good: at most 0.84 (a crop on a white background); overexposed 2.5 times:
0.94 in the median."""
DARK_LEVEL = 60
"""Brightest channel of the background's colour. Good: at least 123; underexposed 5 times: 25 to 51."""
BLANK_CONTRAST = 8.0
"""Standard deviation of the green channel. Good: at least 19; an even field with a camera's noise: 3."""
NOISE_RATIO = 4.0
"""Variance of the Laplacian over the variance. White noise: 20, or 4.5 after enlarging; good: at most 0.25."""
BLUR_RATIO_SHRUNK = 0.02
"""The same ratio of a picture shrunk to half or less, whose optics resolve more than the network sees. Good: at least
0.061; blurred with sigma 8 px at 2048x1536: at most 0.012."""
BLUR_RATIO = 0.00025
"""The same ratio of any other picture, where a large cell fills the frame and has few edges. Good: at least 0.00045;
only a gross defocus falls below."""
FINE_STRUCTURE = 0.65
"""Contrast in blocks of 8x8 px over the contrast of the pixels, in a picture without cells. Good: at least 0.78; fields
four times smaller, as under a weak objective: 0.47 to 0.66, for red cells of a few px average out in the blocks."""

ADVICE = {
    "clipped": "the picture is overexposed; shorten the exposure or dim the lamp",
    "dark": "the picture is too dark; lengthen the exposure or check the lamp",
    "blank": "the picture shows nothing; check focus, slide and light path",
    "noise": "the picture is noise, or its cells are only a few pixels wide; check camera and objective",
    "out_of_focus": "the picture is out of focus",
    "cells_too_small": "the cells are smaller than the model knows; use a stronger objective or crop the picture",
    "cells_too_large": "the cells are larger than the model knows; use a weaker objective or a wider picture",
    "truncated": "the model found more cells than it has slots; some are missing from the result",
}


def assess(tensor: Floats, letterbox: Letterbox, instances: Instances, spec: ModelSpec) -> Quality:
    """Judge one frame.

    Parameters
    ----------
    tensor, letterbox : what `preprocess` made of the frame
    instances : what was found in it, in source pixels
    """
    rgb = _picture(tensor, letterbox)
    focus, noise_like, contrast, coarse = _structure(_in_grey_levels(rgb[1:2], spec, slice(1, 2))[0])
    sample = _in_grey_levels(rgb[:, ::8, ::8], spec, slice(3)).reshape(3, -1)
    brightness = sample.sum(axis=0)
    background = np.median(sample[:, brightness >= np.median(brightness)], axis=1)
    red, green, blue = (int(np.clip(round(float(value)), 0, 255)) for value in background)
    clip_hi = float((sample.max(axis=0) >= 254.5).mean())
    reasons: list[str] = []
    if clip_hi > CLIPPED_SHARE:
        reasons.append("clipped")
    if max(red, green, blue) < DARK_LEVEL:
        reasons.append("dark")
    if contrast < BLANK_CONTRAST:
        reasons.append("blank")
    elif noise_like > NOISE_RATIO:
        reasons.append("noise")
    elif noise_like < (BLUR_RATIO_SHRUNK if letterbox.scale_x <= 0.5 else BLUR_RATIO):
        reasons.append("out_of_focus")
    reasons += _size_reasons(instances, letterbox, spec)
    if not reasons and not len(instances) and coarse < FINE_STRUCTURE * contrast:
        reasons.append("cells_too_small")
    if instances.truncated:
        reasons.append("truncated")
    return Quality(
        focus=focus, clip_hi=clip_hi, bg_rgb=(red, green, blue), countable=not reasons, reasons=tuple(reasons)
    )


def _picture(tensor: Floats, letterbox: Letterbox) -> Floats:
    """The part of the network's input that is not border, [3, h, w], still normalised."""
    height = max(1, round(letterbox.source_height * letterbox.scale_y))
    width = max(1, round(letterbox.source_width * letterbox.scale_x))
    return tensor[0, :, letterbox.pad_y : letterbox.pad_y + height, letterbox.pad_x : letterbox.pad_x + width]


def _in_grey_levels(planes: Floats, spec: ModelSpec, channels: slice) -> Floats:
    """Undo the normalisation of some RGB planes [C, h, w]: 0..255."""
    levels: Floats = planes * np.array(spec.std, np.float32)[channels, None, None]
    levels += np.array(spec.mean, np.float32)[channels, None, None]
    return levels


def _structure(green: Floats) -> tuple[float, float, float, float]:
    """Variance of the Laplacian, its ratio to the variance, and the standard deviation of pixels and of 8x8 blocks.

    The green channel stands for grey: blood stains absorb green most.
    """
    green = np.ascontiguousarray(green, np.float32)
    height, width = green.shape
    blocks = cv2.resize(green, (max(1, width // 8), max(1, height // 8)), interpolation=cv2.INTER_AREA)
    contrast = float(cv2.meanStdDev(green)[1].item())
    focus = float(cv2.meanStdDev(cv2.Laplacian(green, cv2.CV_32F))[1].item()) ** 2
    return focus, focus / max(contrast**2, 1e-6), contrast, float(cv2.meanStdDev(blocks)[1].item())


def _size_reasons(instances: Instances, letterbox: Letterbox, spec: ModelSpec) -> list[str]:
    """Compare the median diameter of whole cells, in network px, with the range that the model was trained on.

    A cell cut by the picture's edge tells nothing of its size.
    """
    boxes = instances.boxes
    limits = np.array([letterbox.source_width, letterbox.source_height], np.float32)
    boxes = boxes[(boxes[:, :2] > 0).all(axis=1) & (boxes[:, 2:] < limits).all(axis=1)]
    if not len(boxes):
        return []
    sides = (boxes[:, 2:] - boxes[:, :2]) * (letterbox.scale_x, letterbox.scale_y)
    diameter = float(np.median(np.sqrt(sides.prod(axis=1))))
    smallest, largest = spec.cell_px
    return ["cells_too_small"] * (diameter < smallest) + ["cells_too_large"] * (diameter > largest)


class QualityWarnings:
    """A sink that logs each reason the first time a frame of the run has it."""

    name = "quality"
    required = False

    def __init__(self) -> None:
        self._seen: set[str] = set()

    def write(self, result: SegmentedFrame) -> None:
        for reason in result.quality.reasons if result.quality else ():
            if reason not in self._seen:
                self._seen.add(reason)
                log.warning("%s: %s (logged once per run)", result.frame.source, ADVICE[reason])

    def close(self) -> None:
        """Nothing to release."""
