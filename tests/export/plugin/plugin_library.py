"""Building the TensorRT plugin library for tests, and asking it what TensorRT would ask."""

from __future__ import annotations

import importlib.util
import os
import shutil
import sys
from functools import cache
from pathlib import Path

from tests.export.plugin.cmake_build import build, configure
from tests.export.plugin.host_library import missing_tools

LIBRARY_NAME = "libleukoedge_plugin.so"
#: PTX of one architecture: the whole list takes minutes and tests nothing more on a machine without a GPU.
TEST_ARCHITECTURES = "75-virtual"


def missing_plugin_tools() -> str | None:
    """Why the plugin library cannot be built here, or None."""
    if reason := missing_tools():
        return reason
    if not (shutil.which("nvcc") or os.environ.get("CUDACXX") or Path("/usr/local/cuda/bin/nvcc").exists()):
        return "needs nvcc (CUDA's compiler)"
    system = [Path("/usr/include"), *Path("/usr/include").glob("*-linux-gnu")]
    installed = any((folder / "NvInferRuntime.h").exists() for folder in system)
    if not (installed or os.environ.get("TENSORRT_ROOT") or importlib.util.find_spec("kernel_lens")):
        return "needs TensorRT's headers: set TENSORRT_ROOT, install its development package or PyPI's kernel-lens"
    return None


@cache
def build_plugin_library(build_dir: Path) -> Path:
    """Build with CMake below `build_dir` and return the library's path.

    Raises
    ------
    RuntimeError
        with the compiler's output
    """
    options = [
        f"-DPython3_EXECUTABLE={sys.executable}",
        f"-DLEUKOEDGE_CUDA_ARCHITECTURES={TEST_ARCHITECTURES}",
        "-DCMAKE_CXX_FLAGS=-Werror",
    ]
    configure(build_dir, options)
    return build(build_dir, ["leukoedge_plugin"]) / LIBRARY_NAME
