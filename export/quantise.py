"""Model file -> INT8 model file for the CPU: Q/DQ pairs put in, judged on OpenVINO, written only if little is lost."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import msgspec
import onnx

from calib.int8.qdq import insert_qdq
from calib.int8.ranges import check_ranges, read_ranges
from edge.errors import ConfigurationError, ModelError
from edge.segmenters import open_segmenter
from edge.segmenters.acceptance import Figures
from edge.spec import METADATA_KEY, ModelSpec
from export.engine import packaged_ranges, read_model
from export.engine_graph import spec_of
from export.multiply_adds import int8_share
from export.staging import folder_beside
from export.verify import FEWEST_CELLS, Loss, figures_of, judge_all, loss_of
from train.data.sample import Sample
from train.judge import segment_by


@dataclass(frozen=True, slots=True, kw_only=True)
class Quantised:
    """What was written: figures of both precisions, the loss, the share of multiply-adds in INT8, and the quantiser."""

    fp32: Figures
    int8: Figures
    loss: Loss
    share: float
    method: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Prepared:
    """All that is known before pictures are judged: float model, file to write, quantised graph and its facts."""

    model: Path
    out: Path
    spec: ModelSpec
    quantised: onnx.ModelProto
    share: float
    method: str


def prepare(model: Path, ranges: Path | None, out: Path) -> Prepared:
    """Quantise the graph; nothing is written yet.

    Parameters
    ----------
    ranges : file of `python -m calib int8`; None takes the one beside the model

    Raises
    ------
    ConfigurationError : a bad `out`
    ModelError : model or ranges unreadable or not of each other
    """
    if out.suffix != ".onnx":
        raise ConfigurationError(f"--out {out} must end in .onnx: the runtime chooses its backend by the suffix")
    if out.resolve() == model.resolve():
        raise ConfigurationError(f"--out {out} is the model itself; give another name, e.g. {out.stem}-int8.onnx")
    if not out.resolve().parent.is_dir():
        raise ConfigurationError(f"the folder of --out {out} does not exist; make it or choose another")
    _, graph = read_model(model)
    found = read_ranges(ranges or packaged_ranges(model))
    check_ranges(found, graph)
    quantised = insert_qdq(graph, found.amax())
    spec = spec_of(graph)
    metadata = next(item for item in quantised.metadata_props if item.key == METADATA_KEY)
    metadata.value = msgspec.structs.replace(spec, precision="int8").to_json()
    return Prepared(model=model, out=out, spec=spec, quantised=quantised, share=int8_share(graph), method=found.method)


def quantise(prepared: Prepared, samples: Sequence[Sample], source: str) -> Quantised:
    """Judge both precisions and write `prepared.out`, an INT8 file that `edge-run --provider openvino` runs.

    Parameters
    ----------
    samples, source : labelled pictures to judge by, and how to call them

    Raises
    ------
    ConfigurationError : too few cells to judge by
    BackendMissingError : OpenVINO is not installed
    ModelError : INT8 loses too much; nothing is written then
    DiskFullError : the file cannot be written
    """
    out, spec = prepared.out, prepared.spec
    with folder_beside(out) as folder:
        file = folder / out.name
        onnx.save(prepared.quantised, str(file))
        fp32 = _judged(prepared.model, spec, samples, "fp32")
        if fp32.found < FEWEST_CELLS:
            raise ConfigurationError(
                f"FP32 finds {fp32.found} of the cells of {source}, too few to judge by; give pictures in which it "
                f"finds at least {FEWEST_CELLS}"
            )
        int8 = _judged(file, spec, samples, "int8")
        loss = loss_of(fp32, int8, sum(sample.complete for sample in samples), "int8")
        if loss.faults:
            raise ModelError(
                f"{out} is not written: {'; '.join(loss.faults)}; calibrate on your own pictures with "
                "`python -m calib int8`, or run the float model"
            )
        file.replace(out)
    return Quantised(fp32=fp32, int8=int8, loss=loss, share=prepared.share, method=prepared.method)


def _judged(file: Path, spec: ModelSpec, samples: Sequence[Sample], name: str) -> Figures:
    with closing(open_segmenter(file, provider="openvino")) as segmenter:
        return figures_of(judge_all(segment_by(segmenter.segment, spec), samples, name))
