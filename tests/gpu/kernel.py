"""The plugin's CUDA kernel, built for the GPU at hand and called from Python."""

from __future__ import annotations

import ctypes
import shutil
import sys
from collections.abc import Callable
from functools import cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from tests.export.plugin import cmake_build
from tests.export.plugin.cmake_build import REPOSITORY
from tests.export.plugin.host_library import TYPES, _Level, _RoiAlignCall, pack, unpack
from tests.gpu.cases import Case
from tests.gpu.gpu_memory import Gpu
from tests.gpu.machine import compute_capability
from tests.gpu.rows import NotRun

BUILD = REPOSITORY / "build" / "gpu"


@cache
def build(target: str) -> Path:
    """Build one target of export/plugin for this GPU and return its library.

    Raises
    ------
    NotRun : no CMake, no nvcc, or (for the plugin) no TensorRT headers
    RuntimeError : with the compiler's output
    """
    if shutil.which("cmake") is None:
        raise NotRun("there is no cmake to build the kernel with")
    architecture = f"-DLEUKOEDGE_CUDA_ARCHITECTURES={compute_capability()}"
    python = f"-DPython3_EXECUTABLE={sys.executable}"
    told = cmake_build.configure(BUILD, [architecture, python])
    part = "plugin" if target == "leukoedge_plugin" else "kernel and plugin"
    for line in told.splitlines():
        if f"LeukoEdge {part}: not built" in line or "LeukoEdge kernel and plugin: not built" in line:
            raise NotRun(line.removeprefix("-- "))
    return cmake_build.build(BUILD, [target]) / f"lib{target}.so"


@cache
def entry() -> Callable[..., int]:
    """`leukoedgeRoiAlignCuda` of export/plugin/roi_align_cuda.h; raises as `build`."""
    function: Callable[..., int] = ctypes.CDLL(str(build("leukoedge_roi_align_cuda"))).leukoedgeRoiAlignCuda
    return function


class Pooling:
    """One case on the GPU in one layout: `launch` enqueues it, `result` fetches what came out."""

    def __init__(self, gpu: Gpu, case: Case, levels: list[NDArray], rois: NDArray[np.float32], layout: str) -> None:
        self._gpu = gpu
        self._case = case
        packed = [pack(level, layout) for level in levels]
        group = packed[0].shape[-1]
        self._host = np.zeros((case.rois, packed[0].shape[1], case.bins, case.bins, group), levels[0].dtype)
        # poisoned, so that what is not written shows
        self._host.view(np.uint8).fill(0x7F)
        placed = [gpu.upload(array) for array in (*packed, rois, self._host)]
        self._kept = [kept for _, kept in placed]
        addresses = [address for address, _ in placed]
        self._call = _RoiAlignCall(
            level_count=len(levels),
            channels=case.channels,
            channels_per_group=group,
            type=TYPES[levels[0].dtype],
            roi_count=case.rois,
            bins=case.bins,
            first_level=case.first_level,
            canonical_level=case.canonical_level,
            canonical_size=case.canonical_size,
            rois=addresses[-2],
            output=addresses[-1],
        )
        for i, (level, stride) in enumerate(zip(packed, case.strides, strict=True)):
            self._call.levels[i] = _Level(addresses[i], level.shape[2], level.shape[3], float(stride))
        self._fault = ctypes.create_string_buffer(256)
        self._launch = entry()
        self._arguments = (ctypes.byref(self._call), ctypes.c_void_p(gpu.stream), self._fault, len(self._fault))

    def launch(self) -> None:
        """Raises RuntimeError with the library's own sentence."""
        if self._launch(*self._arguments) != 0:
            raise RuntimeError(self._fault.value.decode())

    def result(self) -> NDArray:
        """[R, C, bins, bins]."""
        return unpack(self._gpu.download(self._kept[-1], self._host), self._case.channels)
