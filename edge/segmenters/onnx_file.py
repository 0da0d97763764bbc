"""What an ONNX file of this program is, whatever runs it."""

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


def read_file(path: Path) -> tuple[bytes, str]:
    """The file and its SHA-256 in hexadecimal; raises ModelError if it cannot be read."""
    try:
        data = path.read_bytes()
    except OSError as error:
        raise ModelError(f"{path} cannot be read ({error.strerror}); give the path of an ONNX file") from error
    return data, hashlib.sha256(data).hexdigest()


def read_spec(session: onnxruntime.InferenceSession, path: Path) -> ModelSpec:
    """What the model says of itself; raises ModelError if it says nothing."""
    text = session.get_modelmeta().custom_metadata_map.get(METADATA_KEY)
    if text is None:
        raise ModelError(
            f"{path} is an ONNX model but says nothing of itself under '{METADATA_KEY}'; "
            "give a file written by `python -m export onnx`"
        )
    return ModelSpec.from_json(text)


def check_tensors(session: onnxruntime.InferenceSession, spec: ModelSpec, path: Path) -> None:
    """Compare the graph with what the spec says of it; sizes that the graph leaves open pass.

    Raises ModelError naming every difference.
    """
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


def raw_outputs(spec: ModelSpec, boxes: Floats, scores: Floats, masks: Floats) -> RawOutputs:
    """The model's outputs; raises ModelError if their shapes are not what its spec says."""
    cells, size = len(scores), spec.mask_size
    if boxes.shape != (cells, 4) or masks.shape != (cells, size, size) or cells > spec.slots:
        raise ModelError(
            f"the model {spec.name} put out boxes {boxes.shape}, scores {scores.shape}, masks {masks.shape}; "
            f"expected [N, 4], [N] and [N, {size}, {size}] with N at most {spec.slots}; export it again"
        )
    return RawOutputs(boxes=boxes, scores=scores, masks=masks)


def usable_cpus() -> int:
    """CPUs that this process may run on (fewer than the machine's in a container or under taskset)."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def useful_threads() -> int:
    """Threads for one layer where the user does not say."""
    return min(usable_cpus(), MOST_THREADS)


def first_line(error: Exception) -> str:
    """What an exception says, as far as one sentence can take it."""
    return (str(error).strip().splitlines() or [type(error).__name__])[0]
