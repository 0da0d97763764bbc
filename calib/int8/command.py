"""`python -m calib int8`: from a model and pictures of the instrument to the file of ranges."""

from __future__ import annotations

import argparse
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timezone
from importlib.metadata import version
from pathlib import Path
from typing import TypeVar

import onnx
import onnxruntime
from rich.console import Console
from rich.progress import track
from rich.table import Table

from calib.int8.amax import METHODS, entropy_amax, percentile_amax
from calib.int8.compare import Cells, best, compare, find_cells
from calib.int8.describe import Described, Survey, survey
from calib.int8.fingerprint import fingerprint
from calib.int8.histogram import Histogram
from calib.int8.observe import observe, read_tensors
from calib.int8.pictures import WANTED, check_enough, check_readable, digest_of_set, list_pictures
from calib.int8.qdq import activation_tensors, insert_qdq
from calib.int8.ranges import CalibrationRanges, MethodFigures, PictureSet, TensorRange, write_ranges
from calib.int8.select import Selection, select
from calib.int8.session import Network, int8_mode, load_model
from calib.int8.sheet import write_sheet
from edge.cameras.files import read_picture
from edge.errors import ConfigurationError
from edge.segmenters import Segmenter, open_segmenter

FEWEST_WANTED = 200
FEWEST_COUNT = 30
"""The least that --count may ask for; of the fewest pictures allowed, some are held back."""
FEWEST_CELLS = 10
"""Cells in the held-back pictures below which a comparison of methods says nothing."""

