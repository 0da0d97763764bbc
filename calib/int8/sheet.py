"""A contact sheet of the pictures that were chosen, to see at a glance what the ranges rest on."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np

from calib.int8.describe import Described
from calib.int8.select import Selection
from edge.cameras.files import read_picture
from edge.errors import ConfigurationError
from edge.types import Image

TILE_PX = 96
BORDER_PX = 3
LEGEND_PX = 28
COLUMNS = 20
CHOSEN_BGR = (90, 90, 90)
EMPTY_BGR = (230, 160, 0)
HELD_BACK_BGR = (0, 140, 255)


def write_sheet(selection: Selection, path: Path) -> None:
    """Write the sheet as PNG; raises ConfigurationError if that fails."""
    encoded, data = cv2.imencode(".png", draw_sheet(selection))
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data.tobytes() if encoded else b"")
    except OSError as error:
        raise ConfigurationError(
            f"the sheet {path} cannot be written ({error.strerror}); name another file with --sheet"
        ) from error


def draw_sheet(selection: Selection) -> Image:
    """All pictures as tiles, uint8 BGR; the border's colour says what each is for."""
    tiles = [_tile(picture, EMPTY_BGR if picture.cells == 0 else CHOSEN_BGR) for picture in selection.chosen]
    tiles += [_tile(picture, HELD_BACK_BGR) for picture in selection.held_back]
    rows = -(-len(tiles) // COLUMNS)
    sheet = np.full((LEGEND_PX + rows * TILE_PX, COLUMNS * TILE_PX, 3), 255, np.uint8)
    _legend(sheet, selection)
    for number, tile in enumerate(tiles):
        top, left = LEGEND_PX + number // COLUMNS * TILE_PX, number % COLUMNS * TILE_PX
        sheet[top : top + TILE_PX, left : left + TILE_PX] = tile
    return sheet


def _legend(sheet: Image, selection: Selection) -> None:
    empty = sum(picture.cells == 0 for picture in selection.chosen)
    parts = (
        (f"chosen, with cells: {len(selection.chosen) - empty}", CHOSEN_BGR),
        (f"chosen, empty: {empty}", EMPTY_BGR),
        (f"held back: {len(selection.held_back)}", HELD_BACK_BGR),
    )
    left = 8
    for text, colour in parts:
        cv2.putText(sheet, text, (left, 20), cv2.FONT_HERSHEY_SIMPLEX, 0.6, colour, 2, cv2.LINE_AA)
        left += cv2.getTextSize(text, cv2.FONT_HERSHEY_SIMPLEX, 0.6, 2)[0][0] + 40


def _tile(picture: Described, colour: tuple[int, int, int]) -> Image:
    """The whole picture in a square, inside a border."""
    inner = TILE_PX - 2 * BORDER_PX
    image = read_picture(picture.path)
    height, width = image.shape[:2]
    factor = inner / max(height, width)
    size = (max(1, round(width * factor)), max(1, round(height * factor)))
    small = cv2.resize(image, size, interpolation=cv2.INTER_AREA if factor < 1 else cv2.INTER_LINEAR)
    tile = np.empty((TILE_PX, TILE_PX, 3), np.uint8)
    tile[:] = colour
    top, left = (TILE_PX - size[1]) // 2, (TILE_PX - size[0]) // 2
    tile[top : top + size[1], left : left + size[0]] = small
    return tile
