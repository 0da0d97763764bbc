"""The file that calibration hands to the engine builder."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import msgspec
import onnx

from calib.int8.amax import Method
from calib.int8.fingerprint import fingerprint
from calib.int8.qdq import activation_tensors
from edge.errors import ModelError
from edge.segmenters.sealed_json import read_sealed, write_sealed

RANGES_VERSION = 1
MEND = "take the ranges again with `python -m calib int8 MODEL.onnx IMAGES --out ranges.json`"

Positive = Annotated[float, msgspec.Meta(gt=0)]


class TensorRange(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How far |x| of one tensor reaches, by each method (`calib.int8.amax`); `count` values were seen."""

    count: int
    max: Positive
    percentile: Positive
    entropy: Positive

    def amax(self, method: Method) -> float:
        return {"max": self.max, "percentile": self.percentile, "entropy": self.entropy}[method]


class PictureSet(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The pictures of one part: their number, the SHA-256 over the sorted SHA-256 of the files, those without cells."""

    count: int
    sha256: str
    empty: int


class MethodFigures(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """INT8 against FP32 on the held-back pictures, at the model's own threshold.

    Attributes
    ----------
    cells : cells that FP32 finds
    lost, invented : cells that only FP32, only INT8 finds (mask IoU below 0.5)
    mean_iou : mask IoU of the cells that both find, at the pictures' own resolution; None if there is none
    """

    method: Method
    cells: int
    lost: int
    invented: int
    mean_iou: float | None

    @property
    def recall(self) -> float:
        return 1 - self.lost / self.cells if self.cells else 0.0


class CalibrationRanges(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Ranges of one model's activations.

    Attributes
    ----------
    model_name, model_sha256 : of the ONNX file that was observed
    fingerprint : see `calib.int8.fingerprint`, over the tensors of `tensors`
    method : the one whose ranges are to be used
    tensors : by name
    calibration, held_back : the pictures that set the ranges and those that judged them
    seed : of the selection
    int8_mode : how INT8 was run for `figures`
    program, created : versions; UTC, ISO 8601
    """

    model_name: str
    model_sha256: str
    fingerprint: str
    method: Method
    tensors: dict[str, TensorRange]
    calibration: PictureSet
    held_back: PictureSet
    seed: int
    int8_mode: str
    figures: tuple[MethodFigures, ...]
    program: str
    created: str
    version: int = RANGES_VERSION

    def amax(self, method: Method | None = None) -> dict[str, float]:
        """Range of each tensor, by the chosen method or another one: what `calib.int8.qdq.insert_qdq` takes."""
        return {name: item.amax(method or self.method) for name, item in self.tensors.items()}


def write_ranges(ranges: CalibrationRanges, path: Path) -> None:
    """Write the file whole or not at all; raises ModelError if it cannot be written."""
    write_sealed(path, ranges)


def read_ranges(path: Path) -> CalibrationRanges:
    """Read what `write_ranges` wrote; raises ModelError if it is missing, edited or of another version."""
    return read_sealed(path, CalibrationRanges, RANGES_VERSION, MEND)


def check_ranges(ranges: CalibrationRanges, model: onnx.ModelProto) -> None:
    """Raise ModelError unless the ranges were taken from this very network and cover it.

    Parameters
    ----------
    model : as exported, before Q/DQ pairs or anything else is put into it; with or without its functions' bodies
    """
    needed = activation_tensors(model)
    missing = [name for name in needed if name not in ranges.tensors]
    if missing:
        raise ModelError(
            f"the ranges of {ranges.model_name} lack {len(missing)} of the {len(needed)} tensors that this model "
            f"needs, the first is '{missing[0]}'; {MEND}"
        )
    if fingerprint(model, list(ranges.tensors)) != ranges.fingerprint:
        raise ModelError(
            f"the ranges were taken from another model ({ranges.model_name}, file {ranges.model_sha256[:12]}...) whose "
            f"weights or layers differ from this one's; {MEND}"
        )
