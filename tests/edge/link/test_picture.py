from __future__ import annotations

import numpy as np
import pytest

from edge.geometry import paste_mask
from edge.link import LinkError
from edge.link.body import result_body
from edge.link.image_publisher import encode_jpeg
from edge.link.messages import Image, ImageBody, Result, decode_mask
from edge.link.picture import PictureMatcher, draw_message, instances_of
from edge.link.sender import Sender
from tests.edge.link.samples import CONTEXT, segmented_frame

SENDER = Sender(rig="lab", camera="smear", session="s", encoding="json")


def result_of(segmented) -> Result:
    return Result(header=SENDER.frame_header("result", 0, segmented.frame), body=result_body(segmented, CONTEXT))


def image_of(segmented, max_width_px: int = 1024) -> Image:
    jpeg, width, height = encode_jpeg(segmented.frame.image, 95, max_width_px)
    body = ImageBody(source="s", width=width, height=height, source_width=128, source_height=96)
    return Image(header=SENDER.frame_header("frame", 0, segmented.frame), body=body, jpeg=jpeg)


@pytest.mark.parametrize("picture_first", [True, False])
def test_result_and_picture_of_a_frame_find_each_other(picture_first):
    matcher = PictureMatcher()
    halves = [image_of(segmented_frame(4)), result_of(segmented_frame(4))]
    first, second = halves if picture_first else halves[::-1]
    assert matcher.match(result_of(segmented_frame(3))) is None
    assert matcher.match(first) is None
    assert matcher.match(second) == (halves[0], halves[1])
    assert matcher.match(second) is None


def test_halves_that_never_match_are_forgotten():
    matcher = PictureMatcher()
    for index in range(1000):
        matcher.match(result_of(segmented_frame(index, ())))
    assert matcher.match(image_of(segmented_frame(0))) is None
    assert matcher.match(image_of(segmented_frame(999))) is not None


def test_a_mask_from_the_wire_covers_nearly_the_same_pixels():
    (cell,) = result_of(segmented_frame()).cells
    cells = instances_of((cell,))
    patch = paste_mask(cells.masks[0], cells.mask_boxes[0], 128, 96)
    redrawn = np.zeros((96, 128), bool)
    redrawn[patch.window] = patch.values >= 0.5
    original = decode_mask(cell)
    # Resampling to the grid and back moves the outline by a fraction of a pixel.
    assert (redrawn & original).sum() / (redrawn | original).sum() > 0.95
    assert np.array_equal(cells.boxes, [[10, 20, 50, 60]])


@pytest.mark.parametrize("max_width_px", [1024, 64])
def test_the_outline_is_drawn_where_the_cell_is(max_width_px):
    segmented = segmented_frame()
    picture = draw_message(image_of(segmented, max_width_px), result_of(segmented))
    scale = picture.shape[1] / 128
    changed = np.argwhere(np.abs(picture.astype(int) - 128).max(axis=2) > 40)
    inside = (changed[:, 1] >= 5 * scale) & (changed[:, 1] < 60 * scale)
    assert picture.shape == (96 * scale, 128 * scale, 3)
    assert len(changed) > 0
    assert inside.mean() > 0.6


def test_a_picture_without_cells_is_shown_as_it_is():
    segmented = segmented_frame(boxes=())
    picture = draw_message(image_of(segmented), result_of(segmented))
    assert np.abs(picture.astype(int) - 128).max() <= 2


def test_a_mask_without_pixels_can_be_shown():
    segmented = segmented_frame(mask=np.zeros((28, 28), np.float32))
    assert draw_message(image_of(segmented), result_of(segmented)).shape == (96, 128, 3)


def test_a_picture_that_is_no_jpeg_is_refused():
    image = image_of(segmented_frame())
    broken = Image(header=image.header, body=image.body, jpeg=b"not a picture")
    with pytest.raises(LinkError, match="no JPEG"):
        draw_message(broken, result_of(segmented_frame()))
