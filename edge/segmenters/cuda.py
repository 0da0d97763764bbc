"""What a TensorRT engine needs of CUDA, as protocols: `pycuda_driver` implements them, tests put a stand-in there.

All of it belongs to one thread, and everything but `Cuda.current` and `Cuda.close` is called inside `current()`.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Protocol

from edge.types import Floats


class Stream(Protocol):
    """Work given to a stream runs in order."""

    @property
    def handle(self) -> int:
        """The driver's CUstream."""
        ...

    def synchronize(self) -> None:
        """Wait until all its work is done; an error of that work is raised here."""
        ...

    def free(self) -> None: ...


class TensorBuffer(Protocol):
    """One tensor: page-locked host memory and where the GPU sees it.

    Attributes
    ----------
    host : float32; must not be touched while a copy is under way
    address : of the GPU's copy, or of `host` itself if it is mapped
    """

    host: Floats
    address: int

    def upload(self, index: int, stream: Stream) -> None:
        """Start the copy of `host[index]` to the GPU; nothing to do if mapped."""
        ...

    def download(self, stream: Stream) -> None:
        """Start the copy of all of it to `host`; nothing to do if mapped."""
        ...

    def free(self) -> None: ...


class Graph(Protocol):
    """Work that was captured, to be launched as one."""

    def launch(self, stream: Stream) -> None: ...

    def free(self) -> None: ...


class Cuda(Protocol):
    """The primary context of one GPU.

    Attributes
    ----------
    gpu : its name
    sm : its compute capability, e.g. "87"
    integrated : True if it shares the host's memory (Jetson)
    errors : what calls raise when CUDA fails
    """

    gpu: str
    sm: str
    integrated: bool
    errors: tuple[type[Exception], ...]

    def current(self) -> AbstractContextManager[None]:
        """The context is this thread's current one inside, and off its stack again after."""
        ...

    def stream(self) -> Stream:
        """A new stream that does not wait for the default stream."""
        ...

    def buffer(self, shape: tuple[int, ...]) -> TensorBuffer:
        """Zeros; mapped into the GPU's address space instead of copied if `integrated`."""
        ...

    def follow(self, first: Stream, then: Stream) -> None:
        """`then` waits for the work that `first` has been given so far."""
        ...

    def capture(self, stream: Stream, work: Callable[[], None]) -> Graph | None:
        """The graph of what `work` gives to the stream; None if CUDA graphs are not available here.

        Whatever `work` raises leaves the stream out of capture mode.
        """
        ...

    def close(self) -> None:
        """Release the context, after everything in it was freed and outside `current()`."""
        ...
