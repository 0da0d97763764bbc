"""Judge a model on labelled pictures.

    python -m train evaluate model.onnx --data DATA --split train/splits/published.json --side test --out runs/judged

Writes `images.csv` (a row per picture), `cells.csv` (a row per predicted cell), `summary.json` (per data set) and
`kinds.json` (per data set and kind of cell), and prints them as tables.
Masks are pasted at the picture's own resolution by the same code as at the microscope.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console
from rich.progress import track

from edge.errors import ConfigurationError, UsageError
from edge.providers import PROVIDERS, Provider
from train.data.choose import only
from train.data.open import read_datasets
from train.data.sample import Sample
from train.data.splits import SIDES, read_split
from train.judge import MASK_THRESHOLD, ImageResult, Segment, judge, segment_by
from train.pictures import draw_worst
from train.report import (
    CELLS_NAME,
    CSV_NAME,
    KINDS_NAME,
    SUMMARY_NAME,
    print_kinds,
    print_table,
    summarise,
    summarise_kinds,
    write_cells,
    write_images,
    write_summary,
)


def evaluate(
    segment: Segment, samples: Sequence[Sample], mask_threshold: float = MASK_THRESHOLD, progress: bool = True
) -> list[ImageResult]:
    """Segment and judge each sample, in order; samples without labels are refused with ConfigurationError."""
    blank = [sample.key for sample in samples if not sample.annotated]
    if blank:
        raise ConfigurationError(
            f"{len(blank)} pictures have no labels to judge by, among them {blank[0]}; leave them out"
        )
    listed = track(samples, description="evaluate", console=Console(stderr=True), disable=not progress, transient=True)
    return [judge(segment, sample, mask_threshold) for sample in listed]


def onnx_segment(path: Path, threshold: float | None = None, provider: Provider | None = None) -> Segment:
    """The model of a file as a `Segment`; `threshold` replaces the file's own score threshold.

    Raises as `open_segmenter` does, and UsageError if the threshold lies below the model's floor.
    """
    from edge.segmenters.open import open_segmenter  # not at the top: judging a PyTorch model needs no runtime backend

    segmenter = open_segmenter(path, provider=provider)
    spec = segmenter.spec
    if threshold is not None and not spec.score_floor <= threshold <= 1:
        raise UsageError(
            f"--threshold {threshold} is out of range; {path} gives scores from {spec.score_floor} to 1, choose between"
        )
    return segment_by(segmenter.segment, spec, threshold)


def add_evaluate_arguments(parser: argparse.ArgumentParser) -> None:
    """The command line of `python -m train evaluate`."""
    parser.add_argument("model", type=Path, metavar="MODEL.onnx")
    parser.add_argument("--data", type=Path, nargs="+", required=True, metavar="PATH", help="data sets to judge on")
    parser.add_argument(
        "--split", type=Path, metavar="FILE", help="split file; without it every labelled picture counts"
    )
    parser.add_argument("--side", choices=SIDES, default="test", help="side of the split (default: test)")
    parser.add_argument("--only", nargs="+", default=[], metavar="SET", help="data sets to judge on, e.g. dataset2")
    parser.add_argument(
        "--out",
        type=Path,
        required=True,
        metavar="DIR",
        help=f"for {CSV_NAME}, {CELLS_NAME}, {SUMMARY_NAME} and {KINDS_NAME}",
    )
    parser.add_argument("--threshold", type=float, metavar="T", help="score threshold (default: the model's own)")
    parser.add_argument("--provider", choices=PROVIDERS, help="what runs the model (default: cpu), as of edge-run")
    parser.add_argument("--pictures", type=Path, metavar="DIR", help="draw truth and prediction of the worst pictures")


def run_evaluate(args: argparse.Namespace) -> int:
    """Run the command; returns the exit code."""
    if (args.out / CSV_NAME).exists():
        raise ConfigurationError(f"{args.out} already holds an evaluation; choose another --out or take it away")
    segment = onnx_segment(args.model, args.threshold, args.provider)
    samples = [sample for sample in read_datasets(args.data) if sample.annotated]
    if args.split is not None:
        samples = list(read_split(args.split, samples).side(args.side))
    samples = only(samples, args.only, "--only")
    if not samples:
        raise ConfigurationError("no labelled picture is left to judge by; check --data, --split and --side")
    results = evaluate(segment, samples)
    summaries, kinds = summarise(results), summarise_kinds(results)
    args.out.mkdir(parents=True, exist_ok=True)
    write_images(results, args.out / CSV_NAME)
    write_cells(results, args.out / CELLS_NAME)
    write_summary(summaries, args.out / SUMMARY_NAME)
    write_summary(kinds, args.out / KINDS_NAME)
    print_table(summaries, Console())
    if kinds:
        print_kinds(kinds, Console())
    if args.pictures is not None:
        draw_worst(segment, samples, results, args.pictures)
    return 0
