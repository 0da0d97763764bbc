"""The plugin's kernel: is it right, and how fast is it?"""

from __future__ import annotations

from dataclasses import asdict
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tests.gpu.cases import CASES, LARGE, LAYOUTS, Case, draw_levels, draw_rois, levels_of
from tests.gpu.figures import bytes_moved, median
from tests.gpu.gpu_memory import Gpu, open_gpu
from tests.gpu.kernel import Pooling
from tests.gpu.machine import why_no_gpu
from tests.gpu.rows import NotRun, Report

COPY_GOAL = 0.6
TORCHVISION_GOAL = 2.0
SUM_TOLERANCE = 1e-5
"""16 products of values up to about 5, summed in float32 in two orders."""
ROUNDING = {"float32": (0.0, SUM_TOLERANCE), "float16": (2**-11, SUM_TOLERANCE), "int8": (0.0, 0.5 + 1e-3)}
"""Relative and absolute part of the largest difference from the unrounded float32 reference: half a last place."""
TORCHVISION_TOLERANCE = 2e-3
"""torchvision rounds coordinates in another order, 1e-5 cells or so, between features that differ by up to 8."""


def tell_correctness(report: Report) -> None:
    """Every case in every type and layout against the reference in PyTorch on the CPU."""
    gpu = _gpu()
    for case in CASES:
        for dtype, layouts in LAYOUTS.items():
            report.attempt("kernel, correct", case.name, partial(_check, report, gpu, case, (dtype, layouts)))
    report.attempt("kernel, correct", "torchvision.ops.roi_align", partial(_against_torchvision, report, gpu))


def tell_speed(report: Report, repeats: int) -> None:
    """Every case in every type and layout against a copy of as many bytes; the large one against torchvision too."""
    gpu = _gpu()
    for case in CASES:
        for dtype, layouts in LAYOUTS.items():
            for layout in layouts:
                what = f"{case.name}, {dtype} {layout}"
                report.attempt("kernel, time", what, partial(_time, report, gpu, (case, dtype, layout), repeats))


def reference(levels: list[NDArray], rois: NDArray[np.float32], case: Case) -> NDArray[np.float32]:
    """The definition, unrounded: float32 [R, C, bins, bins]."""
    import torch

    from train.model.roi_align import RoiAlignSpec, roi_align

    names = ("strides", "first_level", "canonical_level", "canonical_size", "bins")
    spec = RoiAlignSpec(**{name: value for name, value in asdict(case).items() if name in names})
    tensors = [torch.from_numpy(level.astype(np.float32)) for level in levels]
    return roi_align(tensors, torch.from_numpy(rois)[None], spec)[0].numpy()


def differences(found: NDArray, wanted: NDArray[np.float32]) -> tuple[float, bool]:
    """The largest absolute difference, and whether all are within what rounding to `found`'s type explains."""
    relative, absolute = ROUNDING[found.dtype.name]
    limit = np.abs(wanted) * relative + absolute
    clipped = wanted.clip(-128, 127) if found.dtype == np.int8 else wanted
    difference = np.abs(found.astype(np.float32) - clipped)
    return float(difference.max()), bool((difference <= limit).all())  # NaN is not


def _gpu() -> Gpu:
    if reason := why_no_gpu():
        raise NotRun(reason)
    return open_gpu()


def _pool(gpu: Gpu, case: Case, levels: list[NDArray], rois: NDArray[np.float32], layout: str) -> NDArray:
    pooling = Pooling(gpu, case, levels, rois, layout)
    pooling.launch()
    return pooling.result()


def _check(report: Report, gpu: Gpu, case: Case, chosen: tuple[str, tuple[str, ...]]) -> None:
    dtype, layouts = chosen
    levels, rois = draw_levels(case, dtype), draw_rois(case)
    wanted = reference(levels, rois, case)
    for layout in layouts:
        largest, passed = differences(_pool(gpu, case, levels, rois, layout), wanted)
        what = f"{case.name}, {dtype} {layout}"
        report.add("kernel, correct", what, {"largest difference": largest}, passed=passed)


