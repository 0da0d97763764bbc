"""Truth and prediction drawn over the worst pictures, for looking at."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from edge.errors import ConfigurationError
from edge.types import Image
from train.data.sample import Sample, load
from train.judge import MASK_THRESHOLD, ImageResult, Segment, paste_all

WORST_PER_DATASET = 8
TRUTH_BGR = (0, 200, 0)
PREDICTION_BGR = (0, 0, 255)
SMALLEST_WIDTH_PX = 480


def draw_worst(
    segment: Segment,
    samples: Sequence[Sample],
    results: Sequence[ImageResult],
    folder: Path,
    count: int = WORST_PER_DATASET,
) -> list[Path]:
    """Draw the pictures of lowest mIoU of each data set; a picture with missed or false cells counts as worse.

    Truth is outlined in green, prediction in red. Returns the files, `<data set>_<rank>_<picture>.png`.
    """
    by_key = {sample.key: sample for sample in samples}
    groups: dict[str, list[ImageResult]] = defaultdict(list)
    for result in results:
        groups[result.dataset].append(result)
    folder.mkdir(parents=True, exist_ok=True)
    paths = []
    for dataset, group in sorted(groups.items()):
        for rank, result in enumerate(sorted(group, key=_goodness)[:count], start=1):
            sample = by_key[result.key]
            path = folder / f"{dataset}_{rank:02d}_{sample.source_id.replace('/', '-')}.png"
            if not cv2.imwrite(str(path), draw_comparison(segment, sample)):
                raise ConfigurationError(f"the picture {path} cannot be written; choose another --pictures folder")
            paths.append(path)
    return paths


def draw_comparison(segment: Segment, sample: Sample) -> Image:
    """The picture, enlarged to a width that shows outlines, with truth in green and prediction in red."""
    loaded = load(sample)
    height, width = loaded.instances.shape
    scale = max(1, -(-SMALLEST_WIDTH_PX // width))
    canvas = cv2.resize(loaded.image, (width * scale, height * scale), interpolation=cv2.INTER_CUBIC)
    for number in range(1, int(loaded.instances.max(initial=0)) + 1):
        _outline(canvas, loaded.instances == number, scale, TRUTH_BGR)
    instances = segment(loaded.image)
    letters = max(0.5, canvas.shape[1] / 1600)
    for patch, score, box in zip(paste_all(instances, width, height), instances.scores, instances.boxes, strict=True):
        mask = np.zeros((height, width), bool)
        mask[patch.window] = patch.values >= MASK_THRESHOLD
        _outline(canvas, mask, scale, PREDICTION_BGR)
        corner = (int(box[0] * scale), max(12, int(box[1] * scale) - 4))
        cv2.putText(canvas, f"{score:.2f}", corner, cv2.FONT_HERSHEY_SIMPLEX, letters, PREDICTION_BGR, 1, cv2.LINE_AA)
    return np.asarray(canvas, np.uint8)


def _outline(canvas: NDArray, mask: NDArray[np.bool_], scale: int, colour: tuple[int, int, int]) -> None:
    enlarged = np.asarray(mask.repeat(scale, axis=0).repeat(scale, axis=1), np.uint8)
    contours, _ = cv2.findContours(enlarged, cv2.RETR_LIST, cv2.CHAIN_APPROX_NONE)
    cv2.drawContours(canvas, contours, -1, colour, max(1, canvas.shape[1] // 500))


def _goodness(result: ImageResult) -> float:
    return result.metrics.miou - (result.cells - result.found) - result.false_cells
