"""An engine of the packaged model, built and executed on the GPU at hand, says what ONNX Runtime says."""

from __future__ import annotations

from pathlib import Path

import pytest

from edge.segmenters.sidecar import Flavour
from tests.gpu.backends import Backend, Kind, build_engine_here, check_installed, engine_backends, onnx_runtime_cuda
from tests.gpu.engine_sections import compare, reference
from tests.gpu.machine import why_no_gpu
from tests.gpu.rows import NotRun, Report


@pytest.fixture(autouse=True)
def _gpu_at_hand() -> None:
    if reason := why_no_gpu():
        pytest.skip(reason)


def holds(backend: Backend, folder: Path) -> bool:
    report = Report(out=folder)
    compare(report, backend, reference())
    return not report.failed


@pytest.mark.parametrize("plugin", [True, False], ids=["plugin", "plain"])
@pytest.mark.parametrize("flavour", ["tensorrt", "tensorrt-rtx"])
def test_an_fp16_engine_finds_the_cells_of_the_reference(flavour: Flavour, plugin: bool, tmp_path: Path) -> None:
    kind = Kind(flavour=flavour, int8=False, plugin=plugin)
    try:
        check_installed(flavour)
        engine, _ = build_engine_here(kind, tmp_path)
        plain_launches = engine_backends(kind, engine)[1]
        assert holds(plain_launches, tmp_path)
    except NotRun as reason:
        pytest.skip(str(reason))


def test_onnx_runtime_on_the_gpu_finds_the_cells_of_the_reference(tmp_path: Path) -> None:
    try:
        assert holds(onnx_runtime_cuda(), tmp_path)
    except NotRun as reason:
        pytest.skip(str(reason))
