"""`python -m export verify`: the command line around `export.verify`."""

from __future__ import annotations

import argparse
import tempfile
from contextlib import ExitStack
from pathlib import Path

from rich.console import Console
from rich.table import Table

from calib.int8.ranges import check_ranges, read_ranges
from edge.errors import BackendMissingError, ConfigurationError, ModelError
from edge.segmenters import packaged_model
from edge.segmenters.acceptance import AcceptanceReport, acceptance_path, write_acceptance
from edge.segmenters.engine_files import read_engine
from edge.segmenters.sidecar import EngineSidecar, rebuild_command
from export.engine import engine_ranges, read_model, sha256
from export.engine_graph import spec_of
from export.simulated_pictures import simulated_samples
from export.verify import Candidate, verify
from train.data.open import read_datasets
from train.data.sample import Sample
from train.data.splits import read_split
from train.judge import Segment


def run_verify(options: argparse.Namespace) -> int:
    """Run the command; returns the exit code: 5 if the engine fails its acceptance."""
    sidecar, _, _ = read_engine(options.engine, allow_unverified=True)
    candidate = _candidate(options, sidecar)
    others = _second_route(options, spec_of(candidate.model).threshold)
    with ExitStack() as stack:
        samples, source = labelled_pictures(options, stack)
        report = verify(candidate, samples, source, others)
    write_acceptance(options.engine, report)
    print_report(report, Console())
    if not report.passed:
        raise ModelError(
            f"{options.engine} fails its acceptance ({'; '.join(report.faults)}); see "
            f"{acceptance_path(options.engine)}, calibrate on your own pictures with `python -m calib int8`, or build "
            "with --fp16"
        )
    return 0


def _second_route(options: argparse.Namespace, threshold: float) -> dict[str, Segment]:
    """The PyTorch network by way of Torch-TensorRT, where it is asked for."""
    if options.via is None and options.checkpoint is None:
        return {}
    if options.via is None or options.checkpoint is None:
        raise ConfigurationError(
            "--via torch-tensorrt and --checkpoint FILE.safetensors belong together; give both or none"
        )
    try:
        from export.torch_tensorrt_route import torch_tensorrt_segment
    except ImportError as error:
        raise BackendMissingError(
            f"{error.name} is not installed but --via torch-tensorrt needs it; run `pip install leukoedge[export]` and "
            "install Torch-TensorRT, or leave --via out"
        ) from error
    return {"fp16 via torch-tensorrt": torch_tensorrt_segment(options.checkpoint, "fp16", threshold)}


def _candidate(options: argparse.Namespace, sidecar: EngineSidecar) -> Candidate:
    path = options.model or packaged_model()
    data, model = read_model(path)
    if sha256(data) != sidecar.onnx_sha256:
        raise ModelError(
            f"{options.engine} was not built from {path} (the SHA-256 differs); name its model with --model FILE.onnx"
        )
    if sidecar.precision != "int8":
        return Candidate(engine=options.engine, sidecar=sidecar, model=model, amax=None)
    file = engine_ranges(options.engine)
    if not file.is_file() or sha256(file.read_bytes()) != sidecar.calibration_sha256:
        raise ModelError(
            f"{file}, the ranges that {options.engine} was built with, is missing or another one; bring it here from "
            f"where the engine was built, or build it again with `{rebuild_command(options.engine, sidecar)}`"
        )
    ranges = read_ranges(file)
    check_ranges(ranges, model)
    return Candidate(engine=options.engine, sidecar=sidecar, model=model, amax=ranges.amax())


def labelled_pictures(options: argparse.Namespace, stack: ExitStack) -> tuple[list[Sample], str]:
    """The labelled pictures and how to call them; simulated ones where none are given."""
    if not options.images:
        if options.split is not None:
            raise ConfigurationError("--split needs the data sets that it divides; name them as IMAGES")
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        samples = simulated_samples(folder / "simulated")
        return samples, f"{len(samples)} simulated fields"
    samples = read_datasets(options.images)
    if options.split is not None:
        samples = list(read_split(options.split, [sample for sample in samples if sample.annotated]).side(options.side))
    blank = [sample.key for sample in samples if not sample.annotated]
    if blank:
        raise ConfigurationError(
            f"{len(blank)} of {len(samples)} pictures have no labels to judge by, among them {blank[0]}; give labelled "
            "ones, or leave IMAGES out to judge on simulated fields"
        )
    part = f", {options.side} part of {options.split.name}" if options.split is not None else ""
    return samples, f"{len(samples)} pictures of {', '.join(str(path) for path in options.images)}{part}"


def print_report(report: AcceptanceReport, console: Console) -> None:
    """A table, the losses and the verdict."""
    table = Table()
    for column in ("precision", "mask mIoU", "found", "false cells", "count error"):
        table.add_column(column, justify="left" if column == "precision" else "right")
    for name, item in report.figures.items():
        table.add_row(
            name,
            f"{item.miou:.4f}",
            f"{item.found} of {item.found + item.missed}",
            str(item.false_cells),
            f"{item.count_error:.3f}",
        )
    console.print(f"{report.source}: {report.cells} cells", soft_wrap=True, markup=False)
    console.print(table)
    console.print(f"judged on {report.judged_on}", soft_wrap=True, markup=False)
    worst = f"; worst picture {report.worst.name}: {report.worst.miou_loss:+.4f}" if report.worst else ""
    console.print(
        f"{report.candidate} loses {report.miou_loss:+.4f} mask mIoU (allowed {report.miou_loss_limit}) and "
        f"{report.recall_loss:+.4f} recall (allowed {report.recall_loss_limit}), "
        f"{report.more_false_cells:+.3f} false cells a picture (allowed {report.more_false_cells_limit}){worst}",
        soft_wrap=True,
        markup=False,
    )
    console.print("accepted" if report.passed else "NOT accepted", style="bold")
