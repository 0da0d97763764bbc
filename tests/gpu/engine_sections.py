"""Engines of the packaged model, built and executed here: do they say what ONNX Runtime says, and how fast?"""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from tests.gpu.figures import median, percentile
from tests.gpu.machine import why_no_gpu
from tests.gpu.rows import NotRun, Report

if TYPE_CHECKING:
    from edge.segmenters.protocol import RawOutputs, Segmenter
    from edge.segmenters.sidecar import Flavour
    from tests.gpu.backends import Backend, Kind

    Wanted = list[tuple[NDArray[np.float32], RawOutputs]]

FLAVOURS = ("tensorrt", "tensorrt-rtx")
AGREED = {False: (0.98, 0.03), True: (0.95, 0.05)}
"""INT8 or not: share of the confident cells that must be found again, and mean difference of their masks."""
PICTURES = 24
FRAMES = 8
FRAME = (2048, 1536)
WARM_UP = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Engines:
    """What one section builds and the next one times."""

    folder: Path
    backends: list[Backend] = field(default_factory=list)


def tell_outputs(report: Report, engines: Engines) -> None:
    """Build every kind of engine and compare what it puts out with ONNX Runtime in FP32 on the CPU."""
    if reason := why_no_gpu():
        raise NotRun(reason)
    from tests.gpu.backends import onnx_runtime_cuda

    wanted = reference()
    for flavour in FLAVOURS:
        report.attempt("engine", flavour, partial(_build_all, report, engines, flavour, wanted))

    def onnx_runtime() -> None:
        _try(report, engines, onnx_runtime_cuda(), wanted)

    report.attempt("engine", "ONNX Runtime CUDA", onnx_runtime)


def tell_latency(report: Report, engines: Engines, repeats: int) -> None:
    """Time `segment()` and the whole loop for each backend that ran."""
    if reason := why_no_gpu():
        raise NotRun(reason)
    if not engines.backends:
        raise NotRun("nothing that runs the model on this GPU came out of the section 'engine'")
    encoded = encoded_frames()
    for backend in engines.backends:
        report.attempt("latency", backend.name, partial(latency, report, backend, encoded, repeats))


def _build_all(report: Report, engines: Engines, flavour: Flavour, wanted: Wanted) -> None:
    from tests.gpu.backends import Kind, check_installed

    check_installed(flavour)
    for int8 in (False, True):
        for plugin in (True, False):
            kind = Kind(flavour=flavour, int8=int8, plugin=plugin)
            report.attempt("engine", kind.name, partial(_build, report, engines, kind, wanted))


def _build(report: Report, engines: Engines, kind: Kind, wanted: Wanted) -> None:
    from tests.gpu.backends import build_engine_here, engine_backends

    start = time.perf_counter()
    path, sidecar = build_engine_here(kind, engines.folder)
    figures = {"MB": path.stat().st_size / 1e6, "built in s": time.perf_counter() - start}
    report.add("engine", f"{kind.name}: build", {"TensorRT": sidecar.tensorrt, **figures})
    for backend in engine_backends(kind, path):
        report.attempt("engine", backend.name, partial(_try, report, engines, backend, wanted))


def _try(report: Report, engines: Engines, backend: Backend, wanted: Wanted) -> None:
    """Compare; whatever ran to its end is timed later."""
    compare(report, backend, wanted)
    engines.backends.append(backend)


def reference() -> Wanted:
    """Inputs [1, 3, H, W] that show no, few and many cells, and what ONNX Runtime says of them in FP32 on the CPU."""
    from edge.preprocess import preprocess
    from edge.segmenters import open_segmenter
    from edge.simulator import SmearParameters, draw_field

    segmenter = open_segmenter()
    try:
        pairs = []
        for seed in range(PICTURES):
            density = (0.0, 2.0, 4.0, 8.0)[seed % 4]
            image, _ = draw_field(SmearParameters(seed=7000 + seed, density=density), 1024, 768)
            tensor, _ = preprocess(image, segmenter.spec)
            pairs.append((tensor, segmenter.segment(tensor)))
        return pairs
    finally:
        segmenter.close()


def compare(report: Report, backend: Backend, wanted: Wanted) -> None:
    """One row: the backend against the reference."""
    from tests.gpu.agreement import Agreement, agreement
    from tests.gpu.backends import opened

    total = Agreement()
    with opened(backend) as segmenter:
        for tensor, outputs in wanted:
            total += agreement(outputs, segmenter.segment(tensor))
    share, mask = AGREED[backend.int8]
    report.add("engine", f"{backend.name}: against FP32", dict(total.figures()), passed=total.holds(share, mask))


def encoded_frames() -> list[NDArray[np.uint8]]:
    """Simulated frames as JPEG files in memory."""
    import cv2

    from edge.simulator import SmearParameters, draw_field

    frames = [draw_field(SmearParameters(seed=8000 + seed, density=4.0), *FRAME)[0] for seed in range(FRAMES)]
    return [cv2.imencode(".jpg", frame)[1] for frame in frames]


def latency(report: Report, backend: Backend, encoded: list[NDArray[np.uint8]], repeats: int) -> None:
    """One row: the stages of the loop for this backend."""
    from tests.gpu.backends import opened

    with opened(backend) as segmenter:
        stages = np.array(list(_loop(segmenter, encoded, WARM_UP + repeats))[WARM_UP:]) * 1e3
    columns = dict(zip(("decode", "preprocess", "segment", "postprocess"), stages.T, strict=True))
    figures = {f"{name} ms": median(values) for name, values in columns.items()}
    figures["segment p95 ms"] = percentile(columns["segment"], 95)
    totals = stages.sum(axis=1)
    figures |= {"loop ms": median(totals), "loop p95 ms": percentile(totals, 95)}
    report.add("latency", backend.name, figures)


def _loop(
    segmenter: Segmenter, encoded: list[NDArray[np.uint8]], count: int
) -> Iterator[tuple[float, float, float, float]]:
    """Seconds of each stage for one frame after another, as the daemon's loop runs them."""
    import cv2

    from edge.postprocess import postprocess
    from edge.preprocess import preprocess

    for number in range(count):
        start = time.perf_counter()
        image = cv2.imdecode(encoded[number % len(encoded)], cv2.IMREAD_COLOR)
        decoded = time.perf_counter()
        tensor, letterbox = preprocess(image, segmenter.spec)
        prepared = time.perf_counter()
        outputs = segmenter.segment(tensor)
        segmented = time.perf_counter()
        postprocess(outputs, letterbox, segmenter.spec)
        yield decoded - start, prepared - decoded, segmented - prepared, time.perf_counter() - segmented
