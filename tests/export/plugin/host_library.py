"""The host build of the plugin's arithmetic, called from Python."""

from __future__ import annotations

import ctypes
import shutil
from functools import cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from tests.export.plugin.cmake_build import build, configure

TARGETS = ("leukoedge_roi_align_host", "leukoedge_kernel_on_cpu", "leukoedge_test_roi_align")
MAX_LEVELS = 8
TYPES = {np.dtype(np.float32): 0, np.dtype(np.float16): 1, np.dtype(np.int8): 2}
#: Channels that lie side by side in a cell; None: all of them, padded to a multiple of the second number.
LAYOUTS: dict[str, tuple[int | None, int]] = {
    "linear": (1, 1),
    "chw32": (32, 32),
    "hwc": (None, 1),
    "hwc8": (None, 8),
    "hwc16": (None, 16),
}


class _Level(ctypes.Structure):
    _fields_ = (
        ("data", ctypes.c_void_p),
        ("height", ctypes.c_int32),
        ("width", ctypes.c_int32),
        ("stride", ctypes.c_float),
    )


class _RoiAlignCall(ctypes.Structure):
    """`leukoedge::RoiAlignCall` of export/plugin/roi_align.h."""

    _fields_ = (
        ("levels", _Level * MAX_LEVELS),
        ("level_count", ctypes.c_int32),
        ("channels", ctypes.c_int32),
        ("channels_per_group", ctypes.c_int32),
        ("type", ctypes.c_int32),
        ("roi_count", ctypes.c_int32),
        ("bins", ctypes.c_int32),
        ("first_level", ctypes.c_int32),
        ("canonical_level", ctypes.c_int32),
        ("canonical_size", ctypes.c_float),
        ("rois", ctypes.c_void_p),
        ("output", ctypes.c_void_p),
    )


def missing_tools() -> str | None:
    """Why the host library cannot be built here, or None."""
    if shutil.which("cmake") is None:
        return "needs cmake"
    if not any(shutil.which(compiler) for compiler in ("c++", "g++", "clang++")):
        return "needs a C++ compiler"
    return None


@cache
def build_host_library(build_dir: Path) -> Path:
    """Build with CMake below `build_dir`; afterwards `roi_align_host` uses this build. Returns the library's path.

    Raises
    ------
    RuntimeError
        with the compiler's output
    """
    configure(build_dir, ["-DLEUKOEDGE_CUDA=OFF"])
    folder = build(build_dir, TARGETS)
    path = folder / "libleukoedge_roi_align_host.so"
    _loaded["host"] = ctypes.CDLL(str(path))
    _loaded["kernel"] = ctypes.CDLL(str(folder / "libleukoedge_kernel_on_cpu.so"))
    return path


_loaded: dict[str, ctypes.CDLL] = {}


def pack(features: NDArray, layout: str) -> NDArray:
    """[N, C, H, W] into the memory order of a TensorRT format; padding is filled with 77, which must not leak."""
    group, multiple = LAYOUTS[layout]
    count, channels, height, width = features.shape
    group = group or -(-channels // multiple) * multiple
    padding = -channels % group
    padded = np.pad(features, ((0, 0), (0, padding), (0, 0), (0, 0)), constant_values=77)
    return np.ascontiguousarray(padded.reshape(count, -1, group, height, width).transpose(0, 1, 3, 4, 2))


def unpack(packed: NDArray, channels: int) -> NDArray:
    """The inverse of `pack`: [N, C / G, H, W, G] to [N, C, H, W]."""
    count, groups, height, width, group = packed.shape
    return packed.transpose(0, 1, 4, 2, 3).reshape(count, groups * group, height, width)[:, :channels]


def roi_align_host(
    levels: list[NDArray],
    rois: NDArray,
    *,
    strides: tuple[int, ...],
    first_level: int,
    canonical_level: int,
    canonical_size: float,
    bins: int,
    layout: str = "linear",
    source: str = "host",
) -> NDArray:
    """Pool with the host library.

    Parameters
    ----------
    levels : [1, C, H, W] per stride, finest first, float32, float16 or int8
    rois : float32 [R, 4], x0 y0 x1 y1 in network px
    layout : memory order in which the library gets the features and gives the result, a key of `LAYOUTS`
    source : "host" for the host library, "kernel" for the CUDA kernel's source run on CPU threads

    Returns
    -------
    [R, C, bins, bins] in the features' type

    Raises
    ------
    ValueError
        with the library's own sentence
    """
    if not _loaded:
        raise RuntimeError("call build_host_library first")
    channels = levels[0].shape[1]
    packed = [pack(level, layout) for level in levels]
    group = packed[0].shape[-1]
    boxes = np.ascontiguousarray(rois, dtype=np.float32)
    output = np.zeros((len(boxes), packed[0].shape[1], bins, bins, group), dtype=levels[0].dtype)
    call = _RoiAlignCall(
        level_count=len(levels),
        channels=channels,
        channels_per_group=group,
        type=TYPES[levels[0].dtype],
        roi_count=len(boxes),
        bins=bins,
        first_level=first_level,
        canonical_level=canonical_level,
        canonical_size=canonical_size,
        rois=boxes.ctypes.data,
        output=output.ctypes.data,
    )
    for i, (level, stride) in enumerate(zip(packed[:MAX_LEVELS], strides, strict=True)):
        call.levels[i] = _Level(level.ctypes.data, level.shape[2], level.shape[3], float(stride))
    fault = ctypes.create_string_buffer(256)
    if _loaded[source].leukoedgeRoiAlignHost(ctypes.byref(call), fault, len(fault)) != 0:
        raise ValueError(fault.value.decode())
    return unpack(output, channels)
