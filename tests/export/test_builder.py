"""The builder's process with TensorRT proper, played by a stand-in: a GPU is asked first, and every end is told."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from edge.errors import BackendMissingError, ModelError
from edge.segmenters import packaged_model
from edge.segmenters.engine_files import read_engine
from export.engine import EngineOptions, build_engine

STAND_IN = Path(__file__).parent / "stand_in"


@pytest.fixture
def options(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> EngineOptions:
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(STAND_IN), os.environ.get("PYTHONPATH", "")]).rstrip(":"))
    monkeypatch.syspath_prepend(str(STAND_IN))
    return EngineOptions(
        model=packaged_model(), out=tmp_path / "x.engine", int8=False, roi_align="plain", flavour="tensorrt"
    )


def test_the_sidecar_names_the_gpu_that_tensorrt_built_for(options: EngineOptions) -> None:
    sidecar = build_engine(options)
    assert options.out.read_bytes() == b"a plan"
    assert (sidecar.flavour, sidecar.tensorrt) == ("tensorrt", "10.3.0.26")
    assert (sidecar.gpu, sidecar.sm, sidecar.cuda, sidecar.runs_on) == ("Stand-in GPU", "87", "12.6", ())
    found, _, _ = read_engine(options.out, allow_unverified=True)
    assert found == sidecar


@pytest.mark.parametrize(
    ("behaviour", "error", "told"),
    [
        ("no GPU", BackendMissingError, "none is visible"),
        ("refuses", ModelError, "the graph cannot be parsed: No importer registered for op: Strange"),
        ("fails", ModelError, r"could not build the engine \(Could not find any implementation for node X\)"),
        ("dies", ModelError, "ended by SIGABRT"),
    ],
)
def test_every_end_of_the_builder_is_told_and_leaves_nothing_behind(
    options: EngineOptions, monkeypatch: pytest.MonkeyPatch, behaviour: str, error: type[Exception], told: str
) -> None:
    monkeypatch.setenv("STAND_IN", behaviour)
    with pytest.raises(error, match=told):
        build_engine(options)
    assert list(options.out.parent.iterdir()) == []
