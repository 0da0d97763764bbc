"""Memory, events and a flushed cache on the GPU, by PyTorch where its CUDA build is installed, else by pycuda."""

from __future__ import annotations

import atexit
import importlib.util
from collections.abc import Callable
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from tests.gpu.rows import NotRun

FLUSHED_BYTES = 512 << 20
"""Written between two launches; more than the L2 of any GPU so far, and long enough that launching never waits."""
WARM_UP = 20


class Gpu(Protocol):
    """`stream` is where everything runs, as CUDA's handle; `name` says what serves the memory."""

    name: str
    stream: int

    def upload(self, array: NDArray) -> tuple[int, Any]:
        """Address of a copy on the GPU, and what must be kept as long as it is used."""
        ...

    def download(self, kept: Any, like: NDArray) -> NDArray:
        """The copy back on the host, in the shape and type of `like`; waits for what is under way."""
        ...

    def seconds(self, launch: Callable[[], None], repeats: int) -> list[float]:
        """Time on the GPU of each of `repeats` launches, each after its cache was flushed."""
        ...

    def copy(self, count: int) -> Callable[[], None]:
        """Something that starts a copy of so many bytes from device to device."""
        ...


def open_gpu() -> Gpu:
    """Raises NotRun where neither library can be used."""
    if importlib.util.find_spec("torch"):
        import torch

        if torch.cuda.is_available():
            return TorchGpu(torch)
    if importlib.util.find_spec("pycuda"):
        return PyCudaGpu()
    raise NotRun("neither a PyTorch with CUDA nor pycuda is installed, so there is no way to memory on the GPU")


class TorchGpu:
    """See `Gpu`."""

    name = "PyTorch"

    def __init__(self, torch: Any) -> None:
        self._torch = torch
        self.stream = int(torch.cuda.current_stream().cuda_stream)
        self._flushed = torch.empty(FLUSHED_BYTES // 4, dtype=torch.int32, device="cuda")

    def upload(self, array: NDArray) -> tuple[int, Any]:
        tensor = self._torch.from_numpy(array).cuda()
        return int(tensor.data_ptr()), tensor

    def download(self, kept: Any, like: NDArray) -> NDArray:
        return kept.cpu().numpy().reshape(like.shape)

    def seconds(self, launch: Callable[[], None], repeats: int) -> list[float]:
        for _ in range(WARM_UP):
            launch()
        pairs = []
        for number in range(repeats):
            start, end = (self._torch.cuda.Event(enable_timing=True) for _ in range(2))
            self._flushed.fill_(number)
            start.record()
            launch()
            end.record()
            pairs.append((start, end))
        self._torch.cuda.synchronize()
        return [start.elapsed_time(end) / 1e3 for start, end in pairs]

    def copy(self, count: int) -> Callable[[], None]:
        source, target = (self._torch.empty(count, dtype=self._torch.uint8, device="cuda") for _ in range(2))
        source.random_(0, 255)
        return lambda: target.copy_(source)


class PyCudaGpu:
    """See `Gpu`."""

    name = "pycuda"

    def __init__(self) -> None:
        from pycuda import driver

        self._driver = driver
        driver.init()
        self._context = driver.Device(0).retain_primary_context()
        self._context.push()
        atexit.register(driver.Context.pop)  # pycuda aborts a process that ends with a context on its stack
        self._stream = driver.Stream()
        self.stream = int(self._stream.handle)
        self._flushed = driver.mem_alloc(FLUSHED_BYTES)

    def upload(self, array: NDArray) -> tuple[int, Any]:
        memory = self._driver.mem_alloc(array.nbytes)
        self._driver.memcpy_htod(memory, array)
        return int(memory), memory

    def download(self, kept: Any, like: NDArray) -> NDArray:
        self._stream.synchronize()
        host = np.empty_like(like)
        self._driver.memcpy_dtoh(host, kept)
        return host

    def seconds(self, launch: Callable[[], None], repeats: int) -> list[float]:
        for _ in range(WARM_UP):
            launch()
        pairs = []
        for number in range(repeats):
            start, end = self._driver.Event(), self._driver.Event()
            self._driver.memset_d32_async(int(self._flushed), number, FLUSHED_BYTES // 4, self._stream)
            start.record(self._stream)
            launch()
            end.record(self._stream)
            pairs.append((start, end))
        self._stream.synchronize()
        return [end.time_since(start) / 1e3 for start, end in pairs]

    def copy(self, count: int) -> Callable[[], None]:
        source, target = (self._driver.mem_alloc(count) for _ in range(2))
        self._driver.memset_d8(source, 7, count)
        return lambda: self._driver.memcpy_dtod_async(target, source, count, self._stream)
