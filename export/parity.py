"""Does an exported model say what the network says? Compared cell by cell on pictures that hold none, few and many."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from edge.errors import ModelError
from edge.geometry import box_iou
from edge.preprocess import preprocess
from edge.segmenters import open_segmenter
from edge.segmenters.protocol import RawOutputs
from edge.simulator import SmearParameters, draw_field
from edge.spec import ModelSpec
from edge.types import Image
from train.inference import run_network
from train.model.leukocytemask import LeukocyteMask

BOX_TOLERANCE_PX = 0.1
SCORE_TOLERANCE = 1e-3
MASK_TOLERANCE = 1e-3
FEWEST_CELLS = 50
FEWEST_PICTURES = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class ParityReport:
    """The largest differences over all matched cells: boxes in network px, scores and masks in 0..1."""

    pictures: int
    cells: int
    box_px: float
    score: float
    mask: float

    def __str__(self) -> str:
        return (
            f"{self.cells} cells in {self.pictures} pictures: boxes differ by at most {self.box_px:.2g} px, "
            f"scores by {self.score:.2g}, masks by {self.mask:.2g}"
        )


def check_parity(model: LeukocyteMask, spec: ModelSpec, exported: Path, pictures: list[Image]) -> ParityReport:
    """Compare; raises ModelError beyond the tolerances or where there was too little to compare."""
    segmenter = open_segmenter(exported)
    cells, box_px, score, mask = 0, 0.0, 0.0, 0.0
    try:
        for number, picture in enumerate(pictures):
            tensor, _ = preprocess(picture, spec)
            wanted, given = run_network(model, tensor), segmenter.segment(tensor)
            for i, j in _pairs(wanted, given, spec.score_floor, number):
                cells += 1
                box_px = max(box_px, float(np.abs(wanted.boxes[i] - given.boxes[j]).max()))
                score = max(score, float(abs(wanted.scores[i] - given.scores[j])))
                mask = max(mask, float(np.abs(wanted.masks[i] - given.masks[j]).max()))
    finally:
        segmenter.close()
    report = ParityReport(pictures=len(pictures), cells=cells, box_px=box_px, score=score, mask=mask)
    if cells < FEWEST_CELLS or len(pictures) < FEWEST_PICTURES:
        raise ModelError(
            f"the export cannot be checked: the network finds {cells} cells in {len(pictures)} pictures but at least "
            f"{FEWEST_CELLS} in {FEWEST_PICTURES} are needed; train it further or give more pictures with --pictures"
        )
    if box_px > BOX_TOLERANCE_PX or score > SCORE_TOLERANCE or mask > MASK_TOLERANCE:
        raise ModelError(
            f"the exported graph differs from the network: {report} "
            f"(allowed: {BOX_TOLERANCE_PX} px, {SCORE_TOLERANCE}, {MASK_TOLERANCE}); nothing was written"
        )
    return report


def _pairs(wanted: RawOutputs, given: RawOutputs, floor: float, number: int) -> Iterator[tuple[int, int]]:
    """Indices of the same cell in both; a cell well above the floor that one side lacks is an error."""
    overlap = box_iou(wanted.boxes, given.boxes) if len(wanted.scores) and len(given.scores) else None
    taken: set[int] = set()
    for i, score in enumerate(wanted.scores):
        j = int(overlap[i].argmax()) if overlap is not None else -1
        if j >= 0 and overlap is not None and overlap[i, j] > 0.9 and j not in taken:
            taken.add(j)
            yield i, j
        elif score > floor + SCORE_TOLERANCE:
            raise ModelError(f"the exported graph loses a cell of score {score:.3f} in check picture {number}")
    extra = [float(s) for j, s in enumerate(given.scores) if j not in taken and s > floor + SCORE_TOLERANCE]
    if extra:
        raise ModelError(f"the exported graph invents a cell of score {extra[0]:.3f} in check picture {number}")


def parity_pictures(folder: Path | None) -> list[Image]:
    """The pictures of a folder, if one is given, and always simulated ones (empty to crowded) and blank frames."""
    pictures: list[Image] = []
    if folder is not None:
        files = sorted(p for p in folder.iterdir() if p.suffix.lower() in {".jpg", ".jpeg", ".png", ".bmp", ".tif"})
        pictures += [image for image in map(_read, files) if image is not None]
    for seed, density in enumerate((0.0, 2.0, 4.0, 8.0, 16.0, 24.0) * 3):
        pictures.append(draw_field(SmearParameters(seed=seed, density=density), 1024, 768)[0])
    pictures += [np.full((384, 512, 3), value, np.uint8) for value in (0, 255)]
    return pictures


def _read(path: Path) -> Image | None:
    image = cv2.imdecode(np.fromfile(path, np.uint8), cv2.IMREAD_COLOR)
    return None if image is None else np.asarray(image, np.uint8)
