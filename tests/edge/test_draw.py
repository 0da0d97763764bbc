from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.draw import CELL_COLOUR, LAYERS, Layer, OverlayStyle, draw_result, nice_length, parse_layers
from edge.errors import ConfigurationError
from edge.types import Floats, Frame, Image, Instances, SegmentedFrame

PURPLE = (150, 60, 120)


def plain(width: int = 300, height: int = 200) -> Image:
    return np.full((height, width, 3), PURPLE, np.uint8)


def result(image: Image, boxes: list[list[float]], masks: Floats | None = None) -> SegmentedFrame:
    array = np.array(boxes, np.float32).reshape(-1, 4)
    count = len(array)
    cells = Instances(
        boxes=array,
        scores=np.full(count, 0.9, np.float32),
        labels=np.zeros(count, np.int32),
        masks=np.ones((count, 14, 14), np.float32) if masks is None else masks,
        mask_boxes=array,
    )
    frame = Frame(image=image, index=0, source="test", capture_t_ns=0, capture_mono_ns=0)
    return SegmentedFrame(frame=frame, instances=cells)


def style(*layers: Layer, alpha: float = 0.45, um_per_px: float | None = None) -> OverlayStyle:
    return OverlayStyle(layers=frozenset(layers), alpha=alpha, um_per_px=um_per_px)


def touched(drawn: Image, before: Image) -> tuple[int, int, int, int]:
    """x0 y0 x1 y1 around all pixels that drawing changed."""
    rows, columns = np.nonzero((drawn != before).any(axis=2))
    return int(columns.min()), int(rows.min()), int(columns.max()) + 1, int(rows.max()) + 1


@pytest.mark.parametrize("layers", [LAYERS, ("mask",), ()])
def test_a_frame_without_cells_stays_as_it_is(layers: tuple[Layer, ...]) -> None:
    image = plain()
    np.testing.assert_array_equal(draw_result(image, result(image, []), style(*layers)), image)


def test_without_layers_nothing_is_drawn() -> None:
    image = plain()
    np.testing.assert_array_equal(draw_result(image, result(image, [[50, 50, 150, 150]]), style()), image)


def test_the_given_picture_is_not_changed() -> None:
    image = plain()
    draw_result(image, result(image, [[50, 50, 150, 150]]), style(*LAYERS, um_per_px=0.1))
    np.testing.assert_array_equal(image, plain())


@pytest.mark.parametrize("value", [0.6, 0.8, 1.0])
@pytest.mark.parametrize("alpha", [0.0, 0.5, 1.0])
def test_the_tint_is_alpha_times_the_mask(value: float, alpha: float) -> None:
    image = plain()
    masks = np.full((1, 14, 14), value, np.float32)
    drawn = draw_result(image, result(image, [[50, 50, 150, 150]], masks), style("mask", alpha=alpha))
    expected = np.array(PURPLE) + alpha * value * (np.array(CELL_COLOUR) - PURPLE)
    np.testing.assert_allclose(drawn[100, 100], expected, atol=0.51)  # rounding to whole grey levels
    np.testing.assert_array_equal(drawn[100, 200], PURPLE)


def test_the_outline_lies_where_the_mask_crosses_one_half() -> None:
    image = plain()
    mask = np.zeros((1, 14, 14), np.float32)
    mask[:, :, :7] = 1  # the left half of the box, x 50..150: the soft edge is at x = 100
    drawn = draw_result(image, result(image, [[50, 50, 150, 150]], mask), style("mask", alpha=0.0))
    x0, y0, x1, y1 = touched(drawn, image)
    np.testing.assert_allclose([x0, y0, x1, y1], [50, 50, 100, 150], atol=4)  # half the halo's width, and rounding
    np.testing.assert_array_equal(drawn[100, 75], PURPLE)


def test_a_mask_below_one_half_has_no_outline() -> None:
    image = plain()
    masks = np.full((1, 14, 14), 0.49, np.float32)
    drawn = draw_result(image, result(image, [[50, 50, 150, 150]], masks), style("mask", alpha=0.0))
    np.testing.assert_array_equal(drawn, image)


def test_cells_are_scaled_to_a_smaller_picture() -> None:
    found = result(plain(1200, 800), [[400, 400, 600, 600]])
    small = plain(600, 400)
    x0, y0, x1, y1 = touched(draw_result(small, found, style("mask", alpha=1.0)), small)
    np.testing.assert_allclose([x0, y0, x1, y1], [200, 200, 300, 300], atol=4)


