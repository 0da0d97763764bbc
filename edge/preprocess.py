"""uint8 picture -> network input: the only definition, used by training's evaluation, calibration and the runtime."""

from __future__ import annotations

import cv2
import numpy as np

from edge.geometry import Letterbox, fit_letterbox
from edge.spec import ModelSpec
from edge.types import Floats, Image


def preprocess(image: Image, spec: ModelSpec) -> tuple[Floats, Letterbox]:
    """Letterbox and normalise one picture.

    Parameters
    ----------
    image : uint8 BGR [H, W, 3], already validated by the camera (at least 1 px on each side)

    Returns
    -------
    float32 RGB [1, 3, input_height, input_width], contiguous, and the letterbox that maps boxes back
    """
    height, width = image.shape[:2]
    letterbox = fit_letterbox(width, height, spec.input_width, spec.input_height, spec.max_upscale)
    target = (round(width * letterbox.scale_x), round(height * letterbox.scale_y))
    if target != (width, height):
        shrinking = letterbox.scale_x < 1
        image = np.asarray(
            cv2.resize(image, target, interpolation=cv2.INTER_AREA if shrinking else cv2.INTER_LINEAR), np.uint8
        )
    canvas = np.empty((spec.input_height, spec.input_width, 3), np.uint8)
    if target != (spec.input_width, spec.input_height):
        canvas[:] = spec.pad_rgb[::-1]
    canvas[letterbox.pad_y : letterbox.pad_y + target[1], letterbox.pad_x : letterbox.pad_x + target[0]] = image
    planes = np.empty((1, 3, spec.input_height, spec.input_width), np.float32)
    for channel in range(3):
        plane = canvas[:, :, 2 - channel]
        np.subtract(plane, np.float32(spec.mean[channel]), out=planes[0, channel])
        planes[0, channel] *= np.float32(1 / spec.std[channel])
    return planes, letterbox
