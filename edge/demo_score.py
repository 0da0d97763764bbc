"""How well the cells found agree with a simulated smear's truth.

A true cell counts unless it is a sliver: at the picture's border with less than a third of the median area of the
run's whole cells in view. A sliver counts neither way: missing it costs nothing, and neither does finding it.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from edge.geometry import MaskPatch, paste_mask
from edge.types import CellTruth, Frame, Instances, SegmentedFrame

MATCH_IOU = 0.5
"""A true cell is found if a mask has at least this IoU with it."""
SLIVER_SHARE = 1 / 3
MASK_THRESHOLD = 0.5


@dataclass(frozen=True, slots=True, kw_only=True)
class FrameOverlaps:
    """P found and T true cells of one frame, found ones with the best score first.

    Attributes
    ----------
    area_px : float64 [T], pixels of each true cell in view
    at_border : bool [T], True if the true cell touches the picture's border
    iou : float64 [P, T]
    covered : float64 [P, T], share of the found cell's pixels that lie on the true one
    """

    area_px: NDArray[np.float64]
    at_border: NDArray[np.bool_]
    iou: NDArray[np.float64]
    covered: NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Score:
    """Cells are counted once per frame that shows them.

    Attributes
    ----------
    frames : frames scored
    cells : true cells that count
    found : those of them that were found
    false : found cells that are neither true nor on a sliver
    slivers : true cells that count neither way
    """

    frames: int
    cells: int
    found: int
    false: int
    slivers: int

    @property
    def recall(self) -> float:
        """Share of the cells that were found; 0 where there was none, for nothing has been shown."""
        return self.found / self.cells if self.cells else 0.0


class TruthScore:
    """A required sink that compares each frame with the truth that came with it."""

    name = "score"
    required = True

    def __init__(self) -> None:
        self._frames: list[FrameOverlaps] = []

    def write(self, result: SegmentedFrame) -> None:
        if result.frame.truth is None:
            raise ValueError(f"{result.frame.source} does not know its cells; only simulated frames can be scored")
        self._frames.append(overlaps(result.frame, result.frame.truth, result.instances))

    def close(self) -> None:
        """Nothing to release: the score is asked for after the run."""

    def score(self) -> Score:
        """The score of all frames so far."""
        return score_frames(self._frames)


def overlaps(frame: Frame, truth: tuple[CellTruth, ...], instances: Instances) -> FrameOverlaps:
    """Compare each found with each true cell, pixel by pixel."""
    height, width = frame.image.shape[:2]
    shape = (len(instances), len(truth))
    shared, union, own = np.zeros(shape), np.zeros(shape), np.zeros((len(instances), 1))
    area = np.array([cell.mask.sum() for cell in truth], np.float64)
    for row in range(len(instances)):
        patch = paste_mask(instances.masks[row], instances.mask_boxes[row], width, height)
        own[row] = (patch.values >= MASK_THRESHOLD).sum()
        for column, cell in enumerate(truth):
            shared[row, column] = _shared_px(patch, cell)
            union[row, column] = own[row, 0] + area[column] - shared[row, column]
    return FrameOverlaps(
        area_px=area,
        at_border=np.array([_touches(cell, width, height) for cell in truth], bool),
        iou=np.divide(shared, union, out=np.zeros(shape), where=union > 0),
        covered=np.divide(shared, own, out=np.zeros(shape), where=own > 0),
    )


def score_frames(frames: list[FrameOverlaps]) -> Score:
    """Match found to true cells, frame by frame, best score first, and count."""
    whole = [area for frame in frames for area in frame.area_px[~frame.at_border]]
    smallest_px = SLIVER_SHARE * float(np.median(whole)) if whole else 0.0
    cells = found = false = slivers = 0
    for frame in frames:
        sliver = frame.at_border & (frame.area_px < smallest_px)
        free = ~sliver
        for iou, covered in zip(frame.iou, frame.covered, strict=True):
            candidates = np.where(free, iou, 0.0)
            if candidates.size and candidates.max() >= MATCH_IOU:
                free[candidates.argmax()] = False
                found += 1
            elif not (covered[sliver] >= MATCH_IOU).any():
                false += 1
        cells += int((~sliver).sum())
        slivers += int(sliver.sum())
    return Score(frames=len(frames), cells=cells, found=found, false=false, slivers=slivers)


def _shared_px(patch: MaskPatch, cell: CellTruth) -> int:
    """Pixels that a found and a true cell have in common."""
    x0, y0, x1, y1 = cell.bbox
    height, width = patch.values.shape
    left, top = max(x0, patch.x), max(y0, patch.y)
    right, bottom = min(x1, patch.x + width), min(y1, patch.y + height)
    if left >= right or top >= bottom:
        return 0
    found = patch.values[top - patch.y : bottom - patch.y, left - patch.x : right - patch.x] >= MASK_THRESHOLD
    return int((found & cell.mask[top - y0 : bottom - y0, left - x0 : right - x0]).sum())


def _touches(cell: CellTruth, width: int, height: int) -> bool:
    x0, y0, x1, y1 = cell.bbox
    return x0 <= 0 or y0 <= 0 or x1 >= width or y1 >= height
