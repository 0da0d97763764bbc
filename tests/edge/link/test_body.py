from __future__ import annotations

from dataclasses import replace

import msgspec
import numpy as np
import pytest
from pycocotools import mask as coco

from edge.geometry import paste_mask
from edge.link.body import result_body
from edge.link.messages import decode_mask
from tests.edge.link.samples import CONTEXT, disc_mask, segmented_frame

# pycocotools 2.0.11 decodes through an array interface that NumPy 2 warns about.
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept:DeprecationWarning")


def test_cells_carry_the_thresholded_mask_of_the_full_picture():
    result = segmented_frame(boxes=((10, 20, 50, 60), (100.5, 70.2, 128, 96)))
    body = result_body(result, CONTEXT)
    for index, cell in enumerate(body.cells):
        patch = paste_mask(result.instances.masks[index], result.instances.mask_boxes[index], 128, 96)
        expected = np.zeros((96, 128), bool)
        expected[patch.window] = patch.values >= 0.5
        rows, columns = np.nonzero(expected)
        assert np.array_equal(coco.decode(msgspec.to_builtins(cell.mask)), expected)
        assert np.array_equal(decode_mask(cell), expected)
        assert cell.area_px == len(rows)
        # Rounded to 0.001 px on the wire.
        assert cell.centroid_px == pytest.approx((columns.mean() + 0.5, rows.mean() + 0.5), abs=6e-4)
    assert [cell.id for cell in body.cells] == [0, 1]
    assert [cell.score for cell in body.cells] == [0.9, 0.6]


def test_bbox_is_corner_and_size():
    (cell,) = result_body(segmented_frame(boxes=((10.25, 20, 50, 61.5),)), CONTEXT).cells
    assert cell.bbox == (10.25, 20, 39.75, 41.5)


def test_a_picture_without_cells_gives_an_empty_list():
    body = result_body(segmented_frame(boxes=()), CONTEXT)
    assert body.cells == ()
    assert msgspec.json.decode(msgspec.json.encode(body))["cells"] == []


def test_a_mask_without_pixels_has_no_area_and_the_centre_of_its_box():
    result = segmented_frame(mask=np.full((28, 28), 0.49, np.float32))
    (cell,) = result_body(result, replace(CONTEXT, um_per_px=0.5)).cells
    assert (cell.area_px, cell.area_um2, cell.touches_border) == (0, 0.0, False)
    assert cell.centroid_px == (30, 40)
    assert not decode_mask(cell).any()


def test_a_pixel_at_the_threshold_belongs_to_the_cell():
    (cell,) = result_body(segmented_frame(mask=np.full((28, 28), 0.5, np.float32)), CONTEXT).cells
    assert cell.area_px == 38 * 38  # but the rim of its box, where the mask falls off


def test_areas_in_square_micrometres_need_the_scale():
    result = segmented_frame()
    (unknown,) = result_body(result, CONTEXT).cells
    (known,) = result_body(result, replace(CONTEXT, um_per_px=0.2)).cells
    assert unknown.area_um2 is None
    # Rounded to 0.001 square micrometres on the wire.
    assert known.area_um2 == pytest.approx(known.area_px * 0.04, abs=6e-4)


@pytest.mark.parametrize(
    ("box", "touches"),
    [((0, 20, 30, 50), True), ((98, 20, 128, 50), True), ((20, 0, 50, 30), True), ((20, 66, 50, 96), True),
     ((1, 1, 127, 95), False), ((-10, -10, 138, 106), True)],
)  # fmt: skip
def test_touching_the_border_is_a_matter_of_pixels(box, touches):
    (cell,) = result_body(segmented_frame(boxes=(box,), mask=np.ones((28, 28), np.float32)), CONTEXT).cells
    assert cell.touches_border is touches


def test_a_mask_grid_off_the_picture_gives_an_empty_mask():
    (cell,) = result_body(segmented_frame(boxes=((200, 200, 240, 240),)), CONTEXT).cells
    assert cell.area_px == 0


def test_a_picture_of_one_pixel_is_described():
    body = result_body(segmented_frame(boxes=((0, 0, 1, 1),), size=(1, 1), mask=disc_mask()), CONTEXT)
    assert body.cells[0].mask.size == (1, 1)
    assert body.cells[0].area_px == 1


def test_the_body_has_exactly_the_documented_fields():
    body = msgspec.to_builtins(result_body(segmented_frame(truncated=True), replace(CONTEXT, drops={"stale": 3})))
    assert set(body) == {
        "source", "image", "model", "calib", "stage", "quality", "truncated", "cells", "timing_ms", "drops"
    }  # fmt: skip
    assert body["source"] == "0000.png"
    assert body["image"] == {"width": 128, "height": 96, "um_per_px": None}
    assert body["model"] == {
        "name": "test-model", "sha256": "ab" * 32, "precision": "fp32", "backend": "onnxruntime-cpu"
    }  # fmt: skip
    assert body["calib"] == {"id": None, "applied": ()}
    assert body["stage"] is None
    assert body["quality"]["reasons"] == ("clipped",)
    assert body["truncated"] is True
    assert body["timing_ms"]["infer"] == 20.0
    assert body["drops"] == {"stale": 3}
    assert body["cells"][0]["label"] == "wbc"
