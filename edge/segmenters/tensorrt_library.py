"""TensorRT and TensorRT-RTX behind the few calls that running a plan takes; neither is imported before it is needed."""

from __future__ import annotations

import importlib
import logging
from pathlib import Path
from typing import Any, Protocol

from edge.errors import BackendMissingError, ModelError
from edge.segmenters.sidecar import EngineTensor, Flavour

log = logging.getLogger(__name__)

MODULES: dict[Flavour, str] = {"tensorrt": "tensorrt", "tensorrt-rtx": "tensorrt_rtx"}
INSTALL: dict[Flavour, str] = {
    "tensorrt": "on a Jetson install the package python3-libnvinfer, elsewhere `pip install tensorrt` from NVIDIA",
    "tensorrt-rtx": "`pip install tensorrt-rtx-cu13`",
}
DTYPES = {
    "FLOAT": "float32",
    "HALF": "float16",
    "BF16": "bfloat16",
    "INT8": "int8",
    "UINT8": "uint8",
    "INT32": "int32",
    "INT64": "int64",
    "BOOL": "bool",
}
"""TensorRT's names; its own `nptype` fails with some versions of NumPy."""


class Engine(Protocol):
    """A plan that was loaded, with one execution context."""

    @property
    def tensors(self) -> tuple[EngineTensor, ...]:
        """Its inputs and outputs as the plan has them."""
        ...

    def bind(self, name: str, address: int) -> None:
        """Where the tensor lies for all calls that follow; raises ModelError if TensorRT takes it not."""
        ...

    def enqueue(self, stream: int) -> None:
        """Give one run to the CUDA stream; raises ModelError if TensorRT refuses."""
        ...

    def close(self) -> None:
        """Free it in reverse order; never raises, may be called twice."""
        ...


class Library(Protocol):
    """An imported TensorRT."""

    @property
    def version(self) -> str:
        """The full version, as the sidecar records it."""
        ...

    def load(self, plan: bytes, plugin: Path | None) -> Engine:
        """Load plugin and plan in the current CUDA context; raises ModelError with TensorRT's own words."""
        ...


class TensorRtLibrary:
    """See `Library`.

    Raises
    ------
    BackendMissingError : the library of this flavour is not installed or cannot be loaded
    """

    def __init__(self, flavour: Flavour) -> None:
        try:
            self._trt: Any = importlib.import_module(MODULES[flavour])
        except (ImportError, OSError, RuntimeError) as error:  # its wheels load libraries by hand
            raise BackendMissingError(
                f"the engine needs {flavour}, which cannot be imported ({error}); {INSTALL[flavour]}, or run the ONNX "
                "file instead"
            ) from error

    @property
    def version(self) -> str:
        return str(self._trt.__version__)

    def load(self, plan: bytes, plugin: Path | None) -> Engine:
        return TensorRtEngine(self._trt, plan, plugin)


class TensorRtEngine:
    """See `Engine`. Each part needs those created before it; `close` frees them in reverse."""

    def __init__(self, trt: Any, plan: bytes, plugin: Path | None) -> None:
        self._trt = trt
        self._said: list[str] = []
        self._logger = _logger(trt, self._said)
        self._runtime: Any = None
        self._plugins: Any = None
        self._engine: Any = None
        self._context: Any = None
        try:
            # Nothing of it in local variables: an error's traceback would keep it alive beyond its CUDA context.
            self._runtime = self._made(lambda: trt.Runtime(self._logger), "the runtime could not be created")
            if plugin is not None:
                # The runtime's own registry, not the process's: it forgets the plugin together with the runtime.
                self._plugins = self._made(
                    lambda: self._runtime.get_plugin_registry().load_library(str(plugin)),
                    f"the plugin library {plugin} could not be loaded",
                )
            self._engine = self._made(
                lambda: self._runtime.deserialize_cuda_engine(plan), "the engine could not be loaded"
            )
            self._context = self._made(
                lambda: self._engine.create_execution_context(),  # noqa: PLW0108 - a bound method would be a reference
                "there is no room for the engine's context",
            )
        except BaseException:
            self.close()
            raise

    @property
    def tensors(self) -> tuple[EngineTensor, ...]:
        return tuple(self._tensor(self._engine.get_tensor_name(index)) for index in range(self._engine.num_io_tensors))

    def bind(self, name: str, address: int) -> None:
        self._said.clear()
        if not self._context.set_tensor_address(name, address):
            raise ModelError(self._told(f"the engine takes no address for its tensor '{name}'"))

    def enqueue(self, stream: int) -> None:
        self._said.clear()
        if not self._context.execute_async_v3(stream):
            raise ModelError(self._told("the engine failed to run"))

    def close(self) -> None:
        self._context = None
        self._engine = None
        if self._plugins is not None:
            self._runtime.get_plugin_registry().deregister_library(self._plugins)
            self._plugins = None
        self._runtime = None

    def _tensor(self, name: str) -> EngineTensor:
        dtype = self._engine.get_tensor_dtype(name).name
        is_input = self._engine.get_tensor_mode(name) == self._trt.TensorIOMode.INPUT
        return EngineTensor(
            name=name,
            role="input" if is_input else "output",
            dtype=DTYPES.get(dtype, dtype),
            shape=tuple(self._engine.get_tensor_shape(name)),
        )

    def _made(self, make: Any, failure: str) -> Any:
        """What `make` returns; TensorRT tells of a failure by None or by an exception of several kinds."""
        self._said.clear()
        try:
            made = make()
        except (RuntimeError, TypeError, ValueError) as error:
            raise ModelError(self._told(f"{failure}, {error}")) from error
        if made is None:
            raise ModelError(self._told(failure))
        return made

    def _told(self, failure: str) -> str:
        """The failure with the first error that TensorRT logged on it: it says why, the rest follows."""
        why = f" ({self._said[0]})" if self._said else ""
        return f"{failure}{why}"


def _logger(trt: Any, said: list[str]) -> Any:
    """A logger for TensorRT: warnings and errors to ours, errors also to `said`."""
    severity = trt.ILogger.Severity

    class Logger(trt.ILogger):  # type: ignore[misc]
        def __init__(self) -> None:
            trt.ILogger.__init__(self)

        def log(self, level: Any, message: str) -> None:
            text = " ".join(str(message).split())
            if level in {severity.INTERNAL_ERROR, severity.ERROR}:
                said.append(text)
                log.error("TensorRT: %s", text)
            elif level == severity.WARNING:
                log.warning("TensorRT: %s", text)

    return Logger()
