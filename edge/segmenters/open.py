"""From a model file to the backend that runs it."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path

from edge.errors import BackendMissingError, ModelError
from edge.segmenters.onnx_runtime import OnnxRuntimeSegmenter
from edge.segmenters.protocol import Segmenter

PACKAGED_MODEL = "leukocytemask-edge.onnx"


def packaged_model() -> Path:
    """The model that ships with the package; raises ModelError if it is not installed."""
    path = Path(str(files("edge") / "models" / PACKAGED_MODEL))
    if not path.is_file():
        raise ModelError(f"the packaged {PACKAGED_MODEL} is not installed; name a model with --model FILE.onnx")
    return path


def open_segmenter(path: Path | None = None, *, threads: int | None = None) -> Segmenter:
    """Open a model by the suffix of its file; the packaged model if `path` is None.

    Parameters
    ----------
    threads : CPU threads for the network; None lets the backend choose

    Raises
    ------
    ModelError : missing, unreadable or not a model of this program
    BackendMissingError : a kind of model that this version cannot run
    """
    if path is None:
        path = packaged_model()
    if path.suffix == ".engine":
        raise BackendMissingError(
            f"{path} is a TensorRT engine, which this version cannot run; give the ONNX file that it was built from"
        )
    if path.suffix != ".onnx":
        raise ModelError(f"{path} has the suffix '{path.suffix}'; expected a model file ending in .onnx")
    return OnnxRuntimeSegmenter(path, threads=threads)
