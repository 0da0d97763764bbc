"""`synth://smear`: a camera over a simulated slide that knows the truth of every frame."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import numpy as np

from edge.errors import ConfigurationError
from edge.simulator import SmearParameters, draw_slide
from edge.simulator.light import expose, lamp_field
from edge.simulator.stage import DriftingStage
from edge.simulator.stains import STAINS
from edge.types import Frame

_SLIDE_IN_WINDOWS = 2.5  # a slide is this many windows wide and high
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
        slide = draw_slide(settings.smear, round(width * _SLIDE_IN_WINDOWS), round(height * _SLIDE_IN_WINDOWS))
        generator = np.random.default_rng([settings.seed, 5])
        lamp = lamp_field(generator, slide.stain, width, height, settings.smear.uneven)
        noise = generator.standard_normal((height + 64, width + 64, 3), np.float32) * np.float32(settings.smear.noise)
        bank = np.asarray(noise, np.int16)
        travel = (slide.image.shape[1] - width, slide.image.shape[0] - height)
        stage = DriftingStage(settings.seed, travel, 0.4 * min(width, height))
        source = f"synth://smear?seed={settings.seed}"
        started = time.monotonic()
        index = 0
        while not self._closed.is_set() and (settings.frames == 0 or index < settings.frames):
            if self.live and self._closed.wait(max(0.0, started + index / settings.fps - time.monotonic())):
                return
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


def open_synthetic(uri: str) -> SyntheticCamera:
    """Read `synth://smear?seed=1&fps=30&size=2048x1536` and further keys; all faults in one ConfigurationError."""
    parts = urlsplit(uri)
    faults = [] if parts.netloc == "smear" else [f"'{parts.netloc}' is not simulated, only 'smear' is"]
    given: dict[str, Any] = {}
    for key, text in parse_qsl(parts.query, keep_blank_values=True):
        if key not in _KEYS:
            faults.append(f"'{key}' is not one of {', '.join(_KEYS)}")
            continue
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
    known = [*sorted(STAINS), "random"]
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
}
