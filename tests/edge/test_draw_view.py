from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from edge.draw import OverlayStyle
from edge.draw_text import text_size
from edge.draw_view import (
    BACKGROUND,
    MARGIN_PX,
    STATUS_PX,
    TEXT_SCALE,
    WARNING_COLOUR,
    ViewStatus,
    draw_view,
    warning_text,
)
from edge.types import Image, Quality, SegmentedFrame
from tests.edge.examples import frame, instances

RUNNING = ViewStatus(fps=24.0, paused=False)
BARE = OverlayStyle(layers=frozenset())
GREEN = (10, 200, 30)


def result(width: int, height: int, reasons: tuple[str, ...] = (), truncated: bool = False) -> SegmentedFrame:
    image = np.full((height, width, 3), GREEN, np.uint8)
    quality = Quality(focus=1.0, clip_hi=0.0, bg_rgb=(0, 0, 0), countable=not reasons, reasons=reasons)
    return SegmentedFrame(frame=frame(image=image), instances=instances([], truncated=truncated), quality=quality)


def share_of(colour: tuple[int, int, int], view: Image) -> int:
    """Pixels near a colour: OpenCV 4 draws text so thin that hardly any pixel has it in full."""
    return int((np.abs(view.astype(np.int16) - np.array(colour)).max(axis=2) <= 25).sum())


@pytest.mark.parametrize("size", [(640, 480), (300, 900), (1, 1), (5, 40)])
def test_a_view_has_the_size_of_its_window(size: tuple[int, int]) -> None:
    assert draw_view(result(200, 100), size, RUNNING, BARE).shape == (size[1], size[0], 3)
    assert draw_view(None, size, RUNNING, BARE).shape == (size[1], size[0], 3)


@pytest.mark.parametrize(("width", "height"), [(2000, 1000), (100, 50)])
def test_the_whole_picture_is_fitted_into_the_window(width: int, height: int) -> None:
    view = draw_view(result(width, height), (400, 300 + STATUS_PX), RUNNING, BARE)
    rows, columns = np.nonzero((view == GREEN).all(axis=2))
    assert (columns.min(), columns.max()) == (0, 399)
    assert (rows.min(), rows.max()) == (50, 249)
    assert tuple(view[20, 200]) == BACKGROUND


def test_the_words_leave_the_picture_alone() -> None:
    view = draw_view(result(400, 300, ("dark", "out_of_focus")), (400, 300 + STATUS_PX), RUNNING, BARE)
    assert share_of(GREEN, view) == 400 * 300


def test_a_warning_is_drawn_in_amber_and_only_then() -> None:
    size = (640, 400)
    assert share_of(WARNING_COLOUR, draw_view(result(400, 300, ("dark",)), size, RUNNING, BARE)) > 20
    assert share_of(WARNING_COLOUR, draw_view(result(400, 300), size, RUNNING, BARE)) == 0


def test_a_held_picture_says_so() -> None:
    size, held = (640, 400), ViewStatus(fps=24.0, paused=True)
    assert share_of(WARNING_COLOUR, draw_view(result(400, 300), size, held, BARE)) > 20


def test_warnings_name_every_reason_and_missing_cells() -> None:
    text = warning_text(result(400, 300, ("dark", "a_new_reason"), truncated=True), 10_000)
    assert "too dark" in text
    assert "a new reason" in text
    assert "more cells than it has slots" in text


def test_warnings_are_shortened_to_the_window() -> None:
    crowded = result(400, 300, ("dark", "out_of_focus"), truncated=True)
    room = text_size(warning_text(crowded, 10_000), TEXT_SCALE)[0] - 1
    assert warning_text(crowded, room) == "dark, out of focus, truncated"
    assert text_size(warning_text(crowded, room), TEXT_SCALE)[0] < room - MARGIN_PX


def test_without_a_verdict_on_quality_there_is_no_warning() -> None:
    assert warning_text(dataclasses.replace(result(400, 300), quality=None), 640) == ""
