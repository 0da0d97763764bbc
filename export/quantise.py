"""Model file -> INT8 model file for the CPU: Q/DQ pairs put in, judged on OpenVINO, written only if little is lost."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import msgspec
import onnx

from calib.int8.qdq import insert_qdq
from calib.int8.ranges import check_ranges, read_ranges
from edge.errors import ConfigurationError, ModelError
from edge.segmenters import open_segmenter
from edge.segmenters.acceptance import Figures
from edge.segmenters.protocol import Segmenter
from edge.spec import METADATA_KEY
from export.engine import packaged_ranges, read_model
from export.engine_graph import spec_of
from export.multiply_adds import int8_share
from export.verify import FEWEST_CELLS, Loss, figures_of, judge_all, loss_of, segment_by
from train.data.sample import Sample


@dataclass(frozen=True, slots=True, kw_only=True)
class Quantised:
    """What was written: figures of both precisions, the loss, the share of multiply-adds in INT8, and the quantiser."""

    fp32: Figures
    int8: Figures
    loss: Loss
    share: float
    method: str


def check_quantise(model: Path, out: Path) -> None:
    """What can be told before anything takes time; raises as `quantise` does."""
    if out.suffix != ".onnx":
        raise ConfigurationError(f"--out {out} must end in .onnx: the runtime chooses its backend by the suffix")
    if out.resolve() == model.resolve():
        raise ConfigurationError(f"--out {out} is the model itself; give another name, e.g. {out.stem}-int8.onnx")
    if not out.resolve().parent.is_dir():
        raise ConfigurationError(f"the folder of --out {out} does not exist; make it or choose another")


def quantise(model: Path, ranges: Path | None, out: Path, samples: Sequence[Sample], source: str) -> Quantised:
    """Write `out`, an INT8 copy of `model` that `edge-run --provider openvino` runs.

    Parameters
    ----------
    ranges : file of `python -m calib int8`; None takes the one beside the model
    samples, source : labelled pictures to judge by, and how to call them

    Raises
    ------
    ConfigurationError : a bad `out`, or too few cells to judge by
    BackendMissingError : OpenVINO is not installed
    ModelError : model or ranges unreadable or not of each other, or INT8 loses too much; nothing is written then
    """
    check_quantise(model, out)
    _, graph = read_model(model)
    found = read_ranges(ranges or packaged_ranges(model))
    check_ranges(found, graph)
    share = int8_share(graph)
    quantised = insert_qdq(graph, found.amax())
    spec = msgspec.structs.replace(spec_of(graph), precision="int8")
    next(item for item in quantised.metadata_props if item.key == METADATA_KEY).value = spec.to_json()
    temporary = out.with_name(f".{out.stem}.part.onnx")
    try:
        onnx.save(quantised, str(temporary))
        figures = {
            name: figures_of(judge_all(segment_by(_opened(file).segment, spec), samples, name))
            for name, file in (("fp32", model), ("int8", temporary))
        }
        cells = figures["fp32"].found + figures["fp32"].missed
        if cells < FEWEST_CELLS:
            raise ConfigurationError(
                f"{source} show {cells} cells, too few to judge by; give pictures with at least {FEWEST_CELLS}"
            )
        complete = sum(sample.complete for sample in samples)
        loss = loss_of(figures["fp32"], figures["int8"], complete, "int8")
        if loss.faults:
            raise ModelError(
                f"{out} is not written: {'; '.join(loss.faults)}; calibrate on your own pictures with "
                "`python -m calib int8`, or run the float model"
            )
        temporary.replace(out)
    finally:
        temporary.unlink(missing_ok=True)
    return Quantised(fp32=figures["fp32"], int8=figures["int8"], loss=loss, share=share, method=found.method)


def _opened(file: Path) -> Segmenter:
    return open_segmenter(file, provider="openvino")
