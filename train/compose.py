"""`python -m train compose`: fields put together from labelled pictures, as a folder that `evaluate` reads.

python -m train compose --data DATA --split train/splits/published.json --side test --out runs/composed
python -m train evaluate model.onnx --data runs/composed/crowded --out runs/judged
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import cv2
import numpy as np
from rich.console import Console
from rich.progress import track

from edge.errors import ConfigurationError, DiskFullError
from train.data.augment import Example
from train.data.composed import FEW, MANY, Sources, empty_field, instances_of, populated_field, sources_of
from train.data.open import read_datasets
from train.data.splits import SIDES, read_split

LOOKS = ("empty", "few", "crowded")


def add_compose_arguments(parser: argparse.ArgumentParser) -> None:
    """The command line of `python -m train compose`."""
    parser.add_argument("--data", type=Path, nargs="+", required=True, metavar="PATH", help="data sets to compose from")
    parser.add_argument("--split", type=Path, metavar="FILE", help="split file; without it training pictures too")
    parser.add_argument("--side", choices=SIDES, default="test", help="side of the split (default: test)")
    parser.add_argument("--out", type=Path, required=True, metavar="DIR", help=f"for the folders {', '.join(LOOKS)}")
    parser.add_argument("--count", type=int, default=50, metavar="N", help="fields of each look (default: 50)")
    parser.add_argument("--seed", type=int, default=0, metavar="N")


def run_compose(args: argparse.Namespace) -> int:
    """Run the command; returns the exit code."""
    if args.count < 1:
        raise ConfigurationError(f"--count {args.count} makes no field; give 1 or more")
    if args.seed < 0:
        raise ConfigurationError(f"--seed {args.seed} is negative; give 0 or more")
    if args.out.exists() and (not args.out.is_dir() or any(args.out.iterdir())):
        raise ConfigurationError(f"{args.out} is not an empty folder; choose another --out or take it away")
    samples = [sample for sample in read_datasets(args.data) if sample.annotated]
    if args.split is not None:
        samples = list(read_split(args.split, samples).side(args.side))
    sources = sources_of(samples)
    jobs = [(look, number) for look in LOOKS for number in range(args.count)]
    with _complete_or_absent(args.out) as folder:
        for look, number in track(jobs, description="compose", console=Console(stderr=True), transient=True):
            generator = np.random.default_rng([args.seed, LOOKS.index(look), number])
            _write(_compose(sources, look, generator), folder / look, f"{number:03d}.png")
    return 0


@contextmanager
def _complete_or_absent(out: Path) -> Iterator[Path]:
    """A folder that becomes `out` when all is in it: part of a set would be judged as if it were the whole."""
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        with TemporaryDirectory(prefix=f".{out.name}.", dir=out.parent) as unfinished:
            whole = Path(unfinished) / "whole"
            whole.mkdir()
            yield whole
            whole.rename(out)  # an empty folder may be there
    except OSError as error:
        raise DiskFullError(
            f"{out} cannot be written ({error.strerror}); make room there or give another --out"
        ) from error


def _compose(sources: Sources, look: str, generator: np.random.Generator) -> Example:
    if look == "empty":
        return empty_field(sources, generator)
    return populated_field(sources, generator, FEW if look == "few" else MANY)


def _write(example: Example, folder: Path, name: str) -> None:
    for part, content in (("images", example.image), ("masks", instances_of(example))):
        (folder / part).mkdir(parents=True, exist_ok=True)
        _, code = cv2.imencode(".png", content)
        (folder / part / name).write_bytes(code.tobytes())