@pytest.mark.parametrize("box", [[-80, -80, -10, -10], [310, 50, 400, 90], [50, 50, 50, 90]])
def test_a_mask_without_a_pixel_in_the_picture_draws_nothing(box: list[float]) -> None:
    image = plain()
    np.testing.assert_array_equal(draw_result(image, result(image, [box]), style("mask")), image)


def test_a_mask_that_reaches_beyond_the_picture_is_cut() -> None:
    image = plain()
    drawn = draw_result(image, result(image, [[-50, -50, 50, 50]]), style("mask", alpha=1.0))
    np.testing.assert_array_equal(drawn[20, 20], CELL_COLOUR)
    np.testing.assert_array_equal(drawn[100, 100], PURPLE)


def test_the_box_is_drawn_on_its_own_pixels() -> None:
    image = plain()
    drawn = draw_result(image, result(image, [[50, 60, 150, 140]]), style("box"))
    assert tuple(drawn[60, 100]) == tuple(drawn[139, 100]) == CELL_COLOUR
    assert tuple(drawn[100, 50]) == tuple(drawn[100, 149]) == CELL_COLOUR
    np.testing.assert_array_equal(drawn[100, 100], PURPLE)


@pytest.mark.parametrize("box", [[100, 80, 180, 150], [0, 0, 80, 80], [220, 120, 300, 200], [100, 0, 200, 200]])
def test_words_do_not_cover_the_cell(box: list[float]) -> None:
    image = plain()
    drawn = draw_result(image, result(image, [box]), style("id", "score"))
    x0, y0, x1, y1 = (int(v) for v in box)
    assert (drawn != image).any()
    np.testing.assert_array_equal(drawn[y0:y1, x0:x1], image[y0:y1, x0:x1])


def test_words_stay_in_the_picture_of_a_cell_that_fills_it() -> None:
    image = plain(120, 120)
    x0, y0, x1, y1 = touched(draw_result(image, result(image, [[0, 0, 120, 120]]), style("score")), image)
    assert (x0, y0) == (0, 0)
    assert x1 < 120
    assert y1 < 40


def test_each_layer_of_words_adds_its_word() -> None:
    image = plain()
    found = result(image, [[100, 80, 180, 150]])
    widths = []
    for layers in (("id",), ("id", "label"), ("id", "label", "score")):
        x0, _, x1, _ = touched(draw_result(image, found, style(*layers)), image)
        widths.append(x1 - x0)
    assert widths[0] < widths[1] < widths[2]


def test_the_scale_bar_is_as_long_as_it_says() -> None:
    image = plain(1000, 700)
    drawn = draw_result(image, result(image, []), style("scalebar", um_per_px=0.12))
    # a fifth of the width is 24 um, the round length below it 20 um = 166.7 px
    bar_row = int(np.nonzero((drawn == 255).all(axis=2).sum(axis=1) > 100)[0][0])
    assert int((drawn[bar_row] == 255).all(axis=1).sum()) == round(20 / 0.12)


def test_the_scale_bar_is_scaled_with_the_picture() -> None:
    found = result(plain(1000, 700), [])
    half = draw_result(plain(500, 350), found, style("scalebar", um_per_px=0.12))
    bar_row = int(np.nonzero((half == 255).all(axis=2).sum(axis=1) > 50)[0][0])
    assert int((half[bar_row] == 255).all(axis=1).sum()) == round(10 / 0.12)


def test_there_is_no_scale_bar_without_a_scale() -> None:
    image = plain()
    np.testing.assert_array_equal(draw_result(image, result(image, []), style("scalebar")), image)


def test_the_smallest_picture_can_be_drawn_on() -> None:
    image = plain(1, 1)
    drawn = draw_result(image, result(image, [[0, 0, 1, 1]]), style(*LAYERS, um_per_px=0.1))
    assert drawn.shape == (1, 1, 3)


@given(st.floats(min_value=1e-6, max_value=1e9))
def test_a_nice_length_is_the_longest_of_its_kind(longest: float) -> None:
    length = nice_length(longest)
    mantissa = length / 10 ** math.floor(math.log10(length * (1 + 1e-9)))
    assert min(abs(mantissa - digit) for digit in (1, 2, 5)) < 1e-6
    assert length <= longest * (1 + 1e-6) < 2.5 * length * (1 + 1e-5)


def test_layers_are_read_in_any_order() -> None:
    assert parse_layers("score, mask") == {"mask", "score"}
    assert parse_layers("none") == frozenset()


@pytest.mark.parametrize("text", ["", "masks", "mask,none", ","])
def test_unknown_layers_are_refused(text: str) -> None:
    with pytest.raises(ConfigurationError, match="mask,box,label,score,id,scalebar"):
        parse_layers(text)
