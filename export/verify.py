"""What do float16 and INT8 cost? Each is judged on labelled pictures, and the engine's must not lose too much."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
from rich.console import Console
from rich.progress import track

from calib.int8.qdq import insert_qdq
from calib.int8.session import Network, int8_mode
from edge.errors import BackendMissingError, ConfigurationError
from edge.segmenters.acceptance import (
    FALSE_CELLS_LIMIT,
    MIOU_LOSS_LIMIT,
    RECALL_LOSS_LIMIT,
    AcceptanceReport,
    Figures,
    WorstPicture,
)
from edge.segmenters.sidecar import EngineSidecar
from edge.segmenters.tensorrt_engine import TensorRtSegmenter
from edge.spec import ModelSpec
from export.engine_graph import engine_graph, spec_of
from export.half import to_half
from train.data.sample import Sample
from train.judge import ImageResult, Segment, judge, segment_by

FEWEST_CELLS = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """The engine that is judged: its file, sidecar, model file and, for INT8, the ranges it was built with."""

    engine: Path
    sidecar: EngineSidecar
    model: onnx.ModelProto
    amax: dict[str, float] | None


def verify(
    candidate: Candidate, samples: Sequence[Sample], source: str, others: dict[str, Segment] | None = None
) -> AcceptanceReport:
    """Judge FP32, FP16 and, for an INT8 engine, INT8.

    The engine itself runs where its GPU is. Elsewhere the graph that it was built from, with plain RoIAlign, runs on
    ONNX Runtime's CPU backend, INT8 with exact sums; the report says which it was.

    Parameters
    ----------
    source : which pictures, in words
    others : further ways to run the network, by name, whose figures the report shows too

    Raises
    ------
    ConfigurationError : pictures without labels, or too few cells to judge by
    ModelError : the engine is damaged or does not fit the machine's TensorRT or GPU
    """
    precision = candidate.sidecar.precision
    model, spec = candidate.model, spec_of(candidate.model)
    results: dict[str, list[ImageResult]] = {}
    results["fp32"] = judge_all(_on_cpu(model, spec), samples, "fp32")
    found = sum(result.found for result in results["fp32"])
    if found < FEWEST_CELLS:
        raise ConfigurationError(
            f"FP32 finds {found} of the cells of {source}, too few to judge an engine by; give pictures in which it "
            f"finds at least {FEWEST_CELLS}"
        )
    if precision == "int8":
        results["fp16"] = judge_all(_on_cpu(engine_graph(to_half(model), "plain"), spec), samples, "fp16")
    for name, segment in (others or {}).items():
        results[name] = judge_all(segment, samples, name)
    with _Runner(candidate, spec) as runner:
        results[precision] = judge_all(runner.segment, samples, precision)
        judged_on = runner.description
    return report_on(candidate.sidecar, results, source, judged_on)


def report_on(
    sidecar: EngineSidecar, results: dict[str, list[ImageResult]], source: str, judged_on: str
) -> AcceptanceReport:
    """Compare the candidate's results with those of FP32; a pure function."""
    figures = {name: figures_of(found) for name, found in results.items()}
    complete = sum(result.complete for result in results["fp32"])
    loss = loss_of(figures["fp32"], figures[sidecar.precision], complete, sidecar.precision)
    return AcceptanceReport(
        plan_sha256=sidecar.plan_sha256,
        onnx_sha256=sidecar.onnx_sha256,
        judged_on=judged_on,
        source=source,
        pictures=len(results["fp32"]),
        cells=figures["fp32"].found + figures["fp32"].missed,
        figures=figures,
        candidate=sidecar.precision,
        miou_loss=loss.miou,
        recall_loss=loss.recall,
        more_false_cells=loss.false_cells,
        worst=_worst(results["fp32"], results[sidecar.precision]),
        passed=not loss.faults,
        faults=loss.faults,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Loss:
    """What a precision costs: mask mIoU, recall, more false cells a picture, and what of it is too much, in words."""

    miou: float
    recall: float
    false_cells: float
    faults: tuple[str, ...]


def loss_of(full: Figures, judged: Figures, complete: int, precision: str) -> Loss:
    """Compare a precision with FP32 on the same pictures, of which `complete` have every cell labelled."""
    miou_loss, recall_loss = full.miou - judged.miou, full.recall - judged.recall
    name = precision.upper()
    faults = []
    if miou_loss > MIOU_LOSS_LIMIT:
        faults.append(f"{name} loses {miou_loss:.4f} mask mIoU, {MIOU_LOSS_LIMIT} are allowed")
    if recall_loss > RECALL_LOSS_LIMIT:
        faults.append(
            f"{name} finds {judged.found} of {judged.found + judged.missed} cells where FP32 finds {full.found}: "
            f"{recall_loss:.4f} of the recall, {RECALL_LOSS_LIMIT} are allowed"
        )
    more_false = (judged.false_cells - full.false_cells) / max(1, complete)
    if more_false > FALSE_CELLS_LIMIT:
        faults.append(
            f"{name} invents {judged.false_cells} cells in {complete} pictures where FP32 invents {full.false_cells}: "
            f"{more_false:.3f} more a picture, {FALSE_CELLS_LIMIT} are allowed"
        )
    return Loss(miou=miou_loss, recall=recall_loss, false_cells=more_false, faults=tuple(faults))


def figures_of(results: Sequence[ImageResult]) -> Figures:
    """Sum up; false cells and counts only of pictures in which every cell is labelled."""
    ious = [iou for result in results for iou in result.matched_ious]
    cells, found = sum(result.cells for result in results), sum(result.found for result in results)
    complete = [result for result in results if result.complete]
    errors = [abs(result.found + result.false_cells - result.cells) for result in complete]
    return Figures(
        miou=float(np.mean(ious)) if ious else 0.0,
        recall=found / cells if cells else 0.0,
        found=found,
        missed=cells - found,
        false_cells=sum(result.false_cells for result in complete),
        count_error=float(np.mean(errors)) if errors else 0.0,
    )


def _worst(full: Sequence[ImageResult], judged: Sequence[ImageResult]) -> WorstPicture | None:
    """The picture that loses most mask IoU, a lost cell counting as one whose IoU fell to 0."""
    losses = {
        before.key: (sum(before.matched_ious) - sum(after.matched_ious)) / before.cells
        for before, after in zip(full, judged, strict=True)
        if before.cells
    }
    if not losses:
        return None
    name = max(losses, key=lambda key: losses[key])
    return WorstPicture(name=name, miou_loss=losses[name])


class _Runner:
    """The engine where it can run, otherwise its graph on the CPU; a context manager."""

    def __init__(self, candidate: Candidate, spec: ModelSpec) -> None:
        self._engine: TensorRtSegmenter | None = None
        try:
            self._engine = TensorRtSegmenter(candidate.engine, allow_unverified=True)
        except BackendMissingError as error:
            self.description = _on_cpu_in_words(candidate.sidecar.precision, str(error))
            self.segment = _on_cpu(candidate_graph(candidate), spec)
        else:
            self.description = f"the engine itself, {self._engine.backend} on {self._engine.gpu}"
            self.segment = segment_by(self._engine.segment, spec)

    def __enter__(self) -> _Runner:
        return self

    def __exit__(self, *_: object) -> None:
        if self._engine is not None:
            self._engine.close()


def candidate_graph(candidate: Candidate) -> onnx.ModelProto:
    """The engine's graph with plain operations in the place of the plugin."""
    quantised = candidate.model if candidate.amax is None else insert_qdq(candidate.model, candidate.amax)
    return engine_graph(to_half(quantised), "plain")


def _on_cpu_in_words(precision: str, why: str) -> str:
    mode = int8_mode() if precision == "int8" else f"onnxruntime {onnxruntime.__version__} cpu"
    return f"the engine's graph with plain RoIAlign on {mode}; the engine itself did not run: {why}"


def _on_cpu(model: onnx.ModelProto, spec: ModelSpec) -> Segment:
    network = Network(model, exact=True)
    return segment_by(lambda tensor: network.segment(tensor, spec), spec)


def judge_all(segment: Segment, samples: Sequence[Sample], precision: str) -> list[ImageResult]:
    """Judge every sample, with a progress bar that names the precision."""
    shown = track(samples, description=f"judging {precision}", console=Console(stderr=True), transient=True)
    return [judge(segment, sample) for sample in shown]
