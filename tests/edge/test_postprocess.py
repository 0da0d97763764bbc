from __future__ import annotations

import msgspec
import numpy as np

from edge.geometry import fit_letterbox
from edge.postprocess import postprocess
from tests.edge.examples import outputs
from tests.tiny_model import SPEC

# A source of 256x384 in an input of 128x96: shrunk to a quarter, 32 px of border left and right.
LETTERBOX = fit_letterbox(256, 384, 128, 96, 1.0)


def test_boxes_come_back_in_source_pixels_cut_to_the_picture():
    raw = outputs([[40, 10, 60, 30], [20, -5, 50, 20]], [0.9, 0.8])
    found = postprocess(raw, LETTERBOX, SPEC)
    np.testing.assert_allclose(found.boxes, [[32, 40, 112, 120], [0, 0, 72, 80]])
    np.testing.assert_allclose(found.mask_boxes, [[32, 40, 112, 120], [-48, -20, 72, 80]])
    assert found.labels.tolist() == [0, 0]
    assert found.labels.dtype == np.int32


def test_the_mask_box_is_grown_by_the_margin_of_the_spec():
    spec = msgspec.structs.replace(SPEC, mask_margin=0.1)
    found = postprocess(outputs([[40, 10, 60, 30]], [0.9]), LETTERBOX, spec)
    np.testing.assert_allclose(found.mask_boxes, [[24, 32, 120, 128]], atol=1e-4)
    np.testing.assert_allclose(found.boxes, [[32, 40, 112, 120]])


def test_a_score_at_the_threshold_is_kept_and_one_below_or_nan_is_not():
    raw = outputs([[40, 10, 60, 30]] * 3, [0.5, np.nextafter(np.float32(0.5), np.float32(0)), np.nan])
    assert len(postprocess(raw, LETTERBOX, SPEC)) == 1
    assert len(postprocess(raw, LETTERBOX, SPEC, threshold=0.3)) == 2


def test_boxes_without_area_in_the_picture_are_left_out():
    border = [2, 10, 20, 30]
    empty = [50, 10, 50, 30]
    inverted = [60, 30, 50, 10]
    nan = [np.nan, 10, 60, 30]
    found = postprocess(outputs([border, empty, inverted, nan], [0.9] * 4), LETTERBOX, SPEC)
    assert len(found) == 0


def test_no_cells_give_arrays_of_no_cells():
    found = postprocess(outputs([], []), LETTERBOX, SPEC)
    assert (found.boxes.shape, found.scores.shape, found.labels.shape) == ((0, 4), (0,), (0,))
    assert (found.masks.shape, found.mask_boxes.shape, found.truncated) == ((0, 4, 4), (0, 4), False)


def test_filled_slots_mean_that_cells_may_be_missing():
    box = [40, 10, 60, 30]
    assert postprocess(outputs([box] * SPEC.slots, [0.9] * SPEC.slots), LETTERBOX, SPEC).truncated
    assert not postprocess(outputs([box] * (SPEC.slots - 1), [0.9] * (SPEC.slots - 1)), LETTERBOX, SPEC).truncated
    weak = [0.9] * (SPEC.slots - 1) + [0.3]
    assert not postprocess(outputs([box] * SPEC.slots, weak), LETTERBOX, SPEC).truncated
