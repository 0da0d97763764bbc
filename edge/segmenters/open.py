"""From a model file to the backend that runs it."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path

from edge.errors import ConfigurationError, ModelError
from edge.providers import Provider
from edge.segmenters.onnx_runtime import OnnxRuntimeSegmenter
from edge.segmenters.protocol import Segmenter

PACKAGED_MODEL = "leukocytemask-edge.onnx"


def packaged_model() -> Path:
    """The model that ships with the package; raises ModelError if it is not installed."""
    path = Path(str(files("edge") / "models" / PACKAGED_MODEL))
    if not path.is_file():
        raise ModelError(f"the packaged {PACKAGED_MODEL} is not installed; name a model with --model FILE.onnx")
    return path


def open_segmenter(
    path: Path | None = None,
    *,
    threads: int | None = None,
    provider: Provider | None = None,
    allow_unverified: bool = False,
) -> Segmenter:
    """Open a model by the suffix of its file; the packaged model if `path` is None.

    Parameters
    ----------
    threads : CPU threads for the network; None lets the backend choose
    provider : what runs an ONNX file: one of ONNX Runtime's providers or OpenVINO; None is ONNX Runtime's CPU
    allow_unverified : run an engine even if its acceptance report is missing or failed

    Raises
    ------
    ModelError : missing, unreadable, changed, unverified or not a model of this program
    BackendMissingError : what it needs (TensorRT, a GPU, OpenVINO, bfloat16, an ONNX Runtime with that provider) is not
        here
    ConfigurationError : `threads` or `provider` for an engine, which knows neither
    """
    if path is None:
        path = packaged_model()
    if path.suffix == ".engine":
        _check_engine_options(path, threads, provider)
        from edge.segmenters.tensorrt_engine import TensorRtSegmenter  # not at the top: few machines run engines

        return TensorRtSegmenter(path, allow_unverified=allow_unverified)
    if path.suffix != ".onnx":
        raise ModelError(f"{path} has the suffix '{path.suffix}'; expected a model file ending in .onnx or .engine")
    match provider:
        case "openvino" | "openvino-bf16":
            from edge.segmenters.openvino import OpenVinoSegmenter

            return OpenVinoSegmenter(path, threads=threads, bfloat16=provider == "openvino-bf16")
        case _:
            return OnnxRuntimeSegmenter(path, threads=threads, provider=provider or "cpu")


def _check_engine_options(path: Path, threads: int | None, provider: Provider | None) -> None:
    given = {"--threads": threads, "--provider": provider}
    wrong = [f"{option} {value}" for option, value in given.items() if value is not None]
    if wrong:
        raise ConfigurationError(
            f"{' and '.join(wrong)} cannot be used with {path}: an engine runs on TensorRT and the GPU it was built "
            "for; leave it out or give an ONNX file"
        )
