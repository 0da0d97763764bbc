"""Ranges for tests of engine building: what a few pictures show, sealed as calibration seals them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import onnxruntime
from numpy.typing import NDArray

from calib.int8.fingerprint import fingerprint
from calib.int8.qdq import activation_tensors
from calib.int8.ranges import CalibrationRanges, PictureSet, TensorRange, write_ranges


def observe_largest(model: onnx.ModelProto, tensors: list[NDArray[np.float32]]) -> dict[str, float]:
    """The largest magnitude of each tensor that INT8 needs to know."""
    names = list(activation_tensors(model))
    shown = onnx.ModelProto.FromString(model.SerializeToString())
    shown.graph.output.extend(onnx.helper.make_empty_tensor_value_info(name) for name in names)
    session = onnxruntime.InferenceSession(shown.SerializeToString(), providers=["CPUExecutionProvider"])
    seen = [session.run(names, {"image": tensor}) for tensor in tensors]
    return {name: max(float(np.abs(values[i]).max()) for values in seen) for i, name in enumerate(names)}


def write_some_ranges(path: Path, model: onnx.ModelProto, amax: dict[str, float]) -> Path:
    """A file of ranges that belongs to the model."""
    nothing = PictureSet(count=0, sha256="", empty=0)
    ranges = CalibrationRanges(
        model_name="test",
        model_sha256="",
        fingerprint=fingerprint(model, list(amax)),
        method="max",
        tensors={name: TensorRange(count=1, max=a, percentile=a, entropy=a) for name, a in amax.items()},
        calibration=nothing,
        held_back=nothing,
        seed=0,
        int8_mode="",
        figures=(),
        program="",
        created="",
    )
    write_ranges(ranges, path)
    return path
