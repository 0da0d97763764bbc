"""The plugin library as the dynamic linker and TensorRT's registry see it, on a machine without a GPU."""

from __future__ import annotations

import ctypes
import shutil
import subprocess
import sys
from pathlib import Path

import pytest


def symbols(library: Path, option: str) -> set[str]:
    """Dynamic symbols without their versions."""
    if shutil.which("nm") is None:
        pytest.skip("needs nm (binutils)")
    listed = subprocess.run(
        ["nm", "-D", "--format=posix", option, str(library)], capture_output=True, text=True, check=True
    )
    return {line.split()[0].split("@")[0] for line in listed.stdout.splitlines()}


def test_only_the_two_entry_points_leave_the_library(plugin_library: Path) -> None:
    assert symbols(plugin_library, "--defined-only") == {"getCreators", "setLoggerFinder"}


def test_neither_tensorrt_nor_cuda_is_needed_to_load_it(plugin_library: Path) -> None:
    undefined = symbols(plugin_library, "--undefined-only")
    foreign = {
        name for name in undefined if name.startswith(("cuda", "cu", "nv", "getInfer", "getPlugin", "_ZN8nvinfer1"))
    }
    assert foreign == set()


def test_it_loads_and_offers_one_creator(plugin_library: Path) -> None:
    # in a process of its own: nothing else may have loaded CUDA or TensorRT before
    code = (
        "import ctypes, sys\n"
        "library = ctypes.CDLL(sys.argv[1])\n"
        "count = ctypes.c_int32(-1)\n"
        "library.getCreators.restype = ctypes.POINTER(ctypes.c_void_p)\n"
        "creators = library.getCreators(ctypes.byref(count))\n"
        "library.setLoggerFinder(None)\n"
        "print(count.value, bool(creators[0]))\n"
    )
    run = subprocess.run([sys.executable, "-c", code, str(plugin_library)], capture_output=True, text=True, check=False)
    assert (run.returncode, run.stdout.strip()) == (0, "1 True"), run.stderr


def test_the_same_creator_is_offered_each_time(plugin_library: Path) -> None:
    library = ctypes.CDLL(str(plugin_library))
    library.getCreators.restype = ctypes.POINTER(ctypes.c_void_p)
    count = ctypes.c_int32()
    first = library.getCreators(ctypes.byref(count))[0]
    assert library.getCreators(ctypes.byref(count))[0] == first
