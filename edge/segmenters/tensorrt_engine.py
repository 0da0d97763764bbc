"""Runs a TensorRT engine on the first GPU."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from edge.errors import ModelError
from edge.segmenters.cuda import Cuda, Graph, Stream, TensorBuffer
from edge.segmenters.engine_facts import check_sidecar
from edge.segmenters.engine_files import plugin_path, read_engine
from edge.segmenters.protocol import RawOutputs
from edge.segmenters.pycuda_driver import PyCuda
from edge.segmenters.sidecar import EngineSidecar, Flavour, rebuild_command
from edge.segmenters.tensorrt_library import Engine, Library, TensorRtLibrary
from edge.spec import ModelSpec
from edge.types import Floats

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Machine:
    """How to reach what an engine runs on; each call raises BackendMissingError if it is not there."""

    library: Callable[[Flavour], Library] = TensorRtLibrary
    cuda: Callable[[], Cuda] = PyCuda


class TensorRtSegmenter:
    """See `edge.segmenters.protocol.Segmenter`. Opened, used and closed by one thread, else RuntimeError.

    A frame is written to page-locked memory plane by plane (R, G, B), and each plane travels on the copy stream while
    the next is being written. The compute stream waits for the last one, then runs the network and the copies back, as
    one CUDA graph where cuda-python is installed. `segment` returns when the results are there, so that no second frame
    is ever under way and a second set of buffers would lie idle. A GPU that shares the host's memory (Jetson) works in
    the page-locked memory itself, without copies and with one stream.

    Parameters
    ----------
    path : the engine, with its sidecar, its plugin library and its acceptance report beside it
    allow_unverified : run it even if its acceptance report is missing or failed
    machine : where TensorRT and the GPU come from

    Raises
    ------
    ModelError : a file is missing, changed or of another engine; the report is missing or failed; the engine was built
        for another TensorRT or GPU, or cannot be loaded. Whatever the files alone can tell is told first.
    BackendMissingError : no TensorRT, no pycuda, no driver or no GPU
    """

    def __init__(self, path: Path, *, allow_unverified: bool = False, machine: Machine | None = None) -> None:
        machine = machine or Machine()
        self._owner = threading.get_ident()
        self._path = path
        self._failed = False
        sidecar, plan, facts = read_engine(path, allow_unverified=allow_unverified)
        self._sidecar = sidecar
        library = machine.library(sidecar.flavour)
        facts = replace(facts, flavour=sidecar.flavour, tensorrt=library.version)
        check_sidecar(sidecar, facts, path)
        self._cuda: Cuda | None = machine.cuda()
        self._resources = ExitStack()
        try:
            check_sidecar(sidecar, replace(facts, sm=self._cuda.sm, gpu=self._cuda.gpu), path)
            self.spec: ModelSpec = sidecar.spec
            self.sha256 = sidecar.plan_sha256
            self.backend = f"{sidecar.flavour}-{sidecar.tensorrt}"
            self.gpu = self._cuda.gpu
            self._open(self._cuda, library, sidecar, plan)
        except BaseException:
            self.close()
            raise

    def segment(self, tensor: Floats) -> RawOutputs:
        """Run the engine.

        Raises ModelError if the tensor is not float32 [1, 3, H, W], if CUDA or TensorRT fail (the engine is of no use
        any more then and must be closed) or if a result is not finite.
        """
        cuda = self._usable()
        if tensor.shape != self._input_shape or tensor.dtype != np.float32:
            raise ModelError(
                f"the engine {self._path} takes float32 {list(self._input_shape)} but was given {tensor.dtype} "
                f"{list(tensor.shape)}; prepare pictures with its own description"
            )
        try:
            with cuda.current():
                self._upload(tensor)
                self._run(cuda)
        except _failures(cuda) as error:
            self._failed = True
            raise ModelError(
                f"the engine {self._path} failed on {cuda.gpu} ({error}); start again, and if it fails again build it "
                f"anew with `{rebuild_command(self._path, self._sidecar)}`"
            ) from error
        return self._results()

    def close(self) -> None:
        """Wait for the GPU, then free everything in reverse; never raises but for another thread's call."""
        self._check_thread("closed")
        cuda, self._cuda = self._cuda, None
        if cuda is None:
            return
        try:
            with cuda.current():
                self._resources.close()
        except cuda.errors as error:
            log.warning("the GPU's context is gone (%s)", error)
        try:
            cuda.close()
        except cuda.errors as error:
            log.warning("the GPU's context could not be released (%s)", error)

    def _open(self, cuda: Cuda, library: Library, sidecar: EngineSidecar, plan: bytes) -> None:
        """Load the engine, give it its buffers, run it once, and capture it."""
        try:
            with cuda.current():
                self._engine: Engine = library.load(plan, plugin_path(self._path, sidecar))
                self._keep(cuda, "the engine", self._engine.close)
                _check_tensors(self._engine, sidecar)
                self._make_buffers(cuda)
                self._compute = self._new_stream(cuda)
                self._copy = self._compute if cuda.integrated else self._new_stream(cuda)
                self._graph: Graph | None = None
                self._first_runs(cuda)
        except _failures(cuda) as error:
            raise ModelError(
                f"{self._path} could not be opened on {cuda.gpu}: {error}; build it again on this machine with "
                f"`{rebuild_command(self._path, sidecar)}`"
            ) from error

    def _new_stream(self, cuda: Cuda) -> Stream:
        stream = cuda.stream()
        self._keep(cuda, "a stream", stream.free)
        self._keep(cuda, "the work under way", stream.synchronize)
        return stream

    def _make_buffers(self, cuda: Cuda) -> None:
        spec = self.spec
        self._input_shape = (1, 3, spec.input_height, spec.input_width)
        shapes = {
            spec.input_name: self._input_shape[1:],
            spec.boxes_name: (spec.slots, 4),
            spec.scores_name: (spec.slots,),
            spec.masks_name: (spec.slots, spec.mask_size, spec.mask_size),
        }
        self._buffers: dict[str, TensorBuffer] = {}
        for name, shape in shapes.items():
            buffer = self._buffers[name] = cuda.buffer(shape)
            self._keep(cuda, f"the buffer '{name}'", buffer.free)
            self._engine.bind(name, buffer.address)
        self._outputs = [self._buffers[name] for name in (spec.boxes_name, spec.scores_name, spec.masks_name)]

    def _first_runs(self, cuda: Cuda) -> None:
        """One ordinary run, in which TensorRT allocates and loads what a capture must not, then the capture.

        Shapes and addresses never change afterwards, so that one capture lasts.
        """
        self._upload(np.zeros(self._input_shape, np.float32))
        self._run(cuda)
        try:
            self._graph = cuda.capture(self._compute, self._enqueue)
        except _failures(cuda) as error:
            log.warning("the engine cannot be captured as a CUDA graph (%s); it runs without one", error)
        if self._graph is not None:
            self._keep(cuda, "the CUDA graph", self._graph.free)
            self._keep(cuda, "the work under way", self._compute.synchronize)

    def _upload(self, tensor: Floats) -> None:
        buffer = self._buffers[self.spec.input_name]
        for plane in range(len(buffer.host)):
            buffer.host[plane] = tensor[0, plane]
            buffer.upload(plane, self._copy)

    def _run(self, cuda: Cuda) -> None:
        if self._copy is not self._compute:
            cuda.follow(self._copy, self._compute)
        if self._graph is None:
            self._enqueue()
        else:
            self._graph.launch(self._compute)
        self._compute.synchronize()

    def _enqueue(self) -> None:
        self._engine.enqueue(self._compute.handle)
        for buffer in self._outputs:
            buffer.download(self._compute)

    def _results(self) -> RawOutputs:
        """Copies of the slots in use; the buffers themselves belong to the next frame."""
        boxes, scores, masks = (buffer.host for buffer in self._outputs)
        used = scores >= self.spec.score_floor
        outputs = RawOutputs(boxes=boxes[used], scores=scores[used], masks=masks[used])
        if not all(np.isfinite(array).all() for array in (scores, outputs.boxes, outputs.masks)):
            raise ModelError(
                f"the engine {self._path} put out values that are no numbers; verify it with `python -m export verify` "
                "or build it at a higher precision"
            )
        return outputs

    def _keep(self, cuda: Cuda, what: str, free: Callable[[], None]) -> None:
        """`free` is called on closing, in reverse order; that it fails must not keep the rest from being freed."""

        def freed() -> None:
            try:
                free()
            except failures as error:
                log.warning("%s could not be freed cleanly (%s)", what, error)

        failures = _failures(cuda)
        self._resources.callback(freed)

    def _usable(self) -> Cuda:
        self._check_thread("used")
        if self._cuda is None:
            raise ModelError("the model was closed")
        if self._failed:
            raise ModelError(f"the engine {self._path} failed before and cannot go on; start again")
        return self._cuda

    def _check_thread(self, what: str) -> None:
        if threading.get_ident() != self._owner:
            raise RuntimeError(
                f"the engine {self._path} was opened by another thread, and CUDA belongs to that one: it must be "
                f"{what} there"
            )


def _failures(cuda: Cuda) -> tuple[type[Exception], ...]:
    """What TensorRT and CUDA raise when they fail."""
    return (ModelError, RuntimeError, *cuda.errors)


def _check_tensors(engine: Engine, sidecar: EngineSidecar) -> None:
    found, expected = (sorted(tensors, key=lambda one: one.name) for tensors in (engine.tensors, sidecar.tensors))
    if found != expected:
        raise ModelError(f"the plan has the tensors {found} but its sidecar says {expected}")
