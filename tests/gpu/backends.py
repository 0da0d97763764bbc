"""What can run the packaged model on the GPU: engines built here and now, and ONNX Runtime's CUDA provider."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from tests.gpu.kernel import build
from tests.gpu.machine import compute_capability
from tests.gpu.rows import NotRun

if TYPE_CHECKING:
    from edge.segmenters.protocol import Segmenter
    from edge.segmenters.sidecar import EngineSidecar, Flavour


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """One way to build the packaged model."""

    flavour: Flavour
    int8: bool
    plugin: bool

    @property
    def name(self) -> str:
        return f"{self.flavour} {'INT8' if self.int8 else 'FP16'} {'plugin' if self.plugin else 'plain'}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Backend:
    """`open` makes a segmenter; `flavour` is None off TensorRT."""

    name: str
    int8: bool
    flavour: Flavour | None
    open: Callable[[], Segmenter]


def check_installed(flavour: Flavour) -> None:
    """Raises NotRun where it is not."""
    from edge.segmenters.tensorrt_library import INSTALL, MODULES

    if importlib.util.find_spec(MODULES[flavour]) is None:
        raise NotRun(f"{flavour} is not installed; {INSTALL[flavour]}")


def build_engine_here(kind: Kind, folder: Path) -> tuple[Path, EngineSidecar]:
    """Build the packaged model; errors as `excusing` has them."""
    from edge.segmenters import packaged_model
    from export.engine import EngineOptions, build_engine

    out = folder / f"{kind.name.replace(' ', '-')}.engine"
    options = EngineOptions(
        model=packaged_model(),
        out=out,
        int8=kind.int8,
        roi_align="plugin" if kind.plugin else "plain",
        flavour=kind.flavour,
        plugin_library=build("leukoedge_plugin") if kind.plugin else None,
    )
    with excusing(kind.flavour):
        return out, build_engine(options)


def engine_backends(kind: Kind, engine: Path) -> list[Backend]:
    """The engine with a CUDA graph, where cuda-python is installed, and without."""
    return [
        Backend(
            name=f"{kind.name}{', CUDA graph' if graph else ''}",
            int8=kind.int8,
            flavour=kind.flavour,
            open=_opener(engine, graph),
        )
        for graph in (True, False)
    ]


def onnx_runtime_cuda() -> Backend:
    """Raises NotRun where ONNX Runtime has no CUDA provider or that does not start."""
    from edge.errors import BackendMissingError
    from edge.segmenters import open_segmenter

    try:
        open_segmenter(provider="cuda").close()
    except BackendMissingError as error:
        raise NotRun(str(error)) from error
    return Backend(
        name="ONNX Runtime CUDA FP32", int8=False, flavour=None, open=lambda: open_segmenter(provider="cuda")
    )


@contextmanager
def excusing(flavour: Flavour | None) -> Iterator[None]:
    """Raises NotRun where something is missing, or where TensorRT-RTX fails on a GPU that it does not serve."""
    from edge.errors import BackendMissingError, ModelError
    from export.engine import TARGETS

    try:
        yield
    except BackendMissingError as error:
        raise NotRun(str(error)) from error
    except ModelError as error:
        if flavour == "tensorrt-rtx" and compute_capability() not in TARGETS:
            raise NotRun(f"TensorRT-RTX serves SM {', '.join(TARGETS)}, not {compute_capability()}: {error}") from error
        raise


@contextmanager
def opened(backend: Backend) -> Iterator[Segmenter]:
    """A segmenter of this backend; errors as `excusing` has them."""
    with excusing(backend.flavour):
        segmenter = backend.open()
        try:
            yield segmenter
        finally:
            segmenter.close()


def _opener(engine: Path, graph: bool) -> Callable[[], Segmenter]:
    def open_it() -> Segmenter:
        from edge.segmenters.pycuda_driver import PyCuda
        from edge.segmenters.tensorrt_engine import Machine, TensorRtSegmenter

        def without_graph() -> PyCuda:
            cuda = PyCuda()
            cuda.capture = lambda stream, work: None  # type: ignore[method-assign]
            return cuda

        machine = Machine() if graph else Machine(cuda=without_graph)
        segmenter = TensorRtSegmenter(engine, allow_unverified=True, machine=machine)
        if graph and segmenter._graph is None:
            segmenter.close()
            raise NotRun("no CUDA graph: cuda-python is missing, or the engine cannot be captured (see the log)")
        return segmenter

    return open_it
