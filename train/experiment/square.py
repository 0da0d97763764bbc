"""Pictures of any shape as the square input of a network, and maps of that square back at the picture's own size."""

from __future__ import annotations

import math
from dataclasses import dataclass

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from edge.geometry import Letterbox, fit_letterbox
from edge.types import Floats, Image
from train.data.augment import Example
from train.data.sample import LoadedSample
from train.model.config import PAPER


@dataclass(frozen=True, slots=True, kw_only=True)
class SquarePicture:
    """uint8 BGR [side, side, 3] and how the source picture lies in it."""

    image: Image
    letterbox: Letterbox


def to_square(image: Image, side: int) -> SquarePicture:
    """Resize a picture [H, W, 3] so that it just fits; beyond a picture that is not square lies its border's colour."""
    height, width = image.shape[:2]
    letterbox = fit_letterbox(width, height, side, side, math.inf)
    canvas = np.empty((side, side, 3), np.uint8)
    canvas[:] = border_colour(image)
    canvas[_window(letterbox)] = _resize(image, letterbox)
    return SquarePicture(image=canvas, letterbox=letterbox)


def to_square_example(sample: LoadedSample, side: int) -> Example:
    """A labelled picture as a square one, with a soft mask uint8 [side, side] for each of its cells."""
    square = to_square(sample.image, side)
    masks = []
    for number in range(1, int(sample.instances.max(initial=0)) + 1):
        mask = np.zeros((side, side), np.uint8)
        cell = (sample.instances == number) * np.uint8(255)
        mask[_window(square.letterbox)] = _resize(cell, square.letterbox)
        masks.append(mask)
    return Example(image=square.image, masks=masks)


def from_square(values: Floats, letterbox: Letterbox) -> Floats:
    """A map float32 [side, side] of the square, resampled at the source picture's own pixels [H, W]."""
    inside = np.ascontiguousarray(values[_window(letterbox)], np.float32)
    size = (letterbox.source_width, letterbox.source_height)
    return np.asarray(cv2.resize(inside, size, interpolation=cv2.INTER_LINEAR), np.float32)


def border_colour(image: Image) -> NDArray[np.float64]:
    """BGR [3]: the median of the outermost pixels."""
    edges = np.concatenate([image[0], image[-1], image[:, 0], image[:, -1]])
    return np.asarray(np.median(edges, axis=0), np.float64)


def to_bytes(images: list[Image]) -> Tensor:
    """Square pictures BGR -> uint8 RGB [B, 3, side, side]."""
    planes = np.stack([image[:, :, ::-1].transpose(2, 0, 1) for image in images])
    return torch.from_numpy(np.ascontiguousarray(planes))


def normalise(images: Tensor) -> Tensor:
    """uint8 RGB [B, 3, H, W] -> network input float32, channels last, on the same device; all methods see the same."""
    mean, std = (torch.tensor(v, device=images.device).reshape(1, 3, 1, 1) for v in (PAPER.mean, PAPER.std))
    return ((images.float() - mean) / std).contiguous(memory_format=torch.channels_last)


def _resize(pixels: NDArray, letterbox: Letterbox) -> NDArray:
    rows, columns = _window(letterbox)
    size = (columns.stop - columns.start, rows.stop - rows.start)
    shrinking = letterbox.scale_x < 1
    return np.asarray(cv2.resize(pixels, size, interpolation=cv2.INTER_AREA if shrinking else cv2.INTER_LINEAR))


def _window(letterbox: Letterbox) -> tuple[slice, slice]:
    width = round(letterbox.source_width * letterbox.scale_x)
    height = round(letterbox.source_height * letterbox.scale_y)
    rows = slice(letterbox.pad_y, letterbox.pad_y + height)
    return rows, slice(letterbox.pad_x, letterbox.pad_x + width)
