from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays
from pycocotools import mask as coco

from edge.link.errors import LinkError
from edge.link.rle import column_runs, decode_counts, encode_counts

# pycocotools 2.0.11 decodes through an array interface that NumPy 2 warns about.
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept:DeprecationWarning")

bitmaps = arrays(np.bool_, array_shapes(min_dims=2, max_dims=2, min_side=1, max_side=24))


def coco_counts(bitmap: np.ndarray) -> str:
    return coco.encode(np.asfortranarray(bitmap.astype(np.uint8)))["counts"].decode()


def full_runs(bitmap: np.ndarray):
    return column_runs(bitmap, (0, 0), (bitmap.shape[1], bitmap.shape[0]))


@st.composite
def crops(draw):
    """A crop somewhere in a picture, with the picture's bitmap."""
    height, width = draw(st.integers(1, 40)), draw(st.integers(1, 40))
    rows, columns = draw(st.integers(0, height)), draw(st.integers(0, width))
    y, x = draw(st.integers(0, height - rows)), draw(st.integers(0, width - columns))
    crop = draw(arrays(np.bool_, (rows, columns)))
    bitmap = np.zeros((height, width), bool)
    bitmap[y : y + rows, x : x + columns] = crop
    return crop, (x, y), bitmap


@given(crops())
def test_counts_of_a_crop_equal_pycocotools_on_the_full_bitmap(sample):
    crop, corner, bitmap = sample
    runs = column_runs(crop, corner, (bitmap.shape[1], bitmap.shape[0]))
    assert encode_counts(runs) == coco_counts(bitmap)


@given(bitmaps)
def test_counts_decode_to_the_bitmap_they_came_from(bitmap):
    assert np.array_equal(decode_counts(encode_counts(full_runs(bitmap)), *bitmap.shape), bitmap)


@given(bitmaps)
def test_counts_of_pycocotools_decode_as_pycocotools_decodes_them(bitmap):
    counts = coco_counts(bitmap)
    theirs = coco.decode({"size": list(bitmap.shape), "counts": counts})
    assert np.array_equal(decode_counts(counts, *bitmap.shape), theirs.astype(bool))


@given(bitmaps)
def test_area_centroid_and_border_are_those_of_the_pixels(bitmap):
    runs = full_runs(bitmap)
    rows, columns = np.nonzero(bitmap)
    assert runs.area_px == len(rows)
    if len(rows):
        # Sums of a few hundred halves: float64 is exact to 1e-9 here.
        assert runs.centroid_px == pytest.approx((columns.mean() + 0.5, rows.mean() + 0.5), abs=1e-9)
    else:
        assert runs.centroid_px is None
    height, width = bitmap.shape
    outermost = set(rows) & {0, height - 1} or set(columns) & {0, width - 1}
    assert runs.touches_border == bool(outermost)


@pytest.mark.parametrize(
    "bitmap",
    [
        np.zeros((1, 1), bool),
        np.ones((1, 1), bool),
        np.zeros((1536, 2048), bool),
        np.ones((1536, 2048), bool),
        np.eye(1536, 2048, dtype=bool),
    ],
    ids=["empty pixel", "full pixel", "empty field", "full field", "diagonal of a field"],
)
def test_extreme_pictures_encode_as_pycocotools_does(bitmap):
    counts = encode_counts(full_runs(bitmap))
    assert counts == coco_counts(bitmap)
    assert np.array_equal(decode_counts(counts, *bitmap.shape), bitmap)


def test_a_crop_without_pixels_is_an_empty_mask():
    runs = column_runs(np.zeros((0, 0), bool), (5, 5), (16, 12))
    assert runs.area_px == 0
    assert not runs.touches_border
    assert encode_counts(runs) == coco_counts(np.zeros((12, 16), bool))


@pytest.mark.parametrize("counts", ["", "o", "0", "\x01", "é", "P" * 9 + "0", "01000", "PPPPPPPPPPPPPPPP"])
def test_damaged_counts_are_refused_in_words(counts):
    with pytest.raises(LinkError, match="counts of a mask"):
        decode_counts(counts, 3, 4)


@pytest.mark.parametrize("size", [(0, 0), (-1, -12), (-3, -4), (2, 2), (2**20, 2**20)])
def test_counts_that_do_not_fill_the_size_are_refused(size):
    counts = encode_counts(full_runs(np.ones((3, 4), bool)))
    with pytest.raises(LinkError, match="size is"):
        decode_counts(counts, *size)


@given(st.text(max_size=30), st.integers(-5, 50), st.integers(-5, 50))
def test_any_text_decodes_to_a_bitmap_or_is_refused(counts, height, width):
    try:
        bitmap = decode_counts(counts, height, width)
    except LinkError:
        return
    assert bitmap.shape == (height, width)
