"""One fold of one method on one data set: learn, predict, record."""

from __future__ import annotations

import platform
from collections.abc import Callable
from dataclasses import asdict, dataclass
from importlib import metadata
from typing import Any

import cv2
import numpy as np
import torch
from rich.progress import Progress

from train.data.sample import load
from train.experiment.augmentation import AUGMENTATIONS
from train.experiment.batches import EpochBatches
from train.experiment.folds import Fold
from train.experiment.learn import Lesson, learn, load_best
from train.experiment.learner import Learner, MasksOn
from train.experiment.leukocytemask_learner import LeukocyteMaskLearner, build_leukocytemask
from train.experiment.methods import METHODS, DatasetName, MethodName
from train.experiment.optimisation import seed_torch
from train.experiment.pixelwise_learner import PixelwiseLearner
from train.experiment.predict import SegmentSoft, means_of, predict, soft_segmenter
from train.experiment.processes import Processes
from train.experiment.run_folder import RunFolder, write_json
from train.experiment.settings import ExperimentSettings
from train.experiment.square import to_square_example
from train.experiment.validation import ValidationSet


@dataclass(frozen=True, slots=True, kw_only=True)
class FoldRun:
    """What one run is asked for.

    Attributes
    ----------
    folds_hash : of the file that the fold comes from
    smoke : True if the fold was cut down to a few pictures
    """

    dataset: DatasetName
    method: MethodName
    fold: Fold
    settings: ExperimentSettings
    files: RunFolder
    folds_hash: str
    smoke: bool

    @property
    def input_px(self) -> int:
        return self.settings.input_px_of(self.dataset)

    def given(self, processes: int) -> dict[str, Any]:
        """Everything that decides the outcome, as JSON values; a run is only continued with the same."""
        asked = {
            "dataset": self.dataset,
            "method": self.method,
            "fold": self.fold.number,
            "seed": self.settings.seed,
            "folds_sha256": self.folds_hash,
            "smoke": self.smoke,
        }
        method = METHODS[self.method]
        if method.network is None or method.augmentation is None:
            return asked
        return asked | {
            "training": self.settings.training_of(self.dataset, self.method).model_dump(),
            "networks": self.settings.networks.model_dump(),
            "prediction": self.settings.prediction.model_dump(),
            "input_px": self.input_px,
            "augmentation": {"name": method.augmentation, **asdict(AUGMENTATIONS[method.augmentation])},
            "processes": processes,
        }


def run_fold(run: FoldRun, processes: Processes, progress: Progress) -> None:
    """Do what is not yet done of a run; only the first process writes."""
    if processes.is_first:
        run.files.begin(run.given(processes.count), {"made_with": made_with(processes)})
    processes.wait()
    if run.files.complete.exists():
        progress.console.print(f"{run.files.name}: finished before")
        return
    task = progress.add_task(run.files.name, total=None, info="")

    def advance(step: int, info: str) -> None:
        progress.update(task, completed=step, info=info)

    if METHODS[run.method].network is None:
        segment = tuned_watershed(run, progress) if processes.is_first else None
    else:
        learner = build_learner(run)
        if run.files.trained and run.files.best.exists():
            load_best(learner, run.files)
        else:
            lesson = prepare_lesson(run, processes)
            progress.update(task, total=lesson.steps)
            learn(learner, lesson, run.files, processes, advance)
        segment = soft_segmenter(learner, run.input_px, processes.device)
    if processes.is_first and segment is not None:
        progress.update(task, total=len(run.fold.test))
        finish(run, segment, lambda number: advance(number, "predicts"), progress)
    progress.remove_task(task)
    processes.wait()


def finish(run: FoldRun, segment: SegmentSoft, advance: Callable[[int], None], progress: Progress) -> None:
    """Predict the test part and declare the run complete; without complete.json it is predicted again."""
    if METHODS[run.method].network is not None:
        run.files.note({"trained": True})
    means = means_of(predict(segment, run.fold.test, run.files, run.settings.prediction.mask, advance))
    write_json(run.files.complete, {"pictures": len(run.fold.test), "means": means})
    run.files.state.unlink(missing_ok=True)
    progress.console.print(f"{run.files.name}: " + describe(means))


