"""A TensorRT made of NumPy, on the stand-in GPU: its "plan" finds dark tiles as `tests.tiny_model` does."""

from __future__ import annotations

import hashlib
import weakref
from enum import Enum
from pathlib import Path
from types import SimpleNamespace

import msgspec
import numpy as np

from edge.segmenters.acceptance import AcceptanceReport, Figures, write_acceptance
from edge.segmenters.engine_facts import expected_tensors
from edge.segmenters.sidecar import EngineSidecar, EngineTensor, PluginFile, write_sidecar
from tests.edge.segmenters.stand_in_gpu import BrokenRuleError, Gpu
from tests.tiny_model import HEIGHT, MASK, SPEC, TILE, WIDTH

VERSION = "10.3.0.30"
PLAN = b"stand-in plan"
PLUGIN = b"stand-in plugin"
ENGINE_SPEC = msgspec.structs.replace(SPEC, precision="int8")
SHAPES = {name: (role, shape) for name, (role, shape) in expected_tensors(ENGINE_SPEC).items()}

SIDECAR = EngineSidecar(
    flavour="tensorrt",
    tensorrt=VERSION,
    cuda="12.6",
    driver="540.4.0",
    gpu="Stand-in GPU",
    sm="87",
    l4t="36.4.3",
    precision="int8",
    roi_align="plugin",
    quantiser="percentile 99.99",
    calibration_sha256="c" * 64,
    onnx_sha256="0" * 64,
    plan_sha256=hashlib.sha256(PLAN).hexdigest(),
    plugin=PluginFile(file="x.plugin.so", sha256=hashlib.sha256(PLUGIN).hexdigest()),
    tensors=tuple(
        EngineTensor(name=name, role=role, dtype="float32", shape=shape) for name, (role, shape) in SHAPES.items()
    ),
    spec=ENGINE_SPEC,
    arguments=("--int8",),
    program="0.1.0",
    built="2026-01-01T00:00:00+00:00",
)

FIGURES = Figures(miou=0.9, recall=0.99, found=99, missed=1, false_cells=2, count_error=0.1)
REPORT = AcceptanceReport(
    plan_sha256=SIDECAR.plan_sha256,
    onnx_sha256=SIDECAR.onnx_sha256,
    judged_on="the stand-in",
    source="nothing at all",
    pictures=3,
    cells=100,
    figures={"fp32": FIGURES, "int8": FIGURES},
    candidate="int8",
    miou_loss=0.0,
    recall_loss=0.0,
    worst=None,
    passed=True,
)


def write_engine(
    folder: Path, sidecar: EngineSidecar = SIDECAR, report: AcceptanceReport | None = REPORT, plan: bytes = PLAN
) -> Path:
    """All files of an engine; a plugin library only if the sidecar names one, a report unless None."""
    engine = folder / "x.engine"
    engine.write_bytes(plan)
    if sidecar.plugin is not None:
        (folder / sidecar.plugin.file).write_bytes(PLUGIN)
    write_sidecar(engine, sidecar)
    if report is not None:
        write_acceptance(engine, report)
    return engine


