"""What the builder's own process is told and what it tells: a request file in, lines of JSON out."""

from __future__ import annotations

import msgspec

from edge.segmenters.sidecar import EngineTensor, Flavour


class BuildRequest(msgspec.Struct, frozen=True, kw_only=True):
    """Paths of the ONNX graph, the plan to write and the plugin library (None: not needed); `target` is a compute
    capability such as "86", TensorRT-RTX only."""

    flavour: Flavour
    graph: str
    plan: str
    plugin: str | None
    target: str | None


class Phase(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """TensorRT has done `done` of `steps` steps of a phase of its work."""

    name: str
    done: int
    steps: int


class Built(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """The plan is written. `gpu`, `sm`, `cuda` and `driver` are None where no GPU was asked."""

    tensorrt: str
    tensors: tuple[EngineTensor, ...]
    gpu: str | None = None
    sm: str | None = None
    cuda: str | None = None
    driver: str | None = None


class Failed(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """There will be no plan. `missing`: because a GPU or a library is not there."""

    reason: str
    missing: bool = False


Message = Phase | Built | Failed
