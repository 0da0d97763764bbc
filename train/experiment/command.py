"""`python -m train crossval`: any of the six methods on any of the data sets, fold by fold.

    python -m train crossval --config train/configs/experiment/paper.toml --data ../shared/data --out runs/experiment
    python -m train crossval --config train/configs/experiment/cpu.toml --dataset dataset1 --method unet --fold 0
    torchrun --nproc-per-node 2 -m train crossval --config train/configs/experiment/paper.toml
    python -m train crossval --smoke --out runs/smoke

The same command again goes on where the last one stopped: finished folds are skipped.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterable
from pathlib import Path
from typing import TypeVar

from rich.progress import Progress

from edge.errors import ConfigurationError, DiskFullError, UsageError
from train.experiment.crossval import FoldRun, predict_masks_on, run_fold
from train.experiment.folds import FOLDS, Fold, hash_of, prepare_folds
from train.experiment.methods import DATASETS, METHODS, PUBLISHED, SIMULATED, DatasetName, MethodName
from train.experiment.processes import Processes, join_processes
from train.experiment.run_folder import RunFolder
from train.experiment.settings import ExperimentSettings, read_settings
from train.experiment.sources import missing, read_labelled, samples_of
from train.progress import step_progress

CONFIGS = Path(__file__).resolve().parents[1] / "configs" / "experiment"
DEFAULT_DATA, DEFAULT_OUT = Path("../shared/data"), Path("runs/experiment")
SMOKE_PICTURES, SMOKE_EPOCHS = 5, 1

Name = TypeVar("Name", bound=str)


def add_crossval_arguments(parser: argparse.ArgumentParser) -> None:
    """The command line of `python -m train crossval`."""
    parser.add_argument(
        "--config", type=Path, default=CONFIGS / "paper.toml", metavar="FILE", help="TOML file (default: paper.toml)"
    )
    parser.add_argument("--data", type=Path, nargs="+", metavar="PATH", help=f"data sets (default: {DEFAULT_DATA})")
    parser.add_argument(
        "--dataset", nargs="+", metavar="NAME", help=f"of {', '.join(DATASETS)} (default: what is there)"
    )
    parser.add_argument("--method", nargs="+", metavar="NAME", help=f"of {', '.join(METHODS)} (default: all)")
    parser.add_argument("--fold", type=int, nargs="+", metavar="K", help=f"of 0 to {FOLDS - 1} (default: all)")
    parser.add_argument("--out", type=Path, default=DEFAULT_OUT, metavar="RUNS", help=f"default: {DEFAULT_OUT}")
    parser.add_argument("--epochs", type=int, metavar="N", help="in place of the configuration's")
    parser.add_argument(
        "--masks-on",
        choices=("refined", "proposals"),
        default="refined",
        help="proposals: segment with LeukocyteMask once more, beside the usual way, with masks on the RPN's boxes",
    )
    parser.add_argument(
        "--smoke",
        action="store_true",
        help="a few steps on a few pictures: fold 0, on simulated crops unless --data or --dataset is given",
    )


def run_crossval(args: argparse.Namespace) -> int:
    """Run the command; returns the exit code."""
    settings = read_settings(args.config)
    epochs = args.epochs if args.epochs is not None else SMOKE_EPOCHS if args.smoke else None
    if epochs is not None:
        settings = settings.with_epochs(epochs)
    methods = _chosen(args.method, METHODS, "method")
    folds = _chosen_folds(args)
    if args.masks_on != "refined" and not any(METHODS[name].network == "leukocytemask" for name in methods):
        raise UsageError(f"--masks-on {args.masks_on} is about LeukocyteMask; choose a --method of it")
    with join_processes() as processes, step_progress(shown=processes.is_first) as progress:
        runs = _plan(args, settings, (methods, folds), processes, progress)
        overall = progress.add_task("all runs", total=len(runs), info="")
        for run in runs:
            try:
                run_fold(run, processes, progress)
                if args.masks_on != "refined" and METHODS[run.method].network == "leukocytemask":
                    predict_masks_on(run, args.masks_on, processes, progress)
            except OSError as error:
                raise DiskFullError(
                    f"{run.files.folder} cannot be written ({error}); make room there or choose another --out, and run "
                    "the same command again"
                ) from error
            progress.advance(overall)
    return 0


def _plan(
    args: argparse.Namespace,
    settings: ExperimentSettings,
    chosen: tuple[list[MethodName], list[int]],
    processes: Processes,
    progress: Progress,
) -> list[FoldRun]:
    """All runs in order: of each data set fold by fold, so that the methods soon stand side by side."""
    if processes.is_first:
        _check_writable(args.out)
    runs = []
    for dataset, samples_folds in _folds(args, settings, processes, progress):
        for number in chosen[1]:
            fold = samples_folds[number]
            for method in chosen[0]:
                folder = args.out / dataset / method / f"fold{number}"
                runs.append(
                    FoldRun(
                        dataset=dataset,
                        method=method,
                        fold=fold.first(SMOKE_PICTURES) if args.smoke else fold,
                        settings=settings,
                        files=RunFolder(folder=folder, dataset=dataset, method=method, fold=number),
                        folds_hash=hash_of(args.out / dataset / "folds.json"),
                        smoke=args.smoke,
                    )
                )
    return runs


def _folds(
    args: argparse.Namespace, settings: ExperimentSettings, processes: Processes, progress: Progress
) -> list[tuple[DatasetName, tuple[Fold, ...]]]:
    """The data sets to work on, each with its five folds."""
    data = args.data or [DEFAULT_DATA]
    alone = args.smoke and not args.data
    names = _chosen(args.dataset, DATASETS, "data set") if args.dataset else [SIMULATED] if alone else list(PUBLISHED)
    labelled = read_labelled(data) if set(names) != {SIMULATED} else []
    found = []
    for rank_turn in (True, False):  # the first process writes what the others then read
        if processes.is_first == rank_turn:
            for name in names:
                samples = samples_of(name, labelled, args.out / name)
                if samples:
                    path = args.out / name / "folds.json"
                    path.parent.mkdir(parents=True, exist_ok=True)
                    found.append((name, prepare_folds(path, name, samples, settings.seed)))
                elif args.dataset:
                    raise ConfigurationError(f"{missing(name, data)}; give --data the folder that holds it")
                else:
                    progress.console.print(f"{name}: not run, {missing(name, data)}")
        processes.wait()
    if not found:
        raise ConfigurationError(f"{missing(names[0], data)} nor of another set; give --data the folder of one")
    return found


def _chosen(given: list[str] | None, known: Iterable[Name], what: str) -> list[Name]:
    """The names given, each once, in the order of `known`; all of them if none was given."""
    known = list(known)
    for name in given or []:
        if name not in known:
            raise UsageError(f"{name!r} is no {what} of the experiment; give one of {', '.join(known)}")
    return [name for name in known if given is None or name in given]


def _chosen_folds(args: argparse.Namespace) -> list[int]:
    folds: list[int] = sorted(set(args.fold)) if args.fold else [0] if args.smoke else list(range(FOLDS))
    for number in folds:
        if not 0 <= number < FOLDS:
            raise UsageError(f"there is no fold {number}; give --fold numbers from 0 to {FOLDS - 1}")
    return folds


def _check_writable(out: Path) -> None:
    probe = out / ".writable"
    try:
        out.mkdir(parents=True, exist_ok=True)
        probe.write_bytes(b"")
        probe.unlink()
    except OSError as error:
        raise ConfigurationError(
            f"nothing can be written to {out} ({error.strerror}); give --out a folder that is yours"
        ) from error
