"""Name the pictures of one side of a split, one absolute path a line.

    python -m train list --data DATA --split train/splits/published.json --side train > train.txt

What other programs take as a list of pictures: `python -m calib int8 model.onnx train.txt --out ranges.json`.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from edge.errors import ConfigurationError
from train.data.open import read_datasets
from train.data.splits import SIDES, Side, read_split


def list_side(data: list[Path], split: Path, side: Side) -> list[Path]:
    """The labelled pictures of one side, in the order of the data sets.

    Raises ConfigurationError if the data or the split cannot be read, do not fit, or the side is empty.
    """
    samples = read_split(split, [sample for sample in read_datasets(data) if sample.annotated]).side(side)
    if not samples:
        raise ConfigurationError(f"the {side} side of {split} is empty; check --data, --split and --side")
    return [sample.image_path.resolve() for sample in samples]


def add_list_arguments(parser: argparse.ArgumentParser) -> None:
    """The command line of `python -m train list`."""
    parser.add_argument("--data", type=Path, nargs="+", required=True, metavar="PATH", help="data sets to list")
    parser.add_argument("--split", type=Path, required=True, metavar="FILE", help="split file")
    parser.add_argument("--side", choices=SIDES, default="train", help="side of the split (default: train)")


def run_list(args: argparse.Namespace) -> int:
    """Run the command; returns the exit code."""
    sys.stdout.writelines(f"{path}\n" for path in list_side(args.data, args.split, args.side))
    return 0