Item = TypeVar("Item")
console = Console(stderr=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class Observed:
    """The model that is calibrated, in both shapes that the steps need."""

    segmenter: Segmenter
    graph: onnx.ModelProto
    threads: int | None


def add_int8_arguments(parser: argparse.ArgumentParser) -> None:
    """The command line."""
    parser.add_argument("model", type=Path, metavar="MODEL.onnx")
    parser.add_argument(
        "images",
        nargs="+",
        metavar="IMAGES",
        help="folders, quoted globs, pictures and .txt lists of paths, one a line",
    )
    parser.add_argument("--out", type=Path, required=True, metavar="FILE.json", help="file to write")
    parser.add_argument("--count", type=int, default=300, help="most pictures to take the ranges from (default: 300)")
    parser.add_argument(
        "--held-back", type=int, default=60, help="most pictures to judge the ranges on, not among those (default: 60)"
    )
    parser.add_argument("--seed", type=int, default=0, help="of the selection (default: 0)")
    parser.add_argument("--threads", type=int, metavar="N", help="CPU threads of the network (default: all, at most 8)")
    parser.add_argument("--sheet", type=Path, metavar="FILE.png", help="write a contact sheet of the pictures chosen")
    parser.add_argument("--skip-unreadable", action="store_true", help="go on without pictures that cannot be read")


def run_int8(options: argparse.Namespace) -> int:
    """Run the command; returns the exit code."""
    _check_options(options)
    paths = list_pictures(options.images)
    segmenter = open_segmenter(options.model, threads=options.threads)
    try:
        observed = Observed(segmenter=segmenter, graph=load_model(options.model), threads=options.threads)
        found = survey(_track(paths, "looking at the pictures"), segmenter)
        check_readable(found.unreadable, len(paths), options.skip_unreadable)
        check_enough(len(found.pictures), len(paths))
        selection = select(found.pictures, options.count, options.held_back, options.seed)
        _tell_selection(found, selection)
        _check_cells(sum(picture.cells for picture in selection.held_back), len(selection.held_back))
        if options.sheet is not None:
            write_sheet(selection, options.sheet)
        ranges = calibrate(observed, selection, options.seed)
    finally:
        segmenter.close()
    write_ranges(ranges, options.out)
    _tell_ranges(ranges, options.out)
    return 0


def calibrate(observed: Observed, selection: Selection, seed: int) -> CalibrationRanges:
    """Observe, compare the methods, choose one."""
    spec, graph = observed.segmenter.spec, observed.graph
    names = activation_tensors(graph)
    paths = [picture.path for picture in selection.chosen]
    tensors = read_tensors(_track(paths, f"observing {len(names)} tensors"), spec)
    histograms = observe(graph, names, tensors, threads=observed.threads)
    table = {name: measure(histograms[name]) for name in _track(names, "choosing where to clip")}
    figures = judge_methods(observed, table, selection.held_back)
    return CalibrationRanges(
        model_name=spec.name,
        model_sha256=observed.segmenter.sha256,
        fingerprint=fingerprint(graph, names),
        method=best(figures).method,
        tensors=table,
        calibration=_picture_set(selection.chosen),
        held_back=_picture_set(selection.held_back),
        seed=seed,
        int8_mode=int8_mode(),
        figures=figures,
        program=f"leukoedge {version('leukoedge')}, onnxruntime {onnxruntime.__version__}, onnx {onnx.__version__}",
        created=datetime.now(timezone.utc).isoformat(timespec="seconds"),
    )


def measure(histogram: Histogram) -> TensorRange:
    """The range of one tensor by every method."""
    return TensorRange(
        count=histogram.total,
        max=histogram.largest,
        percentile=percentile_amax(histogram),
        entropy=entropy_amax(histogram),
    )


def judge_methods(
    observed: Observed, table: dict[str, TensorRange], held_back: Sequence[Described]
) -> tuple[MethodFigures, ...]:
    """INT8 by each method against FP32 on the held-back pictures."""
    spec = observed.segmenter.spec

    def cells(network: Network | None, description: str) -> list[Cells]:
        run = observed.segmenter.segment if network is None else lambda tensor: network.segment(tensor, spec)
        images = (read_picture(picture.path) for picture in _track(held_back, description))
        return [find_cells(run, image, spec) for image in images]

    wanted = cells(None, "FP32 on the held-back pictures")
    figures = []
    for method in METHODS:
        quantised = insert_qdq(observed.graph, {name: item.amax(method) for name, item in table.items()})
        network = Network(quantised, threads=observed.threads, exact=True)
        figures.append(compare(method, wanted, cells(network, f"INT8 by {method}"), spec.mask_threshold))
    return tuple(figures)


def _check_cells(count: int, pictures: int) -> None:
    """Raises ConfigurationError if FP32 finds too few cells in the held-back pictures to tell the methods apart."""
    if count < FEWEST_CELLS:
        raise ConfigurationError(
            f"the model finds {count} cells in the {pictures} held-back pictures, too few to judge INT8 by; "
            f"give pictures that show at least {FEWEST_CELLS} there, or more pictures"
        )


def _check_options(options: argparse.Namespace) -> None:
    faults = [
        f"--{name.replace('_', '-')} is {getattr(options, name)} but must be at least {least}"
        for name, least in (("count", FEWEST_COUNT), ("held_back", 1), ("seed", 0), ("threads", 1))
        if getattr(options, name) is not None and getattr(options, name) < least
    ]
    if options.out.suffix != ".json":
        faults.append(f"--out {options.out} must end in .json")
    if options.sheet is not None and options.sheet.suffix != ".png":
        faults.append(f"--sheet {options.sheet} must end in .png")
    if faults:
        raise ConfigurationError("; ".join(faults))
    try:
        options.out.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ConfigurationError(
            f"the folder of --out {options.out} cannot be made ({error.strerror}); name another file"
        ) from error


def _track(items: Sequence[Item], description: str) -> Iterable[Item]:
    return track(items, description=description, console=console)


def _picture_set(pictures: Sequence[Described]) -> PictureSet:
    return PictureSet(
        count=len(pictures),
        sha256=digest_of_set([picture.digest for picture in pictures]),
        empty=sum(picture.cells == 0 for picture in pictures),
    )


def _tell_selection(found: Survey, selection: Selection) -> None:
    if found.unreadable:
        first = found.unreadable[0]
        _tell(f"{len(found.unreadable)} pictures left out, the first is {first.path}: {first.reason}")
    if found.twice:
        _tell(f"{found.twice} pictures left out: copies of others")
    if len(found.pictures) < FEWEST_WANTED:
        _tell(f"only {len(found.pictures)} pictures to choose from; {WANTED} are wanted for ranges to rely on")
    empty = sum(picture.cells == 0 for picture in selection.chosen)
    if not empty:
        _tell("no picture without cells was given; add empty fields, which the instrument sees too")
    _tell(
        f"{len(selection.chosen)} of {len(found.pictures)} pictures chosen ({empty} without cells), "
        f"{len(selection.held_back)} others held back"
    )


def _tell_ranges(ranges: CalibrationRanges, path: Path) -> None:
    table = Table(title=f"INT8 against FP32, {ranges.held_back.count} held-back pictures")
    for column in ("method", "cells", "lost", "invented", "mean mask IoU"):
        table.add_column(column, justify="left" if column == "method" else "right")
    for item in ranges.figures:
        iou = "none" if item.mean_iou is None else f"{item.mean_iou:.4f}"
        chosen = " (kept)" if item.method == ranges.method else ""
        table.add_row(f"{item.method}{chosen}", str(item.cells), str(item.lost), str(item.invented), iou)
    report = Console()
    report.print(table)
    _tell(f"INT8 on {ranges.int8_mode}", report)
    _tell(f"wrote {path}: ranges of {len(ranges.tensors)} tensors by {ranges.method}", report)


def _tell(text: str, where: Console = console) -> None:
    where.print(text, markup=False, highlight=False, soft_wrap=True)
