"""The plugin's kernel: on a GPU against the definition; its C interface everywhere that nvcc is."""

from __future__ import annotations

import ctypes
from dataclasses import replace

import numpy as np
import pytest

from tests.export.plugin.cmake_build import build, configure
from tests.export.plugin.host_library import _RoiAlignCall
from tests.export.plugin.plugin_library import TEST_ARCHITECTURES, missing_plugin_tools
from tests.gpu.cases import CASES, EDGE_BOXES, LAYOUTS, Case, draw_levels, draw_rois
from tests.gpu.gpu_memory import Gpu
from tests.gpu.kernel import Pooling
from tests.gpu.kernel_sections import differences, reference
from tests.gpu.machine import why_no_gpu

KINDS = [(dtype, layout) for dtype, layouts in LAYOUTS.items() for layout in layouts]


@pytest.mark.parametrize(("dtype", "layout"), KINDS)
@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_the_kernel_pools_as_defined(gpu: Gpu, case: Case, dtype: str, layout: str) -> None:
    levels, rois = draw_levels(case, dtype), draw_rois(case, seed=3)
    pooling = Pooling(gpu, case, levels, rois, layout)
    pooling.launch()
    largest, passed = differences(pooling.result(), reference(levels, rois, case))
    assert passed, f"largest difference {largest}"


@pytest.mark.parametrize(("dtype", "layout"), KINDS)
def test_odd_boxes_are_pooled_as_defined(gpu: Gpu, dtype: str, layout: str) -> None:
    odd = [(0, 0, 0, 0), (90, 80, 10, 20), (-900, -900, -800, -800), (-64, -64, 2000, 2000), (5, np.nan, 9, 9)]
    rois = np.array(odd, np.float32)
    case = replace(EDGE_BOXES, rois=len(rois), channels=40)
    levels = draw_levels(case, dtype)
    pooling = Pooling(gpu, case, levels, rois, layout)
    pooling.launch()
    assert differences(pooling.result(), reference(levels, rois, case))[1]


def test_no_boxes_launch_nothing(gpu: Gpu) -> None:
    case = replace(EDGE_BOXES, rois=0)
    rois = np.zeros((1, 4), np.float32)  # an address is wanted all the same
    pooling = Pooling(gpu, replace(case, rois=1), draw_levels(case, "float32"), rois, "hwc")
    pooling._call.roi_count = 0
    before = pooling.result()
    pooling.launch()
    np.testing.assert_array_equal(pooling.result(), before)


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> ctypes.CDLL:
    """The C interface, compiled to PTX alone."""
    if reason := missing_plugin_tools():
        pytest.skip(reason)
    folder = tmp_path_factory.mktemp("roi_align_cuda")
    target = "leukoedge_roi_align_cuda"
    configure(folder, [f"-DLEUKOEDGE_CUDA_ARCHITECTURES={TEST_ARCHITECTURES}", "-DCMAKE_CXX_FLAGS=-Werror"])
    return ctypes.CDLL(str(build(folder, [target]) / f"lib{target}.so"))


def call(**changes: float) -> _RoiAlignCall:
    fields = {"level_count": 1, "channels": 8, "channels_per_group": 8, "roi_count": 1, "bins": 7}
    made = _RoiAlignCall(**(fields | {"first_level": 2, "canonical_level": 4, "canonical_size": 128.0} | changes))
    made.levels[0].height = made.levels[0].width = 8
    made.levels[0].stride = 4.0
    return made


def test_an_invalid_call_is_refused_in_one_sentence(library: ctypes.CDLL) -> None:
    fault = ctypes.create_string_buffer(256)
    assert library.leukoedgeRoiAlignCuda(ctypes.byref(call(bins=99)), None, fault, len(fault)) == 1
    assert b"bins" in fault.value


def test_a_launch_without_a_gpu_is_refused_in_one_sentence(library: ctypes.CDLL) -> None:
    if why_no_gpu() is None:
        pytest.skip("there is a GPU")
    fault = ctypes.create_string_buffer(256)
    assert library.leukoedgeRoiAlignCuda(ctypes.byref(call()), None, fault, len(fault)) == 1
    assert fault.value.startswith(b"the kernel could not be launched: ")


def test_no_boxes_succeed_without_a_gpu(library: ctypes.CDLL) -> None:
    fault = ctypes.create_string_buffer(256)
    assert library.leukoedgeRoiAlignCuda(ctypes.byref(call(roi_count=0)), None, fault, len(fault)) == 0
