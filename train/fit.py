"""`python -m train fit`: data sets, split, configuration -> a training run."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from edge.errors import ConfigurationError
from train.config import TrainConfig, build_config, read_config
from train.data.choose import leave_out
from train.data.open import read_datasets
from train.data.sample import Sample
from train.data.splits import read_split, split_samples, write_split
from train.evaluate import evaluate
from train.inference import torch_segment
from train.model.leukocytemask import LeukocyteMask
from train.report import summarise
from train.trainer import Validate, fit

SPLIT_NAME = "split.json"


def add_fit_arguments(parser: argparse.ArgumentParser) -> None:
    """The command line of `python -m train fit`."""
    parser.add_argument("--data", type=Path, nargs="+", required=True, metavar="PATH", help="data sets to train on")
    parser.add_argument("--out", type=Path, required=True, metavar="DIR", help="folder of the run")
    parser.add_argument("--config", type=Path, metavar="FILE", help="TOML file, e.g. train/configs/edge.toml")
    parser.add_argument("--preset", choices=("edge", "paper"), help="network (default: the configuration's, or edge)")
    parser.add_argument("--split", type=Path, metavar="FILE", help="split to use; without it a new one is drawn")
    parser.add_argument(
        "--without",
        nargs="+",
        default=[],
        metavar="SET",
        help="data sets to leave out, e.g. dataset2, so that the model can be judged on what it never saw",
    )
    parser.add_argument("--steps", type=int, metavar="N", help="training steps, in place of the configuration's")
    parser.add_argument("--batch", type=int, metavar="N", help="pictures per step, in place of the configuration's")
    parser.add_argument("--seed", type=int, metavar="N", help="seed of split, weights and pictures")
    parser.add_argument(
        "--no-pretrained", dest="pretrained", action="store_const", const=False, help="start from random weights"
    )
    parser.add_argument("--resume", action="store_true", help="go on with the run in --out after a kill")


def run_fit(args: argparse.Namespace) -> int:
    """Run the command; returns the exit code."""
    names = ("preset", "steps", "batch", "seed", "pretrained")
    overrides = {name: getattr(args, name) for name in names}
    if args.config is not None:
        config = read_config(args.config, overrides)
    else:
        config = build_config({k: v for k, v in overrides.items() if v is not None}, "the command line")
    samples = leave_out([sample for sample in read_datasets(args.data) if sample.annotated], args.without, "--without")
    remembered = args.out / SPLIT_NAME
    if args.split is not None or (args.resume and remembered.exists()):
        split = read_split(args.split or remembered, samples)
    else:
        print("drawing a split (reads every picture once, to keep duplicates together) ...")
        split = split_samples(samples, config.seed)
    if not split.train or not split.validation:
        raise ConfigurationError("the split leaves no picture to train or to validate on; give more labelled pictures")
    args.out.mkdir(parents=True, exist_ok=True)
    if not remembered.exists():
        write_split(split, remembered)
    best = fit(config, list(split.train), validation_of(split.validation, config), args.out, resume=args.resume)
    print(f"wrote {best}; judge it with `python -m export onnx {best} --out model.onnx` and `python -m train evaluate`")
    return 0


def validation_of(samples: Sequence[Sample], config: TrainConfig) -> Validate:
    """Judge a model on some pictures of each data set, always the same ones.

    "score" is the mean over the data sets of mIoU minus a penalty for lost and invented cells, which a union of masks
    hardly feels.
    """
    by_dataset: dict[str, list[Sample]] = {}
    for sample in samples:
        by_dataset.setdefault(sample.dataset, []).append(sample)
    generator = np.random.default_rng(config.seed)
    chosen = []
    for name in sorted(by_dataset):
        group = by_dataset[name]
        order = generator.permutation(len(group))[: config.validation_samples_per_set]
        chosen += [group[i] for i in sorted(order)]

    def validate(model: LeukocyteMask) -> dict[str, float]:
        figures: dict[str, float] = {}
        scores = []
        for name, summary in summarise(evaluate(torch_segment(model), chosen, progress=False)).items():
            false = summary.false_cells / max(1, summary.complete_images)
            recall = summary.found / max(1, summary.cells)
            miou = summary.metrics["miou"].value
            figures |= {f"{name}_miou": miou, f"{name}_recall": recall, f"{name}_false": false}
            scores.append(miou - 0.2 * (1 - recall) - 0.1 * false)
        return {"score": float(np.mean(scores)), **figures}

    return validate
