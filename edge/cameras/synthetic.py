"""`synth://smear`: a camera over a simulated slide that knows the truth of every frame."""

from __future__ import annotations

import logging
import math
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import numpy as np

from edge.errors import ConfigurationError
from edge.simulator import Slide, SmearParameters, draw_slide
from edge.simulator.light import expose, lamp_field, sensor_noise
from edge.simulator.stage import DriftingStage
from edge.simulator.stains import STAINS
from edge.types import Frame

log = logging.getLogger(__name__)

_SLIDE_IN_WINDOWS = 2.5  # a slide is this many windows wide and high,
_SLIDE_PX = 24_000_000  # but has at most so many pixels (72 MB) as long as a window fits
_REPORT_EVERY_S = 1.0
_SMALLEST_PX, _LARGEST_PX = 64, 8192


@dataclass(frozen=True, slots=True, kw_only=True)
class SyntheticSettings:
    """What a `synth://smear` URI asks for; see `SmearParameters` for those that describe the smear."""

    seed: int = 1
    fps: float = 30.0
    width: int = 2048
    height: int = 1536
    frames: int = 0
    smear: SmearParameters = field(default_factory=SmearParameters)

    @property
    def slide_size(self) -> tuple[int, int]:
        """Width and height of the slide that the window moves over, px."""
        windows = min(_SLIDE_IN_WINDOWS, max(1.0, math.sqrt(_SLIDE_PX / (self.width * self.height))))
        return round(self.width * windows), round(self.height * windows)


class _ClosedWhileDrawingError(Exception):
    """Ends the drawing of a slide that nobody will look at."""


class SyntheticCamera:
    """Frames at `fps` a second as from a real camera, or one after the other as they are taken for fps = 0.

    The pixels of a frame depend on the settings and its index alone.
    """

    failed = 0

    def __init__(self, settings: SyntheticSettings) -> None:
        self.name = "smear"
        self.live = settings.fps > 0
        pace = f"{settings.fps:g} frames a second" if self.live else "as fast as frames are taken"
        self.negotiated = f"simulated smear, seed {settings.seed}, {settings.width}x{settings.height}, {pace}"
        self._settings = settings
        self._closed = threading.Event()

    def frames(self) -> Iterator[Frame]:
        settings = self._settings
        width, height = settings.width, settings.height
        try:
            slide = self._draw()
        except _ClosedWhileDrawingError:
            return
        generator = np.random.default_rng([settings.seed, 5])
        lamp = lamp_field(generator, slide.stain, width, height, settings.smear.uneven)
        bank = sensor_noise(generator, settings.smear.noise, width + 64, height + 64)
        travel = (slide.image.shape[1] - width, slide.image.shape[0] - height)
        stage = DriftingStage(settings.seed, travel, 0.4 * min(width, height))
        source = f"synth://smear?seed={settings.seed}"
        due = time.monotonic()
        index = 0
        while not self._closed.is_set() and (settings.frames == 0 or index < settings.frames):
            if self.live:
                if self._closed.wait(max(0.0, due - time.monotonic())):
                    return
                due = next_due(due, time.monotonic(), 1 / settings.fps)
            x, y = stage.position(index)
            window = slide.image[y : y + height, x : x + width]
            shift = (index * 29 % 64, index * 53 % 64)
            image = expose(window, lamp, bank[shift[0] : shift[0] + height, shift[1] : shift[1] + width])
            yield Frame(
                image=image,
                index=index,
                source=source,
                capture_t_ns=time.time_ns(),
                capture_mono_ns=time.monotonic_ns(),
                truth=slide.truth(x, y, width, height),
            )
            index += 1

    def close(self) -> None:
        self._closed.set()

    def _draw(self) -> Slide:
        """Draw the slide, report about once a second, give up when the camera is closed."""
        reported = time.monotonic()

        def progress(what: str, done: int, total: int) -> None:
            nonlocal reported
            if self._closed.is_set():
                raise _ClosedWhileDrawingError
            if time.monotonic() - reported >= _REPORT_EVERY_S:
                reported = time.monotonic()
                log.info("drawing %s: %d of %d", what, done, total)

        return draw_slide(self._settings.smear, *self._settings.slide_size, progress)


