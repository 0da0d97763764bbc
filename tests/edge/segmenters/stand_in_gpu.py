"""A GPU made of NumPy behind pycuda's and cuda-python's names: work is deferred, and every rule of order is checked.

A stream's work runs when somebody waits for it, so that a missing wait, copy or synchronisation gives wrong numbers,
and freeing what pending work touches breaks a rule. Only what `edge.segmenters.pycuda_driver` and `cuda_graph` use is
here. Names and arguments are those of pycuda 2026.1 and cuda-bindings 13.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from functools import partial
from types import SimpleNamespace

import numpy as np


class BrokenRuleError(AssertionError):
    """The code under test did something that a real driver punishes."""


class CudaError(Exception):
    """pycuda.driver.Error"""


class Batch:
    """The work of a stream up to an event; whoever comes first runs it, for that stream or for one that waits."""

    def __init__(self, work: list[Callable[[], None]]):
        self.work = work

    def __call__(self) -> None:
        while self.work:
            self.work.pop(0)()


class Gpu:
    """State of the stand-in; `journal` lists what happened, in order."""

    def __init__(self, *, compute_capability=(8, 7), integrated=False, count=1):
        self.compute_capability, self.integrated, self.count = compute_capability, integrated, count
        self.journal: list[str] = []
        self.stack: list[int] = []  # threads that hold the context
        self.context_alive = False
        self.memory: dict[int, np.ndarray] = {}  # address -> bytes, until freed
        self.freed: list[np.ndarray] = []  # kept, so that a late access reads old bytes rather than crashes
        self.streams: dict[int, list[Callable[[], None]]] = {}
        self.capturing: dict[int, list[Callable[[], None]]] = {}
        self.alive: set[str] = set()  # objects of TensorRT
        self.faulty = False  # a sticky error, as after an illegal address
        self.next_address = 0x1000

    def happens(self, what: str) -> None:
        self.journal.append(what)

    def needs_context(self, what: str) -> None:
        if self.stack[-1:] != [threading.get_ident()]:
            raise BrokenRuleError(f"{what} without the context being current in this thread")

    def checked(self, what: str) -> None:
        self.needs_context(what)
        if self.faulty:
            raise CudaError(f"{what} failed: an illegal memory access was encountered")

    def give(self, stream: int, work: Callable[[], None]) -> None:
        if stream not in self.streams:
            raise BrokenRuleError("work for a stream that does not exist")
        self.capturing.get(stream, self.streams[stream]).append(work)

    def finish(self, stream: int) -> None:
        work, self.streams[stream] = self.streams[stream], []
        for item in work:
            item()

    def pending(self) -> bool:
        work = [item for queue in self.streams.values() for item in queue]
        return not self.faulty and any(not isinstance(item, Batch) or item.work for item in work)

    def allocate(self, size: int) -> int:
        self.next_address += 0x100000
        self.memory[self.next_address] = np.full(size, 0xAB, np.uint8)  # never zeros by chance
        return self.next_address

    def release(self, address: int) -> None:
        if self.pending():
            raise BrokenRuleError("memory freed while work is pending")
        if address not in self.memory:
            raise BrokenRuleError("memory freed twice")
        self.freed.append(self.memory.pop(address))

    def at(self, address: int) -> np.ndarray:
        """The bytes from an address on, which may lie inside an allocation."""
        for start, data in self.memory.items():
            if start <= address < start + data.size:
                return data[address - start :]
        raise BrokenRuleError("access to memory that is not there")


class Context:
    gpu: Gpu

    def push(self):
        if not self.gpu.context_alive:
            raise CudaError("cuCtxPushCurrent failed: invalid device context")
        self.gpu.stack.append(threading.get_ident())

    @classmethod
    def pop(cls):
        if not cls.gpu.stack or cls.gpu.stack.pop() != threading.get_ident():
            raise BrokenRuleError("context popped by a thread that did not push it")

    def detach(self):
        if self.gpu.stack:
            raise BrokenRuleError("context released while it is on a stack")
        if self.gpu.memory or self.gpu.streams or self.gpu.alive:
            raise BrokenRuleError(f"context released before {self.gpu.memory.keys() or self.gpu.alive or 'a stream'}")
        self.gpu.context_alive = False
        self.gpu.happens("release context")


def make_pycuda(gpu: Gpu) -> SimpleNamespace:
    """What `import pycuda.driver` gives."""
    context = type("Context", (Context,), {"gpu": gpu})

    class Device:
        def __init__(self, number):
            assert number == 0

        @staticmethod
        def count():
            return gpu.count

        def name(self):
            return "Stand-in GPU"

        def compute_capability(self):
            return gpu.compute_capability

        def get_attribute(self, attribute):
            return {"INTEGRATED": int(gpu.integrated)}[attribute]

        def retain_primary_context(self):
            gpu.context_alive = True
            gpu.happens("retain primary context")
            return context()

    def synchronize(handle):
        gpu.checked("cuStreamSynchronize")
        if gpu.capturing:
            raise BrokenRuleError("a stream synchronised while it is captured")
        gpu.finish(handle)
        gpu.happens("synchronize")

    def wait_for_event(handle, event):
        gpu.checked("cuStreamWaitEvent")
        gpu.give(handle, event.wait)

    class Stream:
        def __init__(self, flags=0):
            gpu.checked("cuStreamCreate")
            assert flags == 1, "a blocking stream waits for the default stream"
            self.handle = gpu.next_address = gpu.next_address + 8
            gpu.streams[self.handle] = []
            # As in pycuda, which is C++, a traceback through these does not hold the stream.
            self.synchronize = partial(synchronize, self.handle)
            self.wait_for_event = partial(wait_for_event, self.handle)

        def __del__(self):
            if gpu.pending():
                gpu.happens("BROKEN: stream destroyed while work is pending")  # __del__ cannot raise
            gpu.streams.pop(self.handle, None)

    class Event:
        def __init__(self, flags=0):
            gpu.checked("cuEventCreate")
            self.wait = Batch([])

        def record(self, stream):
            stream = stream.handle
            gpu.checked("cuEventRecord")
            self.wait = Batch(gpu.streams[stream])
            gpu.streams[stream] = [self.wait]

    class Pinned:
        def __init__(self, shape, mapped):
            self.mapped = mapped
            self.address = gpu.allocate(4 * int(np.prod(shape)))
            self.__array_interface__ = {
                **gpu.memory[self.address].view(np.float32).reshape(shape).__array_interface__,
                "version": 3,
            }

        def get_device_pointer(self):
            if not self.mapped:
                raise CudaError("cuMemHostGetDevicePointer failed: invalid argument")
            return self.address

        def free(self):
            gpu.needs_context("cuMemFreeHost")
            gpu.release(self.address)

    class DeviceAllocation(int):
        def free(self):
            gpu.needs_context("cuMemFree")
            gpu.release(int(self))

    def pagelocked_empty(shape, dtype, order="C", mem_flags=0):
        gpu.checked("cuMemHostAlloc")
        assert dtype is np.float32
        return np.asarray(Pinned(shape, mapped=mem_flags == 2))

    def mem_alloc(size):
        gpu.checked("cuMemAlloc")
        return DeviceAllocation(gpu.allocate(size))

    def copy_in(address, host, stream):
        stream = stream.handle
        gpu.checked("cuMemcpyHtoDAsync")
        host_bytes = host.reshape(-1).view(np.uint8)
        gpu.give(stream, lambda: np.copyto(gpu.at(address)[: host_bytes.size], host_bytes))

    def copy_out(host, address, stream):
        stream = stream.handle
        gpu.checked("cuMemcpyDtoHAsync")
        host_bytes = host.reshape(-1).view(np.uint8)
        gpu.give(stream, lambda: np.copyto(host_bytes, gpu.at(address)[: host_bytes.size]))

    return SimpleNamespace(
        Error=CudaError,
        init=lambda: None,
        get_driver_version=lambda: 12060,
        Device=Device,
        Context=context,
        Stream=Stream,
        Event=Event,
        device_attribute=SimpleNamespace(INTEGRATED="INTEGRATED"),
        event_flags=SimpleNamespace(DISABLE_TIMING=2),
        host_alloc_flags=SimpleNamespace(DEVICEMAP=2),
        pagelocked_empty=pagelocked_empty,
        mem_alloc=mem_alloc,
        memcpy_htod_async=copy_in,
        memcpy_dtoh_async=copy_out,
    )


def make_cuda_bindings(gpu: Gpu) -> SimpleNamespace:
    """What `import cuda.bindings.driver` gives: functions return a status and what they made."""
    success, failure = SimpleNamespace(name="CUDA_SUCCESS"), SimpleNamespace(name="CUDA_ERROR_ILLEGAL_ADDRESS")

    def begin(stream, mode):
        gpu.checked("cuStreamBeginCapture")
        assert mode == "thread local"
        if gpu.streams[stream]:
            raise BrokenRuleError("capture begun while work is pending")
        gpu.capturing[stream] = []
        gpu.happens("begin capture")
        return (success,)

    def end(stream):
        gpu.happens("end capture")
        return success, gpu.capturing.pop(stream)

    def launch(executable, stream):
        gpu.needs_context("cuGraphLaunch")
        if gpu.faulty:
            return (failure,)
        for work in executable:
            gpu.give(stream, work)
        gpu.happens("launch graph")
        return (success,)

    def destroy(executable):
        if gpu.pending():
            raise BrokenRuleError("graph destroyed while work is pending")
        gpu.happens("destroy graph")
        return (success,)

    return SimpleNamespace(
        CUresult=SimpleNamespace(CUDA_SUCCESS=success),
        CUstreamCaptureMode=SimpleNamespace(CU_STREAM_CAPTURE_MODE_THREAD_LOCAL="thread local"),
        cuStreamBeginCapture=begin,
        cuStreamEndCapture=end,
        cuGraphInstantiate=lambda graph, flags: (success, list(graph)),
        cuGraphDestroy=lambda graph: (success,),
        cuGraphLaunch=launch,
        cuGraphExecDestroy=destroy,
    )
