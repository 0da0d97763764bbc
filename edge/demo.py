"""`make demo`: the daemon's own loop on a simulated smear, scored against the smear's truth.

python -m edge.demo
python -m edge.demo --frames 40 --headless
"""

from __future__ import annotations

import argparse
import logging
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path

import cv2

from edge.config import (
    CalibSection,
    CameraSection,
    ModelSection,
    OverlaySection,
    PublishSection,
    RecordSection,
    Settings,
)
from edge.demo_score import MATCH_IOU, Score, TruthScore
from edge.display import names_display
from edge.draw import OverlayStyle, draw_result
from edge.errors import BackendMissingError, DiskFullError, EdgeError
from edge.logs import configure_logging
from edge.session import run_session
from edge.sinks.record import PICTURES_FOLDER, RESULTS_FILE
from edge.types import SegmentedFrame

log = logging.getLogger("edge.demo")  # by name: run with -m, this module is called __main__

FOLDER = Path("runs/demo")
FRAMES = 200
LEAST_RECALL = 0.9
PICTURE_EVERY = 8
"""Frames from one annotated picture to the next: a few dozen show the run, and each costs as much as a frame."""
UM_PER_PX = 0.05
"""The smear's neutrophils are 250 px wide, those of people about 12.5 um."""
ANY_PORT = "tcp://127.0.0.1:*"
"""A port of the system's choice, so that the demo runs beside a daemon that holds the usual ones."""


class DemoPictures:
    """A required sink that writes every so-and-so-many'th frame with its cells drawn in."""

    name = "pictures"
    required = True

    def __init__(self, folder: Path, style: OverlayStyle) -> None:
        self._folder = folder
        self._style = style

    def write(self, result: SegmentedFrame) -> None:
        if result.frame.index % PICTURE_EVERY:
            return
        path = self._folder / f"{result.frame.index:04d}.jpg"
        _, jpeg = cv2.imencode(".jpg", draw_result(result.frame.image, result, self._style))
        try:
            self._folder.mkdir(exist_ok=True)
            path.write_bytes(jpeg.tobytes())
        except OSError as error:
            raise DiskFullError(f"{path} cannot be written ({error.strerror}); make room on the disk") from error

    def close(self) -> None:
        """Nothing to release."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the demo in the current directory; returns 0, 1 if too few cells were found, or the code of an EdgeError."""
    options = _parser().parse_args(arguments)
    configure_logging("info", "text", sys.stderr)
    try:
        score = _run(options)
    except EdgeError as error:
        log.error("%s", error)  # one sentence for the person at the terminal, no traceback
        return error.exit_code
    except KeyboardInterrupt:
        return 130
    print(report(score))
    if score.recall < LEAST_RECALL:
        print(f"the demo failed: recall is below {LEAST_RECALL:g}", file=sys.stderr)
        return 1
    return 0


def demo_settings(frames: int, model: Path | None, headless: bool) -> Settings:
    """What `edge-run` would be told to do the same."""
    return Settings(
        camera=CameraSection(uri=f"synth://smear?seed=1&fps=0&frames={frames}"),
        model=ModelSection(path=model),
        publish=PublishSection(endpoint=ANY_PORT, images_endpoint=ANY_PORT, rig="demo"),
        overlay=OverlaySection(headless=headless),
        calib=CalibSection(um_per_px=UM_PER_PX),
        record=RecordSection(dir=FOLDER),
    )


def report(score: Score) -> str:
    """The outcome for people."""
    return (
        f"recall {score.recall:.3f}: {score.found} of {score.cells} cells found in {score.frames} frames at IoU "
        f"{MATCH_IOU:g} with the simulator's truth\n"
        f"false cells {score.false}; {score.slivers} slivers at the border, less than a third in view, count neither "
        f"way\n"
        f"results in {FOLDER / RESULTS_FILE}, pictures in {FOLDER / PICTURES_FOLDER}"
    )


def _run(options: argparse.Namespace) -> Score:
    """With the window where there is one to be had."""
    if options.headless:
        return _run_once(options, headless=True)
    if not names_display():
        log.info("there is no display, so the demo runs without its window")
        return _run_once(options, headless=True)
    try:
        return _run_once(options, headless=False)
    except BackendMissingError as error:
        log.info("the demo runs without its window: %s", error)
        return _run_once(options, headless=True)


def _run_once(options: argparse.Namespace, *, headless: bool) -> Score:
    _clear(FOLDER)
    scorer = TruthScore()
    settings = demo_settings(options.frames, options.model, headless)
    pictures = DemoPictures(FOLDER / PICTURES_FOLDER, OverlayStyle(um_per_px=UM_PER_PX))
    run_session(settings, report=print, more_sinks=(scorer, pictures))
    return scorer.score()


def _clear(folder: Path) -> None:
    """Remove the demo's last run, and nothing else that may lie there."""
    shutil.rmtree(folder / PICTURES_FOLDER, ignore_errors=True)
    (folder / RESULTS_FILE).unlink(missing_ok=True)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m edge.demo", description="Outline the white cells of a simulated smear and score the outcome."
    )
    parser.add_argument(
        "--frames", type=_count, default=FRAMES, metavar="N", help=f"length of the run (default {FRAMES})"
    )
    parser.add_argument("--model", type=Path, metavar="FILE", help="ONNX file (default: the packaged model)")
    parser.add_argument("--headless", action="store_true", help="no window, even where there is a display")
    return parser


def _count(text: str) -> int:
    if not text.isdecimal() or int(text) == 0:
        raise argparse.ArgumentTypeError(f"'{text}' is not a whole number of frames, 1 or more")
    return int(text)


if __name__ == "__main__":
    sys.exit(main())
