"""The packaged model as an ONNX graph, pictures that hold none, few and many cells, and builds of the native code."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest
from numpy.typing import NDArray

from edge.preprocess import preprocess
from edge.segmenters import packaged_model
from edge.simulator import SmearParameters, draw_field
from export.engine_graph import spec_of
from tests.export.plugin.host_library import build_host_library, missing_tools
from tests.export.plugin.plugin_library import build_plugin_library, missing_plugin_tools
from tests.export.some_ranges import observe_largest


@pytest.fixture(scope="session")
def packaged() -> onnx.ModelProto:
    return onnx.load(packaged_model())


@pytest.fixture(scope="session")
def tensors(packaged: onnx.ModelProto) -> list[NDArray[np.float32]]:
    spec = spec_of(packaged)
    fields = [
        draw_field(SmearParameters(seed=seed, density=d), 1024, 768)[0] for seed, d in enumerate((0.0, 4.0, 24.0))
    ]
    return [preprocess(field, spec)[0] for field in fields]


@pytest.fixture(scope="session")
def ranges(packaged: onnx.ModelProto, tensors: list[NDArray[np.float32]]) -> dict[str, float]:
    return observe_largest(packaged, tensors)


@pytest.fixture(scope="session")
def host_library(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The path of the host library, built and loaded."""
    if reason := missing_tools():
        pytest.skip(reason)
    return build_host_library(tmp_path_factory.mktemp("host_library"))


@pytest.fixture(scope="session")
def plugin_or_none(tmp_path_factory: pytest.TempPathFactory) -> Path | None:
    """As `plugin_library`, but None where it cannot be built: for what plain RoIAlign shows as well."""
    return None if missing_plugin_tools() else build_plugin_library(tmp_path_factory.mktemp("plugin_library"))


@pytest.fixture(scope="session")
def plugin_library(plugin_or_none: Path | None) -> Path:
    """The path of the TensorRT plugin library, built against the headers found."""
    if plugin_or_none is None:
        pytest.skip(str(missing_plugin_tools()))
    return plugin_or_none