def _against_torchvision(report: Report, gpu: Gpu) -> None:
    levels, rois = draw_levels(LARGE, "float32"), draw_rois(LARGE)
    found = _pool(gpu, LARGE, levels, rois, "hwc")
    largest = max(
        float(np.abs(found[which] - pooled.cpu().numpy()).max()) for which, pooled in _torchvision(levels, rois)
    )
    figures = {"largest difference": largest}
    report.add("kernel, correct", "torchvision.ops.roi_align", figures, passed=largest <= TORCHVISION_TOLERANCE)


def _torchvision(levels: list[NDArray], rois: NDArray[np.float32]) -> list[tuple[NDArray[np.bool_], Any]]:
    """For each level that ROIs read: which, and what torchvision pools there on the GPU."""
    import torch
    from torchvision.ops import roi_align

    pooled = []
    for index, (level, stride) in enumerate(zip(levels, LARGE.strides, strict=True)):
        which = levels_of(rois, LARGE) == index
        if which.any():
            boxes = [torch.from_numpy(rois[which]).cuda()]
            features = torch.from_numpy(level).cuda()
            options = {"spatial_scale": 1 / stride, "sampling_ratio": 2, "aligned": True}
            pooled.append((which, roi_align(features, boxes, LARGE.bins, **options)))
    return pooled


def _time(report: Report, gpu: Gpu, chosen: tuple[Case, str, str], repeats: int) -> None:
    case, dtype, layout = chosen
    levels, rois = draw_levels(case, dtype), draw_rois(case)
    moved = bytes_moved(rois, case, levels[0].itemsize)
    ours = median(gpu.seconds(Pooling(gpu, case, levels, rois, layout).launch, repeats))
    copy = median(gpu.seconds(gpu.copy(moved // 2), repeats))  # a copy of n bytes moves n in and n out
    figures = {
        "us": ours * 1e6,
        "MB": moved / 1e6,
        "GB/s": moved / ours / 1e9,
        "copy us": copy * 1e6,
        "share of the copy's bandwidth": copy / ours,
        f"at least {COPY_GOAL}": copy / ours >= COPY_GOAL,
    }
    if case is LARGE and dtype != "int8" and gpu.name == "PyTorch":
        figures |= _torchvision_times(gpu, levels, rois, repeats, ours)
    report.add("kernel, time", f"{case.name}, {dtype} {layout}", figures)


def _torchvision_times(
    gpu: Gpu, levels: list[NDArray], rois: NDArray[np.float32], repeats: int, ours: float
) -> dict[str, float | bool | str]:
    """MultiScaleRoIAlign as it is, which sorts the ROIs by level and waits for the GPU, and its launches alone."""
    try:
        from torchvision.ops import MultiScaleRoIAlign, roi_align
    except (ImportError, RuntimeError) as error:
        return {"torchvision": f"cannot be imported ({error})"}
    import torch

    names = [str(stride) for stride in LARGE.strides]
    features = dict(zip(names, (torch.from_numpy(level).cuda() for level in levels), strict=True))
    boxes = torch.from_numpy(rois.astype(levels[0].dtype)).cuda()
    pooler = MultiScaleRoIAlign(names, LARGE.bins, sampling_ratio=2)
    which = levels_of(rois, LARGE)
    parts = []
    for index, (level, stride) in enumerate(zip(features.values(), LARGE.strides, strict=True)):
        chosen = boxes[torch.from_numpy(which == index).cuda()]
        parts.append((level, torch.cat([torch.zeros_like(chosen[:, :1]), chosen], dim=1), 1 / stride))

    def launches_alone() -> None:
        for level, chosen, scale in parts:
            roi_align(level, chosen, LARGE.bins, spatial_scale=scale, sampling_ratio=2, aligned=True)

    with torch.no_grad():
        whole = median(gpu.seconds(lambda: pooler(features, [boxes], [(LARGE.height, LARGE.width)]), repeats))
        alone = median(gpu.seconds(launches_alone, repeats))
    return {
        "MultiScaleRoIAlign us": whole * 1e6,
        "times faster": whole / ours,
        f"at least {TORCHVISION_GOAL}": whole / ours >= TORCHVISION_GOAL,
        "its four launches alone us": alone * 1e6,
        "times faster than those": alone / ours,
    }
