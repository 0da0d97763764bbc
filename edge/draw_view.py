"""The inside of the live window: the picture with its cells, fitted in, and what is to be said below it. Pure."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from edge.draw import OverlayStyle, draw_result
from edge.draw_text import Colour, put_text, text_size
from edge.quality import ADVICE
from edge.types import Image, SegmentedFrame

BACKGROUND: Colour = (32, 32, 32)
QUIET_COLOUR: Colour = (170, 170, 170)
WARNING_COLOUR: Colour = (60, 190, 255)
"""Amber, BGR."""
LINE_PX = 20
STATUS_PX = 2 * LINE_PX + 6
TEXT_SCALE = 0.45
MARGIN_PX = 8
KEYS = "space pause   s snapshot   q quit"


@dataclass(frozen=True, slots=True, kw_only=True)
class ViewStatus:
    """What the result itself does not tell: results per second, and whether the picture is held."""

    fps: float
    paused: bool


def draw_view(result: SegmentedFrame | None, size: tuple[int, int], status: ViewStatus, style: OverlayStyle) -> Image:
    """Draw a window's inside.

    The picture is brought to its size on the screen first and drawn on then, so that the cost follows the window and
    not the camera.

    Parameters
    ----------
    result : None while there is none yet
    size : width and height of the window in px, >= 1

    Returns
    -------
    uint8 BGR [height, width, 3]; two lines of words at the bottom and the picture above, centred
    """
    width, height = size
    view: Image = np.full((height, width, 3), BACKGROUND, np.uint8)
    if result is None:
        _write_lines(view, ["waiting for the first picture", ""], status)
        return view
    room = (width, max(1, height - STATUS_PX))
    picture = draw_result(fit(result.frame.image, room), result, style)
    top, left = (room[1] - picture.shape[0]) // 2, (room[0] - picture.shape[1]) // 2
    view[top : top + picture.shape[0], left : left + picture.shape[1]] = picture
    cells = len(result.instances)
    counts = f"{cells} {'cell' if cells == 1 else 'cells'}   {status.fps:.1f} fps"
    _write_lines(view, [counts, warning_text(result, width - 2 * MARGIN_PX)], status)
    return view


def fit(image: Image, room: tuple[int, int]) -> Image:
    """The whole image [H, W, 3] at the largest size that goes into `room` (width, height)."""
    height, width = image.shape[:2]
    scale = min(room[0] / width, room[1] / height)
    size = (max(1, min(room[0], round(width * scale))), max(1, min(room[1], round(height * scale))))
    resized = cv2.resize(image, size, interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR)
    return np.asarray(resized, np.uint8)


def warning_text(result: SegmentedFrame, width_px: int) -> str:
    """Why the count cannot be trusted, with advice if that fits into `width_px`; empty if it can."""
    reasons = list(result.quality.reasons if result.quality else ())
    if result.instances.truncated and "truncated" not in reasons:
        reasons.append("truncated")
    words = [reason.replace("_", " ") for reason in reasons]
    advice = "; ".join(ADVICE.get(reason, word) for reason, word in zip(reasons, words, strict=True))
    return advice if text_size(advice, TEXT_SCALE)[0] <= width_px else ", ".join(words)


def _write_lines(view: Image, lines: list[str], status: ViewStatus) -> None:
    """The counts and the state in the upper line, the warning in the lower."""
    height, width = view.shape[:2]
    view[max(0, height - STATUS_PX) :] = BACKGROUND
    upper, lower = height - STATUS_PX + LINE_PX - 2, height - STATUS_PX + 2 * LINE_PX - 2
    put_text(view, lines[0], (MARGIN_PX, upper), TEXT_SCALE)
    put_text(view, lines[1], (MARGIN_PX, lower), TEXT_SCALE, WARNING_COLOUR)
    state, colour = ("PAUSED, the run goes on", WARNING_COLOUR) if status.paused else (KEYS, QUIET_COLOUR)
    left = width - MARGIN_PX - text_size(state, TEXT_SCALE)[0]
    if left >= 2 * MARGIN_PX + text_size(lines[0], TEXT_SCALE)[0]:
        put_text(view, state, (left, upper), TEXT_SCALE, colour)
