"""The one command, run to its end without a GPU, and its sections with stand-ins for what needs one."""

from __future__ import annotations

import ctypes
import json
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from edge.errors import BackendMissingError, ModelError
from edge.segmenters import open_segmenter
from tests.export.plugin.host_library import build_host_library, missing_tools
from tests.gpu import backends, engine_sections, kernel, kernel_sections, machine, run_all
from tests.gpu.backends import Backend, excusing
from tests.gpu.cases import EDGE_BOXES, LAYOUTS
from tests.gpu.kernel_sections import differences
from tests.gpu.rows import NotRun, Report

REASON = "no GPU: none in this test"


def test_without_a_gpu_every_section_says_so_and_the_command_succeeds(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for module in (machine, kernel_sections, engine_sections):
        monkeypatch.setattr(module, "why_no_gpu", lambda: REASON)
    assert run_all.main(["--out", str(tmp_path)]) == 0
    rows = json.loads((tmp_path / "gpu.json").read_text())
    assert {row["section"] for row in rows} == set(run_all.SECTIONS)
    assert [row["state"] for row in rows] == ["ok"] + ["not run"] * 5
    assert {row["note"] for row in rows[1:]} == {REASON}
    assert capsys.readouterr().out == (tmp_path / "gpu.md").read_text()


def test_a_failure_makes_the_command_fail(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (machine, kernel_sections, engine_sections):
        monkeypatch.setattr(module, "why_no_gpu", lambda: REASON)

    def broken(report: Report, repeats: int) -> None:
        raise OSError("no space")

    monkeypatch.setattr(run_all, "tell_speed", broken)
    assert run_all.main(["--out", str(tmp_path)]) == 1
    rows = json.loads((tmp_path / "gpu.json").read_text())
    assert [(row["section"], row["note"]) for row in rows if row["state"] == "FAILED"] == [
        ("kernel, time", "OSError: no space")
    ]


def test_too_few_repeats_are_refused(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        run_all.main(["--out", "x", "--repeats", "3"])
    assert ended.value.code == 2
    assert "give 20 or more" in capsys.readouterr().err


class HostGpu:
    """The host's memory in the place of a GPU's; ROIs arrive `shift` px off."""

    name = "host"
    stream = 0

    def __init__(self, shift: float = 0.0) -> None:
        self._shift = np.float32(shift)

    def upload(self, array: NDArray) -> tuple[int, NDArray]:
        copy = array + self._shift if array.ndim == 2 else array.copy()
        return copy.ctypes.data, copy

    def download(self, kept: NDArray, like: NDArray) -> NDArray:
        return kept

    def seconds(self, launch: Callable[[], None], repeats: int) -> list[float]:
        starts = [time.perf_counter()]
        for _ in range(repeats):
            launch()
            starts.append(time.perf_counter())
        return list(np.diff(starts))

    def copy(self, count: int) -> Callable[[], None]:
        source, target = np.ones(count, np.uint8), np.empty(count, np.uint8)
        return lambda: np.copyto(target, source)


@pytest.fixture
def host(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    """The host library in the place of the kernel, and the smallest case alone."""
    if reason := missing_tools():
        pytest.skip(reason)
    library = ctypes.CDLL(str(build_host_library(tmp_path_factory.getbasetemp() / "host_library")))

    def launch(call: object, stream: object, fault: object, size: int) -> int:
        return library.leukoedgeRoiAlignHost(call, fault, size)

    monkeypatch.setattr(kernel, "entry", lambda: launch)
    monkeypatch.setattr(kernel_sections, "CASES", (EDGE_BOXES,))


@pytest.mark.usefixtures("host")
@pytest.mark.parametrize(("shift", "state"), [(0.0, "ok"), (0.1, "FAILED")])
def test_the_kernel_is_held_to_the_definition(shift: float, state: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Boxes that are 0.1 px off show in every type and layout."""
    monkeypatch.setattr(kernel_sections, "_gpu", lambda: HostGpu(shift))
    report = Report(out=Path("unused"))
    kernel_sections.tell_correctness(report)
    rows = [row for row in report.rows if row.what.startswith(EDGE_BOXES.name)]
    assert len(rows) == sum(map(len, LAYOUTS.values()))
    assert {row.state for row in rows} == {state}


@pytest.mark.usefixtures("host")
def test_the_kernel_is_timed_beside_a_copy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kernel_sections, "_gpu", HostGpu)
    report = Report(out=Path("unused"))
    kernel_sections.tell_speed(report, 2)
    assert {row.state for row in report.rows} == {"ok"}
    assert len(report.rows) == sum(map(len, LAYOUTS.values()))
    for row in report.rows:
        share, us, copy = (float(row.figures[name]) for name in ("share of the copy's bandwidth", "us", "copy us"))
        assert share == pytest.approx(copy / us)
        assert row.figures["at least 0.6"] == (share >= 0.6)


def test_values_that_were_not_written_are_a_difference() -> None:
    wanted = np.zeros((1, 4), np.float32)
    assert differences(np.array([[0, 0, np.nan, 0]], np.float32), wanted)[1] is False
    assert differences(np.array([[0, 0, 127, 0]], np.int8), wanted)[1] is False
    assert differences(np.zeros((1, 4), np.float16), wanted) == (0.0, True)


def cpu(name: str = "CPU") -> Backend:
    return Backend(name=name, int8=False, flavour=None, open=open_segmenter)


def test_a_backend_is_compared_and_timed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With the reference itself in the place of an engine: nothing differs."""
    monkeypatch.setattr(engine_sections, "PICTURES", 4)
    monkeypatch.setattr(engine_sections, "FRAMES", 1)
    monkeypatch.setattr(engine_sections, "WARM_UP", 1)
    report = Report(out=tmp_path)
    engine_sections.compare(report, cpu(), engine_sections.reference())
    engine_sections.latency(report, cpu(), engine_sections.encoded_frames(), 2)
    same, timed = report.rows
    assert same.state == "ok"
    assert same.figures["cells"] == same.figures["matched"] > 0
    assert same.figures["mask"] == 0.0
    assert set(timed.figures) == {
        *("decode ms", "preprocess ms", "segment ms", "postprocess ms", "segment p95 ms", "loop ms", "loop p95 ms")
    }
    stages = ("decode ms", "preprocess ms", "segment ms", "postprocess ms")
    assert all(float(timed.figures[stage]) > 0 for stage in stages)


def test_nothing_that_ran_means_nothing_to_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine_sections, "why_no_gpu", lambda: None)
    with pytest.raises(NotRun, match="nothing that runs the model"):
        engine_sections.tell_latency(Report(out=tmp_path), engine_sections.Engines(folder=tmp_path), 20)


def test_only_rtx_on_a_gpu_that_it_does_not_serve_is_excused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(backends, "compute_capability", lambda: "90")
    with pytest.raises(NotRun, match=r"serves SM 75, .*not 90: too new"), excusing("tensorrt-rtx"):
        raise ModelError("too new")
    with pytest.raises(ModelError), excusing("tensorrt"):
        raise ModelError("broken")
    monkeypatch.setattr(backends, "compute_capability", lambda: "89")
    with pytest.raises(ModelError), excusing("tensorrt-rtx"):
        raise ModelError("broken")
    with pytest.raises(NotRun, match="no pycuda"), excusing(None):
        raise BackendMissingError("no pycuda")