def predict_masks_on(run: FoldRun, masks_on: MasksOn, processes: Processes, progress: Progress) -> None:
    """Segment a finished run's test part once more with masks on other boxes, into a folder inside the run's."""
    files = RunFolder(
        folder=run.files.folder / f"masks-on-{masks_on}", dataset=run.dataset, method=run.method, fold=run.fold.number
    )
    if not processes.is_first or files.complete.exists():
        return
    files.begin(run.given(processes.count) | {"masks_on": masks_on}, {"made_with": made_with(processes)})
    learner = LeukocyteMaskLearner(build_leukocytemask(run.input_px), run.settings.prediction.score, masks_on)
    load_best(learner, run.files)
    task = progress.add_task(f"{run.files.name} {masks_on}", total=len(run.fold.test), info="predicts")
    segment = soft_segmenter(learner, run.input_px, processes.device)
    found = predict(
        segment,
        run.fold.test,
        files,
        run.settings.prediction.mask,
        lambda number: progress.update(task, completed=number),
    )
    write_json(files.complete, {"pictures": len(found), "means": means_of(found)})
    progress.remove_task(task)
    progress.console.print(f"{run.files.name}, masks on {masks_on}: " + describe(means_of(found)))


def build_learner(run: FoldRun) -> Learner:
    """The untrained network of a run; its first weights depend on the seed alone."""
    seed_torch(run.settings.seed, 0, 0)
    kind, networks = METHODS[run.method].network, run.settings.networks
    if kind == "leukocytemask":
        return LeukocyteMaskLearner(build_leukocytemask(run.input_px), run.settings.prediction.score)
    if kind == "unet":
        from train.experiment.networks.unet import UNet

        facts = {"network": "unet", "width": networks.unet_width, "input_px": run.input_px}
        return PixelwiseLearner(UNet(width=networks.unet_width), facts)
    from train.experiment.networks.fcn import FCN8s

    sizes = {"width": networks.fcn_width, "fc_channels": networks.fcn_fc_channels}
    return PixelwiseLearner(FCN8s(**sizes), {"network": "fcn", **sizes, "input_px": run.input_px})


def prepare_lesson(run: FoldRun, processes: Processes) -> Lesson:
    """Read the training and validation pictures."""
    method, training = METHODS[run.method], run.settings.training_of(run.dataset, run.method)
    batches = EpochBatches(
        examples=[to_square_example(load(sample), run.input_px) for sample in run.fold.train],
        augmentation=AUGMENTATIONS[str(method.augmentation)],
        batch=training.batch,
        seed=run.settings.seed,
        rank=processes.rank,
        processes=processes.count,
    )
    validation = ValidationSet.of([load(sample) for sample in run.fold.validation], run.input_px)
    return Lesson(training=training, batches=batches, validation=validation, threshold=run.settings.prediction.mask)


def tuned_watershed(run: FoldRun, progress: Progress) -> SegmentSoft:
    """The watershed with the settings that suit the training part best."""
    from train.experiment.watershed import segment_watershed, tune

    progress.stop()  # the search has a bar of its own
    settings = tune(run.fold.train, seed=run.settings.seed)
    progress.start()
    run.files.note({"watershed": asdict(settings)})
    return lambda image: segment_watershed(image, settings)


def describe(means: dict[str, float]) -> str:
    return "  ".join(f"{name} {value:.5f}" for name, value in means.items())


def made_with(processes: Processes) -> dict[str, str]:
    """Versions and device, for the record."""
    gpu = processes.device.type == "cuda"
    return {
        "leukoedge": metadata.version("leukoedge"),
        "python": platform.python_version(),
        "torch": torch.__version__,
        "numpy": np.__version__,
        "opencv": cv2.__version__,
        "device": torch.cuda.get_device_name(processes.device) if gpu else f"CPU, {torch.get_num_threads()} threads",
    }
