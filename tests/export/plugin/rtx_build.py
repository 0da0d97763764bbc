"""Starts the TensorRT-RTX builder in a process of its own and reads its log."""

from __future__ import annotations

import importlib.util
import os
import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import onnx

from export.build_process import named_library


@dataclass(frozen=True, slots=True, kw_only=True)
class RtxBuild:
    """`plan` is None where TensorRT-RTX refused; `errors` are its error lines and what went to standard error."""

    status: int
    plan: bytes | None
    layers: tuple[str, ...]
    errors: tuple[str, ...]


def has_tensorrt_rtx() -> bool:
    return importlib.util.find_spec("tensorrt_rtx") is not None


def rtx_build(model: onnx.ModelProto, library: Path, folder: Path) -> RtxBuild:
    """Build `model` with the plugin `library`; files go into `folder`."""
    onnx.save(model, str(folder / "model.onnx"))
    child = Path(__file__).with_name("rtx_child.py")
    plan, log = folder / "plan", folder / "log"
    search_path = f"{named_library(folder)}:{os.environ.get('LD_LIBRARY_PATH', '')}".rstrip(":")
    run = subprocess.run(
        [sys.executable, str(child), str(folder / "model.onnx"), str(library), str(plan), str(log)],
        env={**os.environ, "LD_LIBRARY_PATH": search_path},
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    assert log.exists(), f"exit status {run.returncode}: {run.stderr}"
    lines = log.read_text().splitlines()
    return RtxBuild(
        status=run.returncode,
        plan=plan.read_bytes() if plan.exists() else None,
        layers=tuple(line for line in lines if re.search(r"Name: .*, LayerType: ", line)),
        errors=tuple(line for line in lines if line.startswith("ERROR ")) + tuple(run.stderr.splitlines()),
    )
