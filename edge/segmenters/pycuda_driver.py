"""`edge.segmenters.cuda.Cuda` with pycuda: the primary context of the first GPU, shared with the CUDA runtime.

A context of its own (`pycuda.autoinit`) would not be the one that TensorRT works in. The context is on the thread's
stack only while somebody works in it: pycuda aborts the process if it ends with a context on a stack.
"""

from __future__ import annotations

import contextlib
import ctypes
import importlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from edge.errors import BackendMissingError
from edge.segmenters.cuda import Graph, Stream, TensorBuffer
from edge.segmenters.cuda_graph import GraphError, capture
from edge.types import Floats

NON_BLOCKING = 1
"""CU_STREAM_NON_BLOCKING, which pycuda has no name for."""


class PyCuda:
    """See `edge.segmenters.cuda.Cuda`; raises BackendMissingError if pycuda, the driver or a GPU is missing."""

    def __init__(self) -> None:
        self._driver = _import_driver()
        self.errors: tuple[type[Exception], ...] = (self._driver.Error, GraphError)
        try:
            device = _first_gpu(self._driver)
            self.gpu = str(device.name())
            self.sm = "{}{}".format(*device.compute_capability())
            self.integrated = bool(device.get_attribute(self._driver.device_attribute.INTEGRATED))
            self._context = device.retain_primary_context()
        except self._driver.Error as error:
            raise _no_gpu(error) from error
        self._followed: Any = None

    @contextmanager
    def current(self) -> Iterator[None]:
        self._context.push()
        try:
            yield
        finally:
            self._driver.Context.pop()

    def stream(self) -> Stream:
        return PyCudaStream(self._driver)

    def buffer(self, shape: tuple[int, ...]) -> TensorBuffer:
        return PyCudaBuffer(self._driver, shape, mapped=self.integrated)

    def follow(self, first: Stream, then: Stream) -> None:
        # One event serves all frames: a wait is for the record that precedes it.
        if self._followed is None:
            self._followed = self._driver.Event(self._driver.event_flags.DISABLE_TIMING)
        self._followed.record(_pycuda(first))
        _pycuda(then).wait_for_event(self._followed)

    def capture(self, stream: Stream, work: Callable[[], None]) -> Graph | None:
        return capture(stream, work)

    def close(self) -> None:
        if self._followed is not None:
            with self.current():
                self._followed = None  # the event is destroyed here, where its context is current
        self._context.detach()
        _pop_what_detach_pushed()


class PyCudaStream:
    """See `edge.segmenters.cuda.Stream`."""

    def __init__(self, driver: Any) -> None:
        self.pycuda = driver.Stream(NON_BLOCKING)
        self.handle = int(self.pycuda.handle)

    def synchronize(self) -> None:
        self.pycuda.synchronize()

    def free(self) -> None:
        self.pycuda = None  # pycuda destroys it with its last reference


class PyCudaBuffer:
    """See `edge.segmenters.cuda.TensorBuffer`."""

    def __init__(self, driver: Any, shape: tuple[int, ...], *, mapped: bool) -> None:
        self._driver = driver
        flags = driver.host_alloc_flags.DEVICEMAP if mapped else 0
        self.host: Floats = driver.pagelocked_empty(shape, np.float32, mem_flags=flags)
        self._pinned: Any = self.host.base
        self._device: Any = None
        try:
            self.host[...] = 0
            self._device = None if mapped else driver.mem_alloc(self.host.nbytes)
            self.address = int(self._pinned.get_device_pointer() if mapped else self._device)
        except BaseException:
            self.free()
            raise

    def upload(self, index: int, stream: Stream) -> None:
        if self._device is not None:
            part = self.host[index]
            self._driver.memcpy_htod_async(self.address + index * part.nbytes, part, _pycuda(stream))

    def download(self, stream: Stream) -> None:
        if self._device is not None:
            self._driver.memcpy_dtoh_async(self.host, self.address, _pycuda(stream))

    def free(self) -> None:
        if self._device is not None:
            self._device.free()
        self._pinned.free()


def _pop_what_detach_pushed() -> None:
    """pycuda pushes the primary context to release it and, other than for contexts of its own, leaves it there.

    Its `Context.pop` knows nothing of it, so the driver is asked itself (pycuda src/cpp/cuda.hpp, `context::detach`).
    """
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL("libcuda.so.1").cuCtxPopCurrent_v2(ctypes.byref(ctypes.c_void_p()))


def _pycuda(stream: Stream) -> Any:
    if not isinstance(stream, PyCudaStream):
        raise TypeError(f"a stream of PyCuda.stream() is needed, not {stream!r}")
    return stream.pycuda


def _import_driver() -> Any:
    try:
        return importlib.import_module("pycuda.driver")
    except ModuleNotFoundError as error:
        raise BackendMissingError(
            f"a TensorRT engine needs pycuda ({error}); install it with `pip install 'leukoedge[tensorrt]'`"
        ) from error
    except ImportError as error:
        raise BackendMissingError(
            f"pycuda is installed but cannot be loaded ({error}); install the GPU's driver and the CUDA libraries "
            "that pycuda was built with"
        ) from error


def gpu_facts() -> dict[str, str]:
    """Name, compute capability ("87") and newest CUDA of the first GPU, without touching its context.

    Raises BackendMissingError as `PyCuda` does.
    """
    driver = _import_driver()
    try:
        device = _first_gpu(driver)
        return {
            "gpu": str(device.name()),
            "sm": "{}{}".format(*device.compute_capability()),
            "cuda": _version(driver.get_driver_version()),
        }
    except driver.Error as error:
        raise _no_gpu(error) from error


def _version(number: int) -> str:
    """12060 -> "12.6"."""
    return f"{number // 1000}.{number % 1000 // 10}"


def _no_gpu(error: Exception) -> BackendMissingError:
    return BackendMissingError(
        f"a TensorRT engine needs an NVIDIA GPU but the driver gives none ({error}); see what `nvidia-smi` shows, or "
        "run the ONNX file instead"
    )


def _first_gpu(driver: Any) -> Any:
    driver.init()
    if driver.Device.count() == 0:
        raise BackendMissingError(
            "a TensorRT engine needs an NVIDIA GPU but none is visible; see what `nvidia-smi` and CUDA_VISIBLE_DEVICES "
            "show, or run the ONNX file instead"
        )
    return driver.Device(0)
