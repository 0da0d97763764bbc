"""Pictures that show the same thing, so that a split can keep them together.

A picture is reduced to a thumbnail of 32x32 grey values, freed of its mean and scaled to length 1. Two pictures whose
thumbnails correlate above `SAME_PICTURE` are taken for the same scene saved twice.
"""

from __future__ import annotations

from collections import defaultdict
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import cv2
import numpy as np

from edge.types import Floats
from train.data.sample import Sample, decode

THUMBNAIL_PX = 32
SAME_PICTURE = 0.99  # true pairs of the published sets lie above 0.995, look-alikes below 0.98
CHUNK = 2048


def group_duplicates(samples: list[Sample]) -> list[Sample]:
    """The samples with the groups of (nearly) identical pictures merged; reads every picture once."""
    parents: dict[str, str] = {sample.group: sample.group for sample in samples}

    def root(group: str) -> str:
        while parents[group] != group:
            group = parents[group]
        return group

    by_dataset: dict[str, list[Sample]] = defaultdict(list)
    for sample in samples:
        by_dataset[sample.dataset].append(sample)
    for members in by_dataset.values():
        for i, j, _ in find_duplicates(thumbnails(members)):
            first, second = sorted((root(members[i].group), root(members[j].group)))
            parents[second] = first
    return [replace(sample, group=root(sample.group)) for sample in samples]


def thumbnails(samples: list[Sample]) -> Floats:
    """float32 [N, 1024], one row of length 1 per picture; a picture of one colour gives zeros."""
    with ThreadPoolExecutor(max_workers=2) as pool:
        return np.stack(list(pool.map(_thumbnail, samples)))


def find_duplicates(rows: Floats, limit: float = SAME_PICTURE) -> list[tuple[int, int, float]]:
    """(i, j, correlation) with i < j of all pairs of thumbnails [N, D] that correlate above `limit`."""
    pairs = []
    for start in range(0, len(rows), CHUNK):
        block = rows[start : start + CHUNK] @ rows.T
        for i, j in zip(*np.nonzero(block > limit), strict=True):
            if start + i < j:
                pairs.append((int(start + i), int(j), float(block[i, j])))
    return pairs


def _thumbnail(sample: Sample) -> Floats:
    fields = sample.image_path.suffix.lower() in {".jpg", ".jpeg"} and sample.dataset == "bcisc-field"
    grey = decode(sample.image_path, cv2.IMREAD_REDUCED_GRAYSCALE_8 if fields else cv2.IMREAD_GRAYSCALE)
    small = cv2.resize(grey, (THUMBNAIL_PX, THUMBNAIL_PX), interpolation=cv2.INTER_AREA).astype(np.float32).ravel()
    small -= small.mean()
    length = float(np.linalg.norm(small))
    return small / length if length > 0 else small
