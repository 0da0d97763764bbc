"""CUDA graphs by cuda-python, for pycuda has no API of them: captured on, and launched into, a pycuda stream.

The driver's API rather than the runtime's: it brings no second CUDA runtime with a version of its own.
"""

from __future__ import annotations

import importlib
import logging
from collections.abc import Callable
from typing import Any

from edge.segmenters.cuda import Stream

log = logging.getLogger(__name__)


class GraphError(Exception):
    """A call of the driver's graph API failed."""


class CudaGraph:
    """See `edge.segmenters.cuda.Graph`."""

    def __init__(self, driver: Any, executable: Any) -> None:
        self._driver = driver
        self._executable = executable

    def launch(self, stream: Stream) -> None:
        _call(self._driver, "cuGraphLaunch", self._executable, stream.handle)

    def free(self) -> None:
        _call(self._driver, "cuGraphExecDestroy", self._executable)


def capture(stream: Stream, work: Callable[[], None]) -> CudaGraph | None:
    """See `edge.segmenters.cuda.Cuda.capture`; None, and a line in the log, without cuda-python."""
    try:
        driver = importlib.import_module("cuda.bindings.driver")
    except ImportError as error:
        log.info("no CUDA graph (%s): each frame costs some launches more; `pip install cuda-python` helps", error)
        return None
    # "Thread local": what other threads of the process do meanwhile (OpenCV, PyTorch) neither breaks the capture nor
    # is broken by it.
    mode = driver.CUstreamCaptureMode.CU_STREAM_CAPTURE_MODE_THREAD_LOCAL
    _call(driver, "cuStreamBeginCapture", stream.handle, mode)
    try:
        work()
    except BaseException:
        driver.cuStreamEndCapture(stream.handle)  # its result is the failure of the work, which is on its way already
        raise
    graph = _call(driver, "cuStreamEndCapture", stream.handle)
    try:
        return CudaGraph(driver, _call(driver, "cuGraphInstantiate", graph, 0))
    finally:
        _call(driver, "cuGraphDestroy", graph)


def _call(driver: Any, name: str, *arguments: Any) -> Any:
    """The value that a function of the driver returns beside its status; raises GraphError if it failed."""
    status, *values = getattr(driver, name)(*arguments)
    if status != driver.CUresult.CUDA_SUCCESS:
        raise GraphError(f"{name}: {status.name}")
    return values[0] if values else None
