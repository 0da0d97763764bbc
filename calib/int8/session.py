"""A model in memory on ONNX Runtime's CPU backend, in the mode whose int8 sums are exact."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
from onnx import TensorProto, helper

from edge.errors import ModelError
from edge.segmenters.onnx_file import useful_threads
from edge.segmenters.onnx_runtime import SILENT
from edge.segmenters.protocol import RawOutputs
from edge.spec import ModelSpec
from edge.types import Floats

EXACT_KEY = "session.x64quantprecision"
"""onnxruntime_session_options_config_keys.h: on x86-64 without VNNI the fast products of int8 saturate at 16 bits."""
_BIAS_ROUNDING = "WeightBiasQuantization"
"""It rounds the biases of INT8 layers, which TensorRT keeps in floating point. Where scales are float16 it loses them:
the product of two scales underflows there (seen with 1.32: a quarter of the cells lost)."""


def load_model(path: Path) -> onnx.ModelProto:
    """Read an ONNX file; raises ModelError if it is none."""
    try:
        return onnx.load(str(path))
    except Exception as error:  # OSError, or one of protobuf's own
        raise ModelError(
            f"{path} cannot be read as an ONNX model; give a file written by `python -m export onnx`"
        ) from error


class Network:
    """A model that is ready to run; `exact` asks for the exact int8 sums. Raises ModelError if it cannot be loaded."""

    def __init__(self, model: onnx.ModelProto, *, threads: int | None = None, exact: bool = False) -> None:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads or useful_threads()
        options.inter_op_num_threads = 1
        options.log_severity_level = SILENT
        if exact:
            options.add_session_config_entry(EXACT_KEY, "1")
        try:
            self._session = onnxruntime.InferenceSession(
                model.SerializeToString(),
                options,
                providers=["CPUExecutionProvider"],
                disabled_optimizers=[_BIAS_ROUNDING],
            )
        except Exception as error:  # ONNX Runtime raises a dozen unrelated types
            raise ModelError(
                f"ONNX Runtime {onnxruntime.__version__} cannot load the model ({_line(error)})"
            ) from error

    def run(self, outputs: Sequence[str], feeds: dict[str, Floats]) -> list[Any]:
        """The outputs of one run; raises ModelError if it fails."""
        try:
            return list(self._session.run(list(outputs), feeds))
        except Exception as error:  # as above
            raise ModelError(f"the model failed to run ({_line(error)})") from error

    def segment(self, tensor: Floats, spec: ModelSpec) -> RawOutputs:
        """One picture, as `Segmenter.segment` gives it."""
        names = [spec.boxes_name, spec.scores_name, spec.masks_name]
        boxes, scores, masks = self.run(names, {spec.input_name: tensor})
        kept = scores >= spec.score_floor
        return RawOutputs(boxes=boxes[kept], scores=scores[kept], masks=masks[kept])


def int8_mode() -> str:
    """How INT8 is run here, in words for the reports; says so where the sums are not exact.

    Without `_BIAS_ROUNDING`, ONNX Runtime merges only layers without a bias into integer products; the others read
    dequantised int8 values, whose products float32 sums to within its rounding.
    """
    exact = sums_are_exact(Network(_probe(), threads=1, exact=True))
    verdict = "its sums are exact here" if exact else "NOT exact: this ONNX Runtime ignores it and int8 sums saturate"
    return (
        f"onnxruntime {onnxruntime.__version__} cpu, {EXACT_KEY}=1 ({verdict}); "
        "layers with a bias multiply their int8 values in float32"
    )


def sums_are_exact(network: Network) -> bool:
    """Run the probe: 64 products of the largest int8 with itself, whose pairs overflow 16 bits once one is unsigned."""
    (found,) = network.run(["sum"], {"ones": np.ones((1, _PROBE_CHANNELS, 4, 4), np.float32)})
    return bool(np.allclose(found, _PROBE_CHANNELS, rtol=0.01))


_PROBE_CHANNELS = 64


def _probe() -> onnx.ModelProto:
    """A quantised 1x1 convolution of ones, all scales 1/127, that sums its channels."""
    node = helper.make_node
    nodes = [
        node("QuantizeLinear", ["ones", "scale", "zero"], ["ones_q"]),
        node("DequantizeLinear", ["ones_q", "scale", "zero"], ["ones_dq"]),
        node("DequantizeLinear", ["weights", "scale", "zero"], ["weights_dq"]),
        node("Conv", ["ones_dq", "weights_dq"], ["raw"], kernel_shape=[1, 1]),
        node("QuantizeLinear", ["raw", "sum_scale", "zero"], ["sum_q"]),
        node("DequantizeLinear", ["sum_q", "sum_scale", "zero"], ["sum"]),
    ]
    tensor, channels = onnx.numpy_helper.from_array, _PROBE_CHANNELS
    constants = [
        tensor(np.array(1 / 127, np.float32), "scale"),
        tensor(np.array(channels / 127, np.float32), "sum_scale"),
        tensor(np.array(0, np.int8), "zero"),
        tensor(np.full((channels, channels, 1, 1), 127, np.int8), "weights"),
    ]
    shape = [1, channels, 4, 4]
    graph = helper.make_graph(
        nodes,
        "probe",
        [helper.make_tensor_value_info("ones", TensorProto.FLOAT, shape)],
        [helper.make_tensor_value_info("sum", TensorProto.FLOAT, shape)],
        constants,
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)


def _line(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0]
