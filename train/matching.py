"""Which predicted cell is which true cell."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from edge.geometry import MaskPatch
from edge.types import Floats, Ints

MATCH_IOU = 0.5


@dataclass(frozen=True, slots=True, kw_only=True)
class Matching:
    """The cells of one picture compared.

    Attributes
    ----------
    cells : true cells of which at least one pixel counts
    ious : mask IoU of each true cell that was found, best first
    verdicts : of each predicted cell in order, whether it is a true one; None where it lies mostly in what is unknown
    """

    cells: int
    ious: tuple[float, ...]
    verdicts: tuple[bool | None, ...]

    @property
    def found(self) -> int:
        return len(self.ious)

    @property
    def false_cells(self) -> int:
        """Predicted cells that are no true cell."""
        return sum(1 for verdict in self.verdicts if verdict is False)


def match_cells(
    patches: list[MaskPatch],
    instances: Ints,
    mask_threshold: float,
    ignore: NDArray[np.bool_] | None = None,
    limit: float = MATCH_IOU,
) -> Matching:
    """Pair predicted cells with true ones, the best IoU first, each at most once, none below `limit`.

    Parameters
    ----------
    patches : predicted cells as soft masks at the picture's resolution
    instances : int32 [H, W], the true cells
    mask_threshold : soft mask value at which a pixel belongs to a cell
    ignore : bool [H, W], pixels that count neither for nor against
    """
    known = None if ignore is None else ~ignore
    truth_areas = np.bincount(instances.ravel() if known is None else instances[known])
    truth_areas = np.pad(truth_areas, (0, max(0, int(instances.max(initial=0)) + 1 - len(truth_areas))))
    truth_areas[0] = 0
    iou = np.zeros((len(patches), len(truth_areas)), np.float32)
    uncountable = np.zeros(len(patches), bool)
    for row, patch in enumerate(patches):
        mask = patch.values >= mask_threshold
        whole = int(mask.sum())
        if known is not None:
            mask &= known[patch.window]
        area = int(mask.sum())
        uncountable[row] = area < whole / 2
        overlap = np.bincount(instances[patch.window][mask], minlength=len(truth_areas))
        union = truth_areas + area - overlap
        iou[row] = np.where(union > 0, overlap / np.maximum(union, 1), 0)
    iou[:, truth_areas == 0] = 0
    pairs = match_greedily(iou, limit)
    matched = {row for row, _ in pairs}
    return Matching(
        cells=int((truth_areas > 0).sum()),
        ious=tuple(float(iou[pair]) for pair in pairs),
        verdicts=tuple(True if row in matched else None if uncountable[row] else False for row in range(len(patches))),
    )


def match_greedily(iou: Floats, limit: float) -> list[tuple[int, int]]:
    """(row, column) pairs of a table [N, M], the largest entry first, no row or column twice, none below `limit`."""
    rows: set[int] = set()
    columns: set[int] = set()
    pairs = []
    for flat in np.argsort(-iou, axis=None, kind="stable"):
        row, column = divmod(int(flat), iou.shape[1])
        if iou[row, column] < limit or iou[row, column] <= 0:
            break
        if row not in rows and column not in columns:
            rows.add(row)
            columns.add(column)
            pairs.append((row, column))
    return pairs
