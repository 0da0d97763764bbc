"""The sidecar of an engine: what `x.engine.json` says of `x.engine`, so that nothing is loaded on trust."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Literal

import msgspec

from edge.errors import ModelError
from edge.segmenters.sealed_json import read_sealed, write_sealed
from edge.spec import SPEC_VERSION, ModelSpec

SIDECAR_VERSION = 1

Flavour = Literal["tensorrt", "tensorrt-rtx"]
Precision = Literal["fp32", "fp16", "int8"]
Sha256 = str
"""SHA-256 of a whole file, hexadecimal."""


class EngineTensor(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One input or output: `dtype` by its NumPy name, e.g. "float32"; static shape."""

    name: str
    role: Literal["input", "output"]
    dtype: str
    shape: tuple[int, ...]


class PluginFile(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The plugin library that the plan needs: its file name, in the engine's folder, and hash."""

    file: str
    sha256: Sha256


class EngineSidecar(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Everything that decides whether a plan may be loaded here, and what it computes.

    Attributes
    ----------
    flavour : the library that built the plan and that must run it
    tensorrt : its full version, e.g. "10.3.0.30"
    cuda : newest CUDA that the GPU's driver serves, None when built without a GPU
    driver : version of the GPU's driver, None when built without a GPU
    gpu : name of the GPU, None when built without one
    sm : compute capability of the GPU that it was built on or for, e.g. "87"; None when built without a GPU
    runs_on : compute capabilities that the builder was told to serve; "80+" stands for that one and all newer ones;
        empty: `sm` alone
    l4t : Jetson Linux release, e.g. "36.4.3"; None off Jetson
    precision : of the convolutions
    roi_align : "plugin" if the plan holds our plugin, "plain" if plain operations
    quantiser : how the ranges were chosen, e.g. "percentile 99.99"; None if not INT8
    calibration_sha256 : hash of the file of ranges; None if not INT8
    onnx_sha256 : the graph that the plan was built from
    plan_sha256 : the engine file itself
    plugin : None if `roi_align` is "plain"
    tensors : all inputs and outputs of the engine
    spec : preprocessing, class list, thresholds
    arguments : of `python -m export build-engine`, all but --out: model, precision, builder, ranges
    program : version of LeukoEdge that built it
    built : ISO 8601 time
    version : layout version of this record
    """

    flavour: Flavour
    tensorrt: str
    cuda: str | None
    driver: str | None
    gpu: str | None
    sm: str | None
    runs_on: tuple[str, ...] = ()
    l4t: str | None
    precision: Precision
    roi_align: Literal["plugin", "plain"]
    quantiser: str | None
    calibration_sha256: Sha256 | None
    onnx_sha256: Sha256
    plan_sha256: Sha256
    plugin: PluginFile | None
    tensors: tuple[EngineTensor, ...]
    spec: ModelSpec
    arguments: tuple[str, ...] = ()
    program: str
    built: str
    version: int = SIDECAR_VERSION


def sidecar_path(engine: Path) -> Path:
    """`x.engine.json` for `x.engine`."""
    return engine.with_name(engine.name + ".json")


def rebuild_command(engine: Path, sidecar: EngineSidecar | None = None) -> str:
    """The command that builds the engine again, as a person types it; with the arguments that it was built with."""
    arguments = () if sidecar is None else sidecar.arguments
    return f"python -m export build-engine {shlex.join([*arguments, '--out', str(engine)])}"


def write_sidecar(engine: Path, sidecar: EngineSidecar) -> None:
    """Write `x.engine.json` beside the engine; raises ModelError if it cannot be written."""
    write_sealed(sidecar_path(engine), sidecar)


def read_sidecar(engine: Path) -> EngineSidecar:
    """Read `x.engine.json`; raises ModelError if it is missing, unreadable, edited or of another version."""
    mend = f"build the engine again with `{rebuild_command(engine)}`"
    path = sidecar_path(engine)
    sidecar = read_sealed(path, EngineSidecar, SIDECAR_VERSION, mend)
    if sidecar.spec.version != SPEC_VERSION:
        raise ModelError(
            f"{path} describes the model in version {sidecar.spec.version}; this program reads {SPEC_VERSION}; {mend}"
        )
    return sidecar
