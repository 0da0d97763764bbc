"""The builder's own process: ONNX graph -> plan, with TensorRT or TensorRT-RTX.

    python -m export.builder REQUEST.json

In a process of its own because TensorRT may abort, and because TensorRT-RTX looks for a library by a name that must be
on the loader's path before the process starts (`export.engine`). Writes the plan, and `export.build_request.Message`s
to standard output.
"""

from __future__ import annotations

import importlib
import re
import sys
import threading
from pathlib import Path
from typing import Any

import msgspec

from edge.errors import BackendMissingError
from edge.segmenters.sidecar import EngineTensor
from edge.segmenters.tensorrt_library import DTYPES, INSTALL, MODULES
from export.build_request import BuildRequest, Built, Failed, Message, Phase

_TELLING = threading.Lock()


def tell(message: Message) -> None:
    """One line; TensorRT calls from several threads."""
    with _TELLING:
        sys.stdout.write(msgspec.json.encode(message).decode() + "\n")
        sys.stdout.flush()


def build(request: BuildRequest) -> Built | Failed:
    """Build the plan and write it."""
    trt: Any = importlib.import_module(MODULES[request.flavour])
    errors: list[str] = []
    logger = _logger(trt, errors)

    def failed(what: str) -> Failed:
        return Failed(reason=f"{what} ({errors[-1]})" if errors else what)

    gpu = {} if request.flavour == "tensorrt-rtx" else _gpu()
    builder = trt.Builder(logger)
    if request.plugin is not None and builder.get_plugin_registry().load_library(request.plugin) is None:
        return failed(f"the plugin library {request.plugin} cannot be loaded")
    flags = 1 << int(trt.NetworkDefinitionCreationFlag.STRONGLY_TYPED)
    network = builder.create_network(flags)
    parser = trt.OnnxParser(network, logger)
    if not parser.parse(Path(request.graph).read_bytes()):
        faults = [str(parser.get_error(i).desc()) for i in range(parser.num_errors)]
        return Failed(reason=f"the graph cannot be parsed: {faults[0] if faults else 'no reason is given'}")
    config = builder.create_builder_config()
    config.profiling_verbosity = trt.ProfilingVerbosity.DETAILED
    config.progress_monitor = monitor = _monitor(trt)  # noqa: F841 (must outlive the build)
    if request.target is not None:
        config.num_compute_capabilities = 1
        config.set_compute_capability(getattr(trt.ComputeCapability, f"SM{request.target}"), 0)
    plan = builder.build_serialized_network(network, config)
    if plan is None:
        return failed("TensorRT could not build the engine")
    with Path(request.plan).open("wb") as file:
        file.write(memoryview(plan))
    return Built(tensorrt=str(trt.__version__), tensors=_tensors(network), **gpu)


def _tensors(network: Any) -> tuple[EngineTensor, ...]:
    inputs = [(network.get_input(i), "input") for i in range(network.num_inputs)]
    outputs = [(network.get_output(i), "output") for i in range(network.num_outputs)]
    return tuple(
        EngineTensor(
            name=tensor.name,
            role=role,  # type: ignore[arg-type]
            dtype=DTYPES.get(tensor.dtype.name, tensor.dtype.name),
            shape=tuple(tensor.shape),
        )
        for tensor, role in inputs + outputs
    )


def _gpu() -> dict[str, str | None]:
    """The GPU that the builder sees; raises BackendMissingError if there is none."""
    from edge.segmenters.pycuda_driver import gpu_facts

    return {**gpu_facts(), "driver": _driver_version()}


def _driver_version() -> str | None:
    """Version of the kernel's driver, e.g. "560.35.03"; None where Linux does not tell it (Jetson)."""
    try:
        found = re.search(
            r"Kernel Module\S*\s+(?:for \S+\s+)?([\d.]+)", Path("/proc/driver/nvidia/version").read_text()
        )
    except OSError:
        return None
    return None if found is None else found[1]


def _logger(trt: Any, errors: list[str]) -> Any:
    class Logger(trt.ILogger):  # type: ignore[misc]
        def __init__(self) -> None:
            trt.ILogger.__init__(self)

        def log(self, severity: Any, message: str) -> None:
            if severity in (trt.ILogger.Severity.ERROR, trt.ILogger.Severity.INTERNAL_ERROR):
                errors.append(" ".join(str(message).split()))

    return Logger()


def _monitor(trt: Any) -> Any:
    class Monitor(trt.IProgressMonitor):  # type: ignore[misc]
        def __init__(self) -> None:
            trt.IProgressMonitor.__init__(self)
            self._steps: dict[str, int] = {}

        def phase_start(self, name: str, parent: str | None, steps: int) -> None:  # noqa: ARG002
            self._steps[name] = steps
            tell(Phase(name=name, done=0, steps=steps))

        def step_complete(self, name: str, step: int) -> bool:
            tell(Phase(name=name, done=step + 1, steps=self._steps.get(name, 0)))
            return True

        def phase_finish(self, name: str) -> None:
            tell(Phase(name=name, done=self._steps.get(name, 0), steps=self._steps.get(name, 0)))

    return Monitor()


def main() -> int:
    request = msgspec.json.decode(Path(sys.argv[1]).read_bytes(), type=BuildRequest)
    try:
        outcome: Message = build(request)
    except BackendMissingError as error:
        outcome = Failed(reason=str(error), missing=True)
    except ImportError as error:
        how = INSTALL[request.flavour]
        outcome = Failed(reason=f"{request.flavour} is installed but cannot be loaded ({error}); {how}", missing=True)
    except (OSError, RuntimeError, TypeError, ValueError) as error:
        outcome = Failed(reason=f"{type(error).__name__}: {' '.join(str(error).split())}")
    tell(outcome)
    return 0 if isinstance(outcome, Built) else 1


if __name__ == "__main__":
    sys.exit(main())
