"""Runs an ONNX file with OpenVINO on the CPU."""

from __future__ import annotations

import logging
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime

from edge.errors import BackendMissingError, DiskFullError, EdgeError, ModelError
from edge.segmenters.onnx_file import check_tensors, first_line, raw_outputs, read_file, read_spec, useful_threads
from edge.segmenters.onnx_runtime import SILENT
from edge.segmenters.protocol import RawOutputs
from edge.types import Floats

log = logging.getLogger(__name__)

_CPU_FACTS = Path("/proc/cpuinfo")
_INT8_FLAGS = ("vnni", "asimddp", "i8mm")
"""What Linux calls 32-bit sums of int8 products on x86-64 and aarch64."""
_SETTINGS = {
    "PERFORMANCE_HINT": "LATENCY",
    "ENABLE_CPU_PINNING": False,  # the camera loop's other threads need CPUs too
}


class OpenVinoSegmenter:
    """See `edge.segmenters.protocol.Segmenter`.

    Parameters
    ----------
    path : the model, with a ModelSpec in its metadata
    threads : threads for one layer; None takes the CPUs that this process may use, at most `MOST_THREADS`
    bfloat16 : compute in it what is not INT8. It is asked for, never the default, although OpenVINO would take it
        wherever the CPU has it: the same slide must not give other numbers on another machine

    Raises
    ------
    BackendMissingError : OpenVINO is not installed, or the CPU has no bfloat16
    DiskFullError : the temporary folder cannot be written to
    ModelError : the file is missing, no ONNX model, without ModelSpec, or its tensors are not those of its ModelSpec
    """

    def __init__(self, path: Path, *, threads: int | None = None, bfloat16: bool = False) -> None:
        openvino = _import_openvino()
        self.backend = "openvino-cpu-bf16" if bfloat16 else "openvino-cpu"
        data, self.sha256 = read_file(path)
        try:
            with tempfile.TemporaryDirectory(prefix="leukoedge-") as folder:
                inlined = Path(folder) / "inlined.onnx"
                session = _inline(data, inlined)
                self.spec = read_spec(session, path)
                check_tensors(session, self.spec, path)
                core = openvino.Core()
                if bfloat16 and "BF16" not in core.get_property("CPU", "OPTIMIZATION_CAPABILITIES"):
                    raise BackendMissingError(
                        "--provider openvino-bf16 needs a CPU with bfloat16 (on x86-64 AVX512_BF16 or AMX), which this "
                        "one lacks; use --provider openvino"
                    )
                settings = _SETTINGS | {
                    "INFERENCE_PRECISION_HINT": "bf16" if bfloat16 else "f32",
                    "INFERENCE_NUM_THREADS": threads or useful_threads(),
                }
                self._request: Any = core.compile_model(inlined, "CPU", settings).create_infer_request()
            if self.spec.precision == "int8":
                _warn_without_int8()
        except EdgeError:
            raise
        except OSError as error:
            raise DiskFullError(
                f"the temporary folder {tempfile.gettempdir()}, which OpenVINO reads the model from, cannot be used "
                f"({error.strerror or error}); make room there or set TMPDIR"
            ) from error
        except Exception as error:  # ONNX Runtime and OpenVINO raise many unrelated types
            raise ModelError(
                f"{path} is not a model that OpenVINO {openvino.__version__} can load ({first_line(error)}); give a "
                "file written by `python -m export onnx`, or leave --provider out"
            ) from error

    def segment(self, tensor: Floats) -> RawOutputs:
        """Run the model; raises ModelError if it fails or puts out what its spec does not say."""
        if self._request is None:
            raise ModelError("the model was closed")
        names = (self.spec.boxes_name, self.spec.scores_name, self.spec.masks_name)
        try:
            self._request.infer({self.spec.input_name: tensor})
            # the next frame overwrites OpenVINO's tensors
            boxes, scores, masks = (np.array(self._request.get_tensor(name).data) for name in names)
        except Exception as error:
            raise ModelError(f"the model {self.spec.name} failed to run: {first_line(error)}") from error
        return raw_outputs(self.spec, boxes, scores, masks)

    def close(self) -> None:
        self._request = None


def _import_openvino() -> Any:
    try:
        import openvino
    except ImportError as error:
        raise BackendMissingError(
            f"--provider openvino needs OpenVINO ({error}); install it with `pip install 'leukoedge[openvino]'` or "
            "leave --provider out"
        ) from error
    return openvino


def _warn_without_int8() -> None:
    try:
        facts = _CPU_FACTS.read_text(encoding="utf-8", errors="replace")
    except OSError:  # not Linux: nobody knows
        return
    if not any(flag in facts for flag in _INT8_FLAGS):
        log.warning(
            "this CPU has no VNNI: INT8 is no faster here and its sums may saturate; run the float model instead"
        )


def _inline(data: bytes, path: Path) -> onnxruntime.InferenceSession:
    """Write the model with its own nodes replaced by their definitions, which OpenVINO does not do itself."""
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    options.optimized_model_filepath = str(path)
    options.log_severity_level = SILENT  # a warning that the file is for this machine's CPU, which it is
    return onnxruntime.InferenceSession(data, options, providers=["CPUExecutionProvider"])
