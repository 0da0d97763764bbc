"""What is compared with a sidecar before anything of an engine is loaded."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from edge.errors import ModelError
from edge.segmenters.sidecar import EngineSidecar, Flavour, Sha256, rebuild_command
from edge.spec import ModelSpec

RTX_DEFAULT = "80+"
"""What TensorRT-RTX builds for if it is not told: compute capability 8.0 and newer (NVIDIA, "CPU-Only AOT")."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineFacts:
    """What there is, gathered step by step: files first, the library next, the GPU last.

    Attributes
    ----------
    plan_sha256 : hash of the engine file
    plugin_sha256 : hash of the plugin library beside it; None if the file is missing
    flavour, tensorrt : the library that was imported and its full version; None: not looked at yet
    sm, gpu : compute capability, e.g. "87", and name of the GPU; None: not looked at yet
    """

    plan_sha256: Sha256
    plugin_sha256: Sha256 | None
    flavour: Flavour | None = None
    tensorrt: str | None = None
    sm: str | None = None
    gpu: str | None = None


def check_sidecar(sidecar: EngineSidecar, facts: EngineFacts, engine: Path) -> None:
    """Raises ModelError, one sentence with every mismatch and the command that mends it, unless the engine fits.

    A pure function of its arguments. What `facts` leaves open (None) is not compared, except for the plugin.
    """
    faults = [
        *_file_faults(sidecar, facts),
        *_tensor_faults(sidecar),
        *_library_faults(sidecar, facts),
        *_gpu_faults(sidecar, facts),
    ]
    if faults:
        raise ModelError(
            f"{engine} cannot run here: {'; '.join(faults)}; build it again on this machine with "
            f"`{rebuild_command(engine, sidecar)}`"
        )


def expected_tensors(spec: ModelSpec) -> dict[str, tuple[str, tuple[int, ...]]]:
    """Role and shape by name of the engine's tensors, all float32."""
    slots, size = spec.slots, spec.mask_size
    return {
        spec.input_name: ("input", (1, 3, spec.input_height, spec.input_width)),
        spec.boxes_name: ("output", (slots, 4)),
        spec.scores_name: ("output", (slots,)),
        spec.masks_name: ("output", (slots, size, size)),
    }


def serves(sidecar: EngineSidecar, sm: str) -> bool:
    """Whether the builder was told to serve the compute capability `sm`, e.g. "87"."""
    return any(int(sm) >= int(one[:-1]) if one.endswith("+") else sm == one for one in _targets(sidecar))


def _targets(sidecar: EngineSidecar) -> tuple[str, ...]:
    if sidecar.runs_on:
        return sidecar.runs_on
    if sidecar.sm is not None:
        return (sidecar.sm,)
    return (RTX_DEFAULT,) if sidecar.flavour == "tensorrt-rtx" else ()


def _file_faults(sidecar: EngineSidecar, facts: EngineFacts) -> Iterator[str]:
    if facts.plan_sha256 != sidecar.plan_sha256:
        yield "the file is not the one that its sidecar describes (its SHA-256 differs)"
    if sidecar.plugin is None:
        if sidecar.roi_align == "plugin":
            yield "its sidecar asks for the plugin but names no file of it"
    elif facts.plugin_sha256 is None:
        yield f"the plugin library {sidecar.plugin.file} is missing beside it"
    elif facts.plugin_sha256 != sidecar.plugin.sha256:
        yield f"the plugin library {sidecar.plugin.file} is not the one that it was built with (its SHA-256 differs)"


def _tensor_faults(sidecar: EngineSidecar) -> Iterator[str]:
    if sidecar.spec.precision != sidecar.precision:
        yield f"its sidecar says {sidecar.precision} but its model's description {sidecar.spec.precision}"
    found = {tensor.name: (tensor.role, tensor.dtype, tensor.shape) for tensor in sidecar.tensors}
    expected = {name: (role, "float32", shape) for name, (role, shape) in expected_tensors(sidecar.spec).items()}
    for name in sorted({*found, *expected}):
        if found.get(name) != expected.get(name):
            yield f"its tensor '{name}' is {_words(found.get(name))} where the model has {_words(expected.get(name))}"


def _words(tensor: tuple[str, str, tuple[int, ...]] | None) -> str:
    return "absent" if tensor is None else f"{tensor[0]} {tensor[1]} {list(tensor[2])}"


def _library_faults(sidecar: EngineSidecar, facts: EngineFacts) -> Iterator[str]:
    """A plan runs on the exact version that built it, of TensorRT (no version-compatible build) as of TensorRT-RTX."""
    if facts.flavour is not None and facts.flavour != sidecar.flavour:
        yield f"it was built by {sidecar.flavour} but this is {facts.flavour}"
    elif facts.tensorrt is not None and facts.tensorrt != sidecar.tensorrt:
        yield f"it was built by {sidecar.flavour} {sidecar.tensorrt} but this machine has {facts.tensorrt}"


def _gpu_faults(sidecar: EngineSidecar, facts: EngineFacts) -> Iterator[str]:
    if facts.sm is not None and not serves(sidecar, facts.sm):
        built_for = ", ".join(_targets(sidecar)) or "an unknown one"
        yield f"it was built for SM {built_for} but {facts.gpu or 'the GPU here'} has SM {facts.sm}"
