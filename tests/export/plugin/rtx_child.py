"""Builds one plan with TensorRT-RTX, as a process of its own: a fault in there must not end the tests.

    python rtx_child.py MODEL.onnx LIBRARY.so PLAN LOG

Writes the plan and TensorRT's verbose log; exits with 1 where parsing or building fails.
"""

from __future__ import annotations

import sys
from pathlib import Path

import tensorrt_rtx as trt


class _Log(trt.ILogger):
    def __init__(self) -> None:
        super().__init__()
        self.lines: list[str] = []

    def log(self, severity: trt.ILogger.Severity, msg: str) -> None:
        self.lines.append(f"{severity.name} {msg}")


def _build(model: bytes, library: str, log: _Log) -> bytes | None:
    builder = trt.Builder(log)
    if builder.get_plugin_registry().load_library(library) is None:
        return None
    network = builder.create_network(1 << int(trt.NetworkDefinitionCreationFlag.STRONGLY_TYPED))
    if not trt.OnnxParser(network, log).parse(model):
        return None
    config = builder.create_builder_config()
    config.profiling_verbosity = trt.ProfilingVerbosity.DETAILED
    plan = builder.build_serialized_network(network, config)
    return None if plan is None else bytes(plan)


def main() -> int:
    model, library, plan_path, log_path = sys.argv[1:]
    log = _Log()
    plan = _build(Path(model).read_bytes(), library, log)
    Path(log_path).write_text("\n".join(log.lines))
    if plan is None:
        return 1
    Path(plan_path).write_bytes(plan)
    return 0


if __name__ == "__main__":
    sys.exit(main())
