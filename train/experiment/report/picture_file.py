"""Figures as PNG files whose bytes depend on nothing but what is drawn and the version of matplotlib."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from matplotlib.figure import Figure

DPI = 100
# Okabe and Ito's colours, told apart with any colour vision
COLOURS = {
    "watershed": "#999999",
    "fcn": "#E69F00",
    "unet": "#56B4E9",
    "leukocytemask-noaug": "#CC79A7",
    "leukocytemask-aug-noet": "#009E73",
    "leukocytemask-aug-et": "#D55E00",
}
STAMP = "Comment"  # one of the keywords of a PNG's own text


@contextmanager
def new_figure(width_px: int, height_px: int) -> Iterator[Figure]:
    """An empty figure in matplotlib's own style, whatever the user's configuration says."""
    from matplotlib import style
    from matplotlib.figure import Figure

    with style.context("default"):
        yield Figure(figsize=(width_px / DPI, height_px / DPI), dpi=DPI, layout="constrained")


def save_figure(figure: Figure, path: Path, numbers: Any, *, colours: int | None = 256) -> Path:
    """Write the figure as a PNG, stamped with the hash of the numbers that it shows (any JSON value).

    It has at most 256 colours, which plots do not feel and photographs hardly, or with None all of its own.

    The stamp says whether two plots show the same even where matplotlib's versions differ. Neither time nor version is
    written.
    """
    from PIL import Image
    from PIL.PngImagePlugin import PngInfo

    drawn, stamp = BytesIO(), PngInfo()
    figure.savefig(drawn, format="png", dpi=DPI)
    stamp.add_text(STAMP, stamp_of(numbers))
    with Image.open(drawn) as picture:
        small = picture.convert("RGB")
    if colours is not None:
        small = small.quantize(colours, dither=Image.Dither.NONE)
    path.parent.mkdir(parents=True, exist_ok=True)
    small.save(path, format="PNG", optimize=True, pnginfo=stamp)
    return path


def stamp_of(numbers: Any) -> str:
    """The hash of any JSON value."""
    return "shows sha256:" + hashlib.sha256(json.dumps(numbers, sort_keys=True).encode()).hexdigest()


def read_stamp(path: Path) -> str:
    """What `save_figure` stamped on a file; empty for any other PNG."""
    from PIL import Image

    with Image.open(path) as picture:
        return str(picture.info.get(STAMP, ""))
