"""Builds of the native code, one per test session."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.export.plugin.host_library import build_host_library, missing_tools
from tests.export.plugin.plugin_library import build_plugin_library, missing_plugin_tools


@pytest.fixture(scope="session")
def host_library(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The path of the host library, built and loaded."""
    if reason := missing_tools():
        pytest.skip(reason)
    return build_host_library(tmp_path_factory.mktemp("host_library"))


@pytest.fixture(scope="session")
def plugin_library(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The path of the TensorRT plugin library, built against the headers found."""
    if reason := missing_plugin_tools():
        pytest.skip(reason)
    return build_plugin_library(tmp_path_factory.mktemp("plugin_library"))
