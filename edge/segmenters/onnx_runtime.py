"""Runs an ONNX file on the CPU with ONNX Runtime."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

import onnxruntime

from edge.errors import ModelError
from edge.segmenters.protocol import RawOutputs
from edge.spec import METADATA_KEY, ModelSpec
from edge.types import Floats

MOST_THREADS = 8
"""Beyond it, the layers of so small a network are too short to be worth sharing."""
SILENT = 4
"""ONNX Runtime's log level: what it has to say comes as an exception too."""


class OnnxRuntimeSegmenter:
    """See `edge.segmenters.protocol.Segmenter`.

    Parameters
    ----------
    path : the model, with a ModelSpec in its metadata
    threads : threads for one layer; None takes the CPUs that this process may use, at most `MOST_THREADS`

    Raises
    ------
    ModelError : the file is missing, no ONNX model, without ModelSpec, or its tensors are not those of its ModelSpec
    """

    backend = "onnxruntime-cpu"

    def __init__(self, path: Path, *, threads: int | None = None) -> None:
        try:
            data = path.read_bytes()
        except OSError as error:
            raise ModelError(f"{path} cannot be read ({error.strerror}); give the path of an ONNX file") from error
        self.sha256 = hashlib.sha256(data).hexdigest()
        session = _open_session(data, path, threads or min(usable_cpus(), MOST_THREADS))
        self.spec = _read_spec(session, path)
        _check_tensors(session, self.spec, path)
        self._session: onnxruntime.InferenceSession | None = session
        self._outputs = [self.spec.boxes_name, self.spec.scores_name, self.spec.masks_name]

    def segment(self, tensor: Floats) -> RawOutputs:
        """Run the model; raises ModelError if it fails or puts out what its spec does not say."""
        if self._session is None:
            raise ModelError("the model was closed")
        try:
            boxes, scores, masks = self._session.run(self._outputs, {self.spec.input_name: tensor})
        except Exception as error:  # ONNX Runtime raises a dozen unrelated types
            raise ModelError(f"the model {self.spec.name} failed to run: {_first_line(error)}") from error
        cells, size = len(scores), self.spec.mask_size
        if boxes.shape != (cells, 4) or masks.shape != (cells, size, size) or cells > self.spec.slots:
            raise ModelError(
                f"the model {self.spec.name} put out boxes {boxes.shape}, scores {scores.shape}, masks {masks.shape}; "
                f"expected [N, 4], [N] and [N, {size}, {size}] with N at most {self.spec.slots}; export it again"
            )
        return RawOutputs(boxes=boxes, scores=scores, masks=masks)

    def close(self) -> None:
        self._session = None


def usable_cpus() -> int:
    """CPUs that this process may run on (fewer than the machine's in a container or under taskset)."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _open_session(data: bytes, path: Path, threads: int) -> onnxruntime.InferenceSession:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.log_severity_level = SILENT
    try:
        return onnxruntime.InferenceSession(data, options, providers=["CPUExecutionProvider"])
    except Exception as error:  # ONNX Runtime raises a dozen unrelated types
        raise ModelError(
            f"{path} is not a model that ONNX Runtime {onnxruntime.__version__} can load ({_first_line(error)}); "
            "give a file written by `python -m export onnx`"
        ) from error


def _read_spec(session: onnxruntime.InferenceSession, path: Path) -> ModelSpec:
    text = session.get_modelmeta().custom_metadata_map.get(METADATA_KEY)
    if text is None:
        raise ModelError(
            f"{path} is an ONNX model but says nothing of itself under '{METADATA_KEY}'; "
            "give a file written by `python -m export onnx`"
        )
    return ModelSpec.from_json(text)


def _check_tensors(session: onnxruntime.InferenceSession, spec: ModelSpec, path: Path) -> None:
    """Compare the graph with what the spec says of it; sizes that the graph leaves open pass."""
    size = spec.mask_size
    expected = {
        spec.input_name: (1, 3, spec.input_height, spec.input_width),
        spec.boxes_name: (None, 4),
        spec.scores_name: (None,),
        spec.masks_name: (None, size, size),
    }
    found = {item.name: item for item in (*session.get_inputs(), *session.get_outputs())}
    faults = []
    for name, shape in expected.items():
        if name not in found:
            faults.append(f"no tensor '{name}'")
        elif found[name].type != "tensor(float)" or not _fits(found[name].shape, shape):
            faults.append(f"'{name}' is {found[name].type} {found[name].shape} instead of tensor(float) {list(shape)}")
    if [item.name for item in session.get_inputs()] != [spec.input_name]:
        faults.append(f"its inputs are {[item.name for item in session.get_inputs()]}")
    if faults:
        raise ModelError(f"{path} does not match its own description ({'; '.join(faults)}); export the model again")


def _fits(found: list[int | str | None], expected: tuple[int | None, ...]) -> bool:
    return len(found) == len(expected) and all(
        want is None or not isinstance(have, int) or have == want for have, want in zip(found, expected, strict=True)
    )


def _first_line(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0]
