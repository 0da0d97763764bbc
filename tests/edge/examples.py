"""Frames, models and cameras that several tests of the runtime share."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence

import numpy as np

from edge.errors import EdgeError
from edge.segmenters import RawOutputs
from edge.types import Floats, Frame, Image, Instances
from tests.tiny_model import MASK, SPEC


def smear(dark_tiles: Sequence[tuple[int, int]] = (), seed: int = 0) -> Image:
    """A bright textured picture of the tiny model's input size, with dark tiles at (column, row)."""
    rng = np.random.default_rng(seed)
    coarse = rng.normal(200, 25, (12, 16, 3)).repeat(8, axis=0).repeat(8, axis=1)
    image = np.clip(coarse, 140, 250).astype(np.uint8)
    for column, row in dark_tiles:
        image[32 * row : 32 * row + 32, 32 * column : 32 * column + 32] = 30
    return image


def frame(index: int = 0, image: Image | None = None, capture_mono_ns: int = 0) -> Frame:
    return Frame(
        image=smear() if image is None else image,
        index=index,
        source=f"{index}.jpg",
        capture_t_ns=0,
        capture_mono_ns=capture_mono_ns,
    )


def instances(boxes: Sequence[Sequence[float]], truncated: bool = False) -> Instances:
    array = np.array(boxes, np.float32).reshape(-1, 4)
    return Instances(
        boxes=array,
        scores=np.full(len(array), 0.9, np.float32),
        labels=np.zeros(len(array), np.int32),
        masks=np.ones((len(array), MASK, MASK), np.float32),
        mask_boxes=array,
        truncated=truncated,
    )


def outputs(boxes: Sequence[Sequence[float]], scores: Sequence[float]) -> RawOutputs:
    array = np.array(boxes, np.float32).reshape(-1, 4)
    return RawOutputs(
        boxes=array, scores=np.array(scores, np.float32), masks=np.ones((len(array), MASK, MASK), np.float32)
    )


class ScriptedCamera:
    """Delivers frames as a test says: `go` lets the next one out (all of them if `free`); may end with an error."""

    name = "scripted"
    negotiated = "scripted"

    def __init__(self, count: int, *, live: bool = False, free: bool = True, error: EdgeError | None = None) -> None:
        self.live = live
        self.failed = 0
        self.delivered = 0
        self.closed = threading.Event()
        self.go = threading.Semaphore(0)
        self._count = count
        self._free = free
        self._error = error

    def frames(self) -> Iterator[Frame]:
        for index in range(self._count):
            while not self._free and not self.go.acquire(timeout=0.01):
                if self.closed.is_set():
                    return
            if self.closed.is_set():
                return
            self.delivered += 1
            yield frame(index)
        if self._error is not None:
            raise self._error

    def close(self) -> None:
        self.closed.set()


class FixedSegmenter:
    """Puts out the same cells for each frame."""

    spec = SPEC
    backend = "fixed"
    sha256 = "0" * 64

    def __init__(self, raw: RawOutputs) -> None:
        self._raw = raw
        self.tensors = 0

    def segment(self, tensor: Floats) -> RawOutputs:
        self.tensors += 1
        return self._raw

    def close(self) -> None:
        """Nothing to free."""
