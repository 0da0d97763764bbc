"""Masks as COCO compressed run lengths, made from a cell's crop and never from a bitmap of the whole picture.

COCO counts walk the *full* picture column by column, top to bottom, and alternate between pixels outside and inside,
outside first. The compressed form writes each count (from the fourth on, its difference to the count before last) in
groups of five bits, lowest first, bit 5 set where more groups follow, as characters from "0" on
(`rleToString` in cocoapi's `common/maskApi.c`).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from edge.link.errors import LinkError

_GROUP_BITS = 5
_MOST_GROUPS = 7
"""A 32-bit count, and the difference of two, fits in seven groups of five bits."""
_MOST_PIXELS = 2**31
"""No camera has more; a damaged size must not make a reader ask for terabytes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ColumnRuns:
    """The pixels of one mask as vertical runs, left to right and top to bottom.

    Attributes
    ----------
    columns, tops, bottoms : int64 [R] each, in pixels of the picture: run i is column `columns[i]`, rows `tops[i]` up
        to but without `bottoms[i]`
    width, height : size of the picture, px
    """

    columns: NDArray[np.int64]
    tops: NDArray[np.int64]
    bottoms: NDArray[np.int64]
    width: int
    height: int

    @property
    def area_px(self) -> int:
        """Number of pixels."""
        return int((self.bottoms - self.tops).sum())

    @property
    def centroid_px(self) -> tuple[float, float] | None:
        """Mean x and y of the pixel centres in continuous px; None for a mask without pixels."""
        area = self.area_px
        if area == 0:
            return None
        lengths = self.bottoms - self.tops
        x = float(((self.columns + 0.5) * lengths).sum()) / area
        y = float(((self.tops + self.bottoms) * lengths).sum()) / (2 * area)
        return x, y

    @property
    def touches_border(self) -> bool:
        """True if a pixel lies in the outermost rows or columns of the picture."""
        if len(self.columns) == 0:
            return False
        return bool(
            self.columns[0] == 0
            or self.columns[-1] == self.width - 1
            or self.tops.min() == 0
            or self.bottoms.max() == self.height
        )


def column_runs(crop: NDArray[np.bool_], corner: tuple[int, int], size: tuple[int, int]) -> ColumnRuns:
    """Runs of the mask that is `crop` at `corner` and nothing elsewhere; the time grows with the crop alone.

    Parameters
    ----------
    crop : bool [h, w], inside the picture; may have no rows or columns
    corner : x and y of the crop's top-left pixel
    size : width and height of the picture, px
    """
    rows, columns = crop.shape
    # One empty pixel before each column keeps the runs of neighbouring columns apart.
    padded = np.zeros((columns + 1, rows + 1), np.bool_)
    padded[:-1, 1:] = crop.T
    flat = padded.ravel()
    # The first padding pixel lets change i mean "pixel i + 1 differs from pixel i".
    changes = np.flatnonzero(flat[1:] != flat[:-1])
    first, last = changes[0::2], changes[1::2]
    column = first // (rows + 1)
    before = column * (rows + 1)
    return ColumnRuns(
        columns=column + corner[0],
        tops=first - before + corner[1],
        bottoms=last - before + corner[1],
        width=size[0],
        height=size[1],
    )


def encode_counts(runs: ColumnRuns) -> str:
    """The runs as COCO compressed counts, equal to what `pycocotools.mask.encode` makes of the full bitmap."""
    start = runs.columns * runs.height
    bounds = np.empty(2 * len(start), np.int64)
    bounds[0::2] = start + runs.tops
    bounds[1::2] = start + runs.bottoms
    if len(bounds) > 2:
        # A run that ends at the bottom and one that starts at the top of the next column are one run.
        joined = np.flatnonzero(bounds[1:-1:2] == bounds[2::2]) * 2 + 1
        bounds = np.delete(bounds, np.concatenate([joined, joined + 1]))
    total = runs.width * runs.height
    ends = bounds if len(bounds) and bounds[-1] == total else np.append(bounds, total)
    counts = np.diff(ends, prepend=0)
    counts[3:] -= counts[1:-2].copy()
    return _compress(counts)


def _compress(values: NDArray[np.int64]) -> str:
    """Signed numbers as groups of five bits, lowest first."""
    shifts = _GROUP_BITS * np.arange(_MOST_GROUPS)
    rest = values[:, None] >> shifts  # [R, 7]
    # A group is the last one if what follows is only its own sign bit repeated.
    complete = (rest >> (_GROUP_BITS - 1) == 0) | (rest >> (_GROUP_BITS - 1) == -1)
    groups = complete.argmax(axis=1) + 1  # [R]
    order = np.arange(_MOST_GROUPS)
    characters = (rest & 0x1F) + 48 + 0x20 * (order < groups[:, None] - 1)
    text: bytes = characters[order < groups[:, None]].astype(np.uint8).tobytes()
    return text.decode("ascii")


def decode_counts(counts: str, height: int, width: int) -> NDArray[np.bool_]:
    """Compressed counts -> bool [height, width]; raises LinkError if they do not describe a picture of that size."""
    lengths = _expand(counts)
    total = height * width
    if min(height, width) < 1 or total > _MOST_PIXELS or (lengths < 0).any() or int(lengths.sum()) != total:
        raise LinkError(
            f"the counts of a mask add up to {int(lengths.sum())} px but its size is {width}x{height} px; "
            "the message is damaged or its sender does not follow docs/wire-format.md"
        )
    inside = np.arange(len(lengths)) % 2 == 1
    bitmap: NDArray[np.bool_] = np.repeat(inside, lengths).reshape(width, height).T
    return bitmap


def _expand(counts: str) -> NDArray[np.int64]:
    """Compressed counts -> run lengths [R]."""
    codes = np.frombuffer(counts.encode("utf-8"), np.uint8).astype(np.int64) - 48
    if len(codes) == 0:
        return np.zeros(0, np.int64)
    last = (codes & 0x20) == 0
    starts = np.flatnonzero(np.concatenate([[True], last[:-1]]))
    place = np.arange(len(codes)) - np.repeat(starts, np.diff(np.append(starts, len(codes))))
    if (codes < 0).any() or (codes > 0x3F).any() or not last[-1] or place.max() >= _MOST_GROUPS:
        raise LinkError(
            f"the counts of a mask are not COCO compressed run lengths (they begin {counts[:20]!r}); "
            "the message is damaged or its sender does not follow docs/wire-format.md"
        )
    lengths = np.add.reduceat((codes & 0x1F) << (_GROUP_BITS * place), starts)
    width = _GROUP_BITS * (place[last] + 1)
    negative = (codes[last] & 0x10) != 0
    lengths = np.where(negative, lengths - (np.int64(1) << width), lengths)
    # Undo the differences: counts 1, 3, 5, ... and 2, 4, 6, ... are running sums; count 0 stands alone.
    lengths[1::2] = np.cumsum(lengths[1::2])
    lengths[2::2] = np.cumsum(lengths[2::2])
    return lengths
