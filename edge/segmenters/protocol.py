"""What every backend offers to the loop."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from edge.spec import ModelSpec
from edge.types import Floats


@dataclass(frozen=True, slots=True, kw_only=True)
class RawOutputs:
    """What a model puts out for one frame, in network pixels, N <= slots, best score first.

    Attributes
    ----------
    boxes : float32 [N, 4]
    scores : float32 [N], all at or above the spec's score floor
    masks : float32 [N, m, m] in [0, 1], each over its box grown by the spec's mask margin
    """

    boxes: Floats
    scores: Floats
    masks: Floats


class Segmenter(Protocol):
    """Runs one model. Opened, used and closed by one thread."""

    spec: ModelSpec
    backend: str
    """e.g. "onnxruntime-cpu"; published with every result."""
    sha256: str
    """Hash of the model file, hexadecimal."""

    def segment(self, tensor: Floats) -> RawOutputs:
        """Run the model on one input [1, 3, H, W] (see `edge.preprocess`)."""
        ...

    def close(self) -> None:
        """Free the backend's resources; safe to call twice."""
        ...