def next_due(due: float, now: float, period: float) -> float:
    """When the frame after one that was due at `due` and taken at `now` is due, all in seconds.

    The beat is kept through small delays; after one of a whole period it starts anew instead of catching up in a burst.
    """
    return (due if now - due < period else now) + period


def open_synthetic(uri: str) -> SyntheticCamera:
    """Read `synth://smear?seed=1&fps=30&size=2048x1536` and further keys; all faults in one ConfigurationError."""
    parts = urlsplit(uri)
    subject = parts.netloc + parts.path.rstrip("/")
    faults = [] if subject == "smear" else [f"'{subject}' is not simulated, only 'smear' is"]
    given: dict[str, Any] = {}
    for key, text in parse_qsl(parts.query, keep_blank_values=True):
        if key not in _KEYS:
            faults.append(f"'{key}' is not one of {', '.join(_KEYS)}")
            continue
        if key in given:
            faults.append(f"{key} is given more than once")
        try:
            given[key] = _KEYS[key](text)
        except ValueError as error:
            faults.append(f"{key}={text}: {error}")
    if faults:
        raise ConfigurationError(
            f"the camera {uri} cannot be simulated: {'; '.join(faults)}; "
            "write e.g. synth://smear?seed=1&fps=30&size=2048x1536"
        )
    return SyntheticCamera(_settings(given))


def _settings(given: dict[str, Any]) -> SyntheticSettings:
    width, height = given.pop("size", (2048, 1536))
    camera = {key: given.pop(key) for key in ("fps", "frames") if key in given}
    # a window of another size shows the same field at another magnification
    magnification = width / 2048
    defaults = SmearParameters()
    scaled = {
        "white_cell_px": defaults.white_cell_px * magnification,
        "defocus_px": defaults.defocus_px * magnification,
    }
    smear = SmearParameters(**(scaled | {_PARAMETERS.get(key, key): value for key, value in given.items()}))
    return SyntheticSettings(seed=smear.seed, width=width, height=height, smear=smear, **camera)


def _number(low: float, high: float) -> Callable[[str], float]:
    def parse(text: str) -> float:
        value = float(text)
        if not low <= value <= high:
            raise ValueError(f"expected a number from {low:g} to {high:g}")
        return value

    return parse


def _count(text: str) -> int:
    if not text.isdigit():
        raise ValueError("expected a whole number, 0 or more")
    return int(text)


def _size(text: str) -> tuple[int, int]:
    width, _, height = text.partition("x")
    if not (width.isdigit() and height.isdigit()):
        raise ValueError("expected WIDTHxHEIGHT in px")
    if not all(_SMALLEST_PX <= int(side) <= _LARGEST_PX for side in (width, height)):
        raise ValueError(f"expected sides from {_SMALLEST_PX} to {_LARGEST_PX} px")
    return int(width), int(height)


def _stain(text: str) -> str:
    known = [*sorted(STAINS), "random", "unusual"]
    if text not in known:
        raise ValueError(f"expected one of {', '.join(known)}")
    return text


_PARAMETERS = {"cell_px": "white_cell_px", "defocus": "defocus_px"}  # URI key -> SmearParameters
_KEYS: dict[str, Callable[[str], object]] = {
    "seed": _count,
    "fps": _number(0, 1000),
    "size": _size,
    "frames": _count,
    "density": _number(0, 100),
    "cell_px": _number(8, 2000),
    "stain": _stain,
    "defocus": _number(0, 50),
    "noise": _number(0, 60),
    "red_cover": _number(0, 0.8),
    "touching": _number(0, 1),
    "uneven": _number(0, 1),
}
