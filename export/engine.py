"""Model file -> engine that `edge-run` loads, with its sidecar and the plugin library beside it."""

from __future__ import annotations

import hashlib
import importlib.util
import re
import shutil
from dataclasses import dataclass
from datetime import datetime, timezone
from importlib.metadata import version
from pathlib import Path

import msgspec
import onnx
from google.protobuf.message import DecodeError

from calib.int8.qdq import insert_qdq
from calib.int8.ranges import CalibrationRanges, check_ranges, read_ranges
from edge.errors import BackendMissingError, ConfigurationError, ModelError
from edge.segmenters.acceptance import acceptance_path
from edge.segmenters.engine_facts import RTX_DEFAULT, EngineFacts, check_sidecar
from edge.segmenters.open import packaged_model
from edge.segmenters.sidecar import EngineSidecar, Flavour, PluginFile, write_sidecar
from edge.segmenters.tensorrt_library import INSTALL, MODULES
from export.build_process import run_builder
from export.build_request import BuildRequest
from export.engine_graph import RoiAlign, engine_graph, spec_of
from export.half import to_half
from export.multiply_adds import int8_share
from export.plan_text import READABLE_VERSION, check_plan
from export.plugin_library import find_plugin_library
from export.staging import folder_beside

TARGETS = ("75", "80", "86", "89", "120", "121")
"""Compute capabilities that TensorRT-RTX 1.7 builds for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineOptions:
    """What to build.

    Attributes
    ----------
    model : the ONNX file
    out : the engine file to write
    int8 : INT8 convolutions, float16 elsewhere; otherwise all layers are float16
    roi_align : by our plugin or by plain operations
    flavour : None takes the TensorRT that is installed
    target : compute capability to build for, TensorRT-RTX only; None leaves it to the builder
    ranges : file of `python -m calib int8`; None takes the one beside the model
    plugin_library : None looks for it
    """

    model: Path
    out: Path
    int8: bool
    roi_align: RoiAlign
    flavour: Flavour | None = None
    target: str | None = None
    ranges: Path | None = None
    plugin_library: Path | None = None


def packaged_ranges(model: Path) -> Path:
    """The file of ranges that travels with a model: `x.ranges.json` for `x.onnx`."""
    return model.with_suffix(".ranges.json")


def engine_ranges(engine: Path) -> Path:
    """The copy of the ranges that an INT8 engine was built with: `x.engine.ranges.json` for `x.engine`."""
    return engine.with_name(f"{engine.name}.ranges.json")


def check_options(options: EngineOptions) -> None:
    """What can be told before anything takes time: raises as `build_engine` does."""
    _check(options, options.flavour or installed_flavour())
    read_model(options.model)
    if options.roi_align == "plugin":
        find_plugin_library(options.plugin_library)


def build_engine(options: EngineOptions) -> EngineSidecar:
    """Build `options.out`, its sidecar, and copies of plugin and ranges beside it; returns the sidecar.

    Raises
    ------
    ConfigurationError, ModelError, BackendMissingError, DiskFullError : in one sentence what is wrong; nothing is left
    """
    flavour = options.flavour or installed_flavour()
    _check(options, flavour)
    data, model = read_model(options.model)
    ranges_file = (options.ranges or packaged_ranges(options.model)) if options.int8 else None
    ranges = None if ranges_file is None else _ranges_of(ranges_file, model)
    library = find_plugin_library(options.plugin_library) if options.roi_align == "plugin" else None
    graph = engine_graph(precise_model(model, ranges), options.roi_align)
    with folder_beside(options.out) as folder:
        request = BuildRequest(
            flavour=flavour,
            graph=str(folder / "graph.onnx"),
            plan=str(folder / "plan"),
            plugin=None if library is None else str(library),
            target=options.target,
        )
        onnx.save(graph, request.graph)
        built = run_builder(request, folder)
        content = Path(request.plan).read_bytes()
        if flavour == "tensorrt-rtx" and built.tensorrt.startswith(READABLE_VERSION):
            check_plan(content, model, int8=options.int8, plugins=0 if library is None else 2)
        sidecar = EngineSidecar(
            flavour=flavour,
            tensorrt=built.tensorrt,
            cuda=built.cuda,
            driver=built.driver,
            gpu=built.gpu,
            sm=built.sm,
            runs_on=_runs_on(options, flavour),
            l4t=_jetson_release(),
            precision="int8" if options.int8 else "fp16",
            roi_align=options.roi_align,
            quantiser=None if ranges is None else ranges.method,
            calibration_sha256=None if ranges_file is None else sha256(ranges_file.read_bytes()),
            onnx_sha256=sha256(data),
            plan_sha256=sha256(content),
            plugin=None if library is None else _plugin_file(options.out, library),
            tensors=built.tensors,
            spec=msgspec.structs.replace(spec_of(model), precision="int8" if options.int8 else "fp16"),
            arguments=_arguments(options, flavour),
            program=f"leukoedge {version('leukoedge')}",
            built=datetime.now(timezone.utc).isoformat(timespec="seconds"),
        )
        facts = EngineFacts(
            plan_sha256=sidecar.plan_sha256, plugin_sha256=sidecar.plugin.sha256 if sidecar.plugin else None
        )
        check_sidecar(sidecar, facts, options.out)  # what the runtime would refuse is not put in place
        _put_in_place(options.out, sidecar, folder, library, ranges_file)
    return sidecar


def _arguments(options: EngineOptions, flavour: Flavour) -> tuple[str, ...]:
    """What has to be typed to build the engine again; the ranges lie beside it."""
    default = options.model.resolve() == packaged_model().resolve()
    words = [] if default else [str(options.model)]
    words += ["--int8"] if options.int8 else []
    if options.int8 and not (default and options.ranges is None):
        words += ["--ranges", str(engine_ranges(options.out))]
    words += ["--plain"] if options.roi_align == "plain" else []
    words += ["--trt", "rtx"] if flavour == "tensorrt-rtx" else []
    return tuple(words + (["--target", options.target] if options.target else []))


def precise_model(model: onnx.ModelProto, ranges: CalibrationRanges | None) -> onnx.ModelProto:
    """The model in float16, or in INT8 and float16 where ranges are given; raises ModelError if too little is INT8."""
    if ranges is None:
        return to_half(model)
    int8_share(model)
    return to_half(insert_qdq(model, ranges.amax()))


def read_model(path: Path) -> tuple[bytes, onnx.ModelProto]:
    """The file and what is in it; raises ModelError if it cannot be read or is no float model of this program."""
    try:
        data = path.read_bytes()
    except OSError as error:
        raise ModelError(f"{path} cannot be read ({error.strerror}); give the path of an ONNX file") from error
    try:
        model = onnx.ModelProto.FromString(data)
    except DecodeError as error:
        raise ModelError(f"{path} is no ONNX model; give a file written by `python -m export onnx`") from error
    if spec_of(model).precision == "int8":
        raise ModelError(f"{path} is quantised already; give the float model that it was made from")
    return data, model


def installed_flavour() -> Flavour:
    """TensorRT where it is installed, otherwise TensorRT-RTX; raises BackendMissingError if there is neither."""
    for flavour, module in MODULES.items():
        if importlib.util.find_spec(module) is not None:
            return flavour
    raise BackendMissingError(
        "neither TensorRT nor TensorRT-RTX is installed: "
        + "; or ".join(f"for {flavour}, {how}" for flavour, how in INSTALL.items())
    )


def _check(options: EngineOptions, flavour: Flavour) -> None:
    if importlib.util.find_spec(MODULES[flavour]) is None:
        raise BackendMissingError(f"{flavour} is not installed; {INSTALL[flavour]}")
    if options.out.suffix != ".engine":
        raise ConfigurationError(
            f"--out {options.out} must end in .engine: the runtime chooses its backend by the suffix"
        )
    if options.target is not None and flavour == "tensorrt":
        raise ConfigurationError(
            f"--target {options.target} is for TensorRT-RTX only: TensorRT builds for the GPU that it sees; leave it "
            "out and build on the machine that will run the engine"
        )
    if options.target is not None and options.target not in TARGETS:
        raise ConfigurationError(f"--target {options.target} is not one of {', '.join(TARGETS)}")


def _ranges_of(path: Path, model: onnx.ModelProto) -> CalibrationRanges:
    ranges = read_ranges(path)
    check_ranges(ranges, model)
    return ranges


def _plugin_file(out: Path, library: Path) -> PluginFile:
    return PluginFile(file=f"{out.stem}.plugin.so", sha256=sha256(library.read_bytes()))


def _put_in_place(
    out: Path, sidecar: EngineSidecar, folder: Path, library: Path | None, ranges_file: Path | None
) -> None:
    """Copy into `folder`, then rename: a program that has the old files open keeps them.

    The sidecar comes last: without it, or with an older one, no engine is loaded.
    """
    staged = {folder / "plan": out}
    try:
        if library is not None and sidecar.plugin is not None:
            staged[Path(shutil.copyfile(library, folder / "plugin"))] = out.with_name(sidecar.plugin.file)
        if ranges_file is not None:
            staged[Path(shutil.copyfile(ranges_file, folder / "ranges"))] = engine_ranges(out)
        acceptance_path(out).unlink(missing_ok=True)
        for source, target in staged.items():
            source.replace(target)
    except OSError as error:
        raise ModelError(f"{out} cannot be put in place ({error.strerror}); name another --out") from error
    write_sidecar(out, sidecar)


def _runs_on(options: EngineOptions, flavour: Flavour) -> tuple[str, ...]:
    if flavour == "tensorrt":
        return ()
    return (RTX_DEFAULT,) if options.target is None else (options.target,)


def _jetson_release() -> str | None:
    """Release of Jetson Linux, e.g. "36.4.3"; None on other machines."""
    try:
        found = re.search(r"R(\d+) .*REVISION: ([\d.]+)", Path("/etc/nv_tegra_release").read_text())
    except OSError:
        return None
    return None if found is None else f"{found[1]}.{found[2]}"


def sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
