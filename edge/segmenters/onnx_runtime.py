"""Runs an ONNX file with ONNX Runtime, on the CPU or on a GPU by one of its providers."""

from __future__ import annotations

import contextlib
from pathlib import Path

import onnxruntime

from edge.errors import BackendMissingError, ModelError
from edge.providers import OnnxRuntimeProvider
from edge.segmenters.onnx_file import check_tensors, first_line, raw_outputs, read_file, read_spec, useful_threads
from edge.segmenters.protocol import RawOutputs
from edge.types import Floats

EXECUTION_PROVIDERS: dict[OnnxRuntimeProvider, str] = {
    "cpu": "CPUExecutionProvider",
    "cuda": "CUDAExecutionProvider",
    "tensorrt": "TensorrtExecutionProvider",
}
"""ONNX Runtime's names."""
PREFERENCES: dict[OnnxRuntimeProvider, tuple[OnnxRuntimeProvider, ...]] = {
    "cpu": ("cpu",),
    "cuda": ("cuda", "cpu"),
    "tensorrt": ("tensorrt", "cuda", "cpu"),
}
"""What runs a node, best first: no GPU provider has all operators, and the rest of a graph must run somewhere."""

SILENT = 4
"""ONNX Runtime's log level: what it has to say comes as an exception too."""


class OnnxRuntimeSegmenter:
    """See `edge.segmenters.protocol.Segmenter`.

    Parameters
    ----------
    path : the model, with a ModelSpec in its metadata
    threads : threads for one layer; None takes the CPUs that this process may use, at most `MOST_THREADS`
    provider : "cpu", "cuda" or "tensorrt"; one that is not there or does not start is an error, never the CPU instead

    Raises
    ------
    BackendMissingError : the provider is not in this ONNX Runtime, or its libraries or GPU are missing
    ModelError : the file is missing, no ONNX model, without ModelSpec, quantised, or its tensors are not those of its
        ModelSpec
    """

    def __init__(self, path: Path, *, threads: int | None = None, provider: OnnxRuntimeProvider = "cpu") -> None:
        _check_provider(provider)
        data, self.sha256 = read_file(path)
        self.backend = f"onnxruntime-{provider}"
        session = _open_session(data, path, threads or useful_threads(), provider)
        self.spec = read_spec(session, path)
        check_tensors(session, self.spec, path)
        if self.spec.precision == "int8":
            raise ModelError(
                f"{path} is quantised for OpenVINO; run it with --provider openvino (with ONNX Runtime it would be "
                "slower than the float model)"
            )
        self._session: onnxruntime.InferenceSession | None = session
        self._outputs = [self.spec.boxes_name, self.spec.scores_name, self.spec.masks_name]

    def segment(self, tensor: Floats) -> RawOutputs:
        """Run the model; raises ModelError if it fails or puts out what its spec does not say."""
        if self._session is None:
            raise ModelError("the model was closed")
        try:
            boxes, scores, masks = self._session.run(self._outputs, {self.spec.input_name: tensor})
        except Exception as error:  # ONNX Runtime raises a dozen unrelated types
            raise ModelError(f"the model {self.spec.name} failed to run: {first_line(error)}") from error
        return raw_outputs(self.spec, boxes, scores, masks)

    def close(self) -> None:
        self._session = None


def _check_provider(provider: OnnxRuntimeProvider) -> None:
    available = onnxruntime.get_available_providers()
    if EXECUTION_PROVIDERS[provider] not in available:
        raise BackendMissingError(
            f"--provider {provider} needs ONNX Runtime's {EXECUTION_PROVIDERS[provider]} but ONNX Runtime "
            f"{onnxruntime.__version__} here has {', '.join(available)}; replace it by the build for GPUs "
            "(`pip uninstall onnxruntime; pip install onnxruntime-gpu`, on a Jetson NVIDIA's wheel) or leave "
            "--provider out"
        )


def _open_session(data: bytes, path: Path, threads: int, provider: OnnxRuntimeProvider) -> onnxruntime.InferenceSession:
    try:
        if provider == "cpu":
            session = _session(data, threads, provider)
        else:
            with contextlib.redirect_stdout(None):  # it prints what it does not find; what matters fails below
                _preload_cuda()
                session = _session(data, threads, provider)
    except Exception as error:  # ONNX Runtime raises a dozen unrelated types
        if provider != "cpu" and _runs_on_cpu(data):
            raise _not_started(path, provider, first_line(error)) from error
        raise ModelError(
            f"{path} is not a model that ONNX Runtime {onnxruntime.__version__} can load ({first_line(error)}); "
            "give a file written by `python -m export onnx`"
        ) from error
    if EXECUTION_PROVIDERS[provider] not in session.get_providers():
        raise _not_started(path, provider, f"it left all to {', '.join(session.get_providers())}")
    return session


def _session(data: bytes, threads: int, provider: OnnxRuntimeProvider) -> onnxruntime.InferenceSession:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.log_severity_level = SILENT
    available = onnxruntime.get_available_providers()
    wanted = [EXECUTION_PROVIDERS[one] for one in PREFERENCES[provider] if EXECUTION_PROVIDERS[one] in available]
    # Without the fallback, a provider that fails is an exception rather than a print and the CPU: here (ONNX Runtime
    # 1.18 does not know the argument and leaves the providers to tell), and in `run`.
    session = onnxruntime.InferenceSession(data, options, providers=wanted, enable_fallback=0)
    session.disable_fallback()
    return session


def _preload_cuda() -> None:
    """Load the CUDA libraries that pip installed, which nothing else would find; ONNX Runtime before 1.21 cannot."""
    if hasattr(onnxruntime, "preload_dlls"):
        onnxruntime.preload_dlls()


def _runs_on_cpu(data: bytes) -> bool:
    """Tells a provider that does not start from a file that is no model."""
    try:
        _session(data, 1, "cpu")
    except Exception:  # noqa: BLE001 - ONNX Runtime raises a dozen unrelated types
        return False
    return True


def _not_started(path: Path, provider: OnnxRuntimeProvider, why: str) -> BackendMissingError:
    return BackendMissingError(
        f"ONNX Runtime's {EXECUTION_PROVIDERS[provider]} is installed but did not start for {path} ({why}); check the "
        f"GPU with `nvidia-smi`, and install the CUDA, cuDNN and, for tensorrt, TensorRT libraries that ONNX Runtime "
        f"{onnxruntime.__version__} was built with"
    )