def find_dark_tiles(image: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Static outputs for float32 [3, H, W]: boxes [S, 4], scores [S], masks [S, m, m]; unused slots have score 0."""
    tiles = image.mean(0).reshape(HEIGHT // TILE, TILE, WIDTH // TILE, TILE).mean((1, 3))
    darkness = 1 - tiles.reshape(-1)
    best = np.argsort(-darkness, kind="stable")[: SPEC.slots]
    rows, columns = np.divmod(best, WIDTH // TILE)
    boxes = np.stack([columns, rows, columns + 1, rows + 1], 1).astype(np.float32) * TILE
    scores = np.where(darkness[best] >= SPEC.score_floor, darkness[best], 0).astype(np.float32)
    return boxes, scores, np.ones((SPEC.slots, MASK, MASK), np.float32)


class Life:
    """An object of TensorRT: it is destroyed with its last reference, and some must outlive others."""

    def __init__(self, gpu: Gpu, name: str, needed_by: tuple[str, ...]):
        self.gpu, self.name, self.needed_by = gpu, name, needed_by
        gpu.alive.add(name)
        gpu.happens(f"create {name}")

    def __del__(self):
        broken = [other for other in self.needed_by if other in self.gpu.alive]
        self.gpu.alive.discard(self.name)
        # An exception in __del__ would be lost, so that tests look for this line.
        self.gpu.happens(f"BROKEN: {self.name} destroyed before {broken}" if broken else f"destroy {self.name}")


class ILogger:
    Severity = Enum("Severity", ["INTERNAL_ERROR", "ERROR", "WARNING", "INFO", "VERBOSE"])

    def __init__(self):
        self.ready = True


def make_tensorrt(gpu: Gpu, *, version: str = VERSION, tensors=None, infinite: str | None = None) -> SimpleNamespace:
    """What `import tensorrt` gives; `tensors` and `infinite` (an output's name) make a plan misbehave."""
    shapes = SHAPES if tensors is None else tensors
    io_mode = Enum("TensorIOMode", ["NONE", "INPUT", "OUTPUT"])
    fails: set[str] = set()

    class Registry:
        def load_library(self, path):
            if "load_library" in fails or Path(path).read_bytes() != PLUGIN:
                return None
            gpu.alive.add("plugin")
            gpu.happens("load plugin")
            return object()

        def deregister_library(self, handle):
            if {"engine", "context"} & gpu.alive:
                raise BrokenRuleError("plugin taken away from a living engine")
            gpu.alive.discard("plugin")
            gpu.happens("unload plugin")

    class Runtime(Life):
        def __init__(self, logger):
            assert logger.ready, "TensorRT's base class was not initialised"
            self.logger = logger
            super().__init__(gpu, "runtime", ("engine", "context", "plugin"))

        def get_plugin_registry(self):
            return Registry()

        def deserialize_cuda_engine(self, plan):
            gpu.needs_context("deserialize_cuda_engine")
            if plan != PLAN or "plugin" not in gpu.alive:
                self.logger.log(ILogger.Severity.ERROR, "no creator for\nMultilevelRoiAlign")
                return None
            return Engine(self.logger)

    class Engine(Life):
        def __init__(self, logger):
            self.logger = logger
            super().__init__(gpu, "engine", ("context",))

        num_io_tensors = len(shapes)

        def get_tensor_name(self, index):
            return list(shapes)[index]

        def get_tensor_mode(self, name):
            return io_mode[shapes[name][0].upper()]

        def get_tensor_dtype(self, name):
            return SimpleNamespace(name="FLOAT")

        def get_tensor_shape(self, name):
            return shapes[name][1]

        def create_execution_context(self):
            return None if "context" in fails else ExecutionContext(self.logger)

    class ExecutionContext(Life):
        def __init__(self, logger):
            self.logger = logger
            self.addresses: dict[str, int] = {}
            self.ran = False
            super().__init__(gpu, "context", ())

        def set_tensor_address(self, name, address):
            self.addresses[name] = address
            return name in shapes

        def execute_async_v3(self, stream):
            gpu.needs_context("execute_async_v3")
            if self.addresses.keys() != shapes.keys():
                raise BrokenRuleError("enqueued without an address for each tensor")
            if gpu.capturing and not self.ran:
                raise BrokenRuleError("captured before one ordinary run was over")
            if "enqueue" in fails or ("capture" in fails and gpu.capturing):
                self.logger.log(ILogger.Severity.ERROR, "cudnn status 8")
                return False
            gpu.happens("capture run" if gpu.capturing else "enqueue")
            addresses, context = dict(self.addresses), weakref.proxy(self)  # work on a GPU keeps nothing alive
            gpu.give(stream, lambda: context.run(addresses))
            return True

        def run(self, addresses):
            self.ran = True
            size = 3 * HEIGHT * WIDTH
            image = gpu.at(addresses[SPEC.input_name]).view(np.float32)[:size].reshape(3, HEIGHT, WIDTH)
            for name, array in zip(("boxes", "scores", "masks"), find_dark_tiles(image), strict=True):
                values = np.full_like(array, np.nan) if name == infinite else array
                gpu.at(addresses[name])[: values.nbytes] = values.reshape(-1).view(np.uint8)

    return SimpleNamespace(__version__=version, ILogger=ILogger, Runtime=Runtime, TensorIOMode=io_mode, fails=fails)
