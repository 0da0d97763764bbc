from __future__ import annotations

import json
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import pytest

from edge.draw import CELL_COLOUR, OverlayStyle
from edge.draw_view import STATUS_PX
from edge.errors import BackendMissingError
from edge.sinks.overlay import LARGEST_PX, SMALL_SIDE_PX, Overlay, first_size
from edge.types import Image
from tests.edge.sinks.overlay_session import TITLE, result
from tests.edge.virtual_display import VirtualDisplay, virtual_display, wait_for


@dataclass(frozen=True, kw_only=True)
class Session:
    """A running window, seen from outside."""

    display: VirtualDisplay
    process: subprocess.Popen[str]
    snapshots: Path
    window: str

    def corner(self) -> list[int]:
        """Colour of a pixel of the picture beside all cells and words: it changes with each frame."""
        return [int(v) for v in self.display.screenshot()[5, 5]]

    def outcome(self) -> dict[str, object]:
        """Wait for the end of the run."""
        output, errors = self.process.communicate(timeout=30)
        assert self.process.returncode == 0, errors
        report: dict[str, object] = json.loads(output)
        return report


ATTEMPTS = 2
"""The Qt of opencv-python now and then never paints a new window. Against it stands `edge.display_process.WARM_UP_MS`;
a second attempt keeps what that may leave from failing other tests than those of the window."""
FIRST_PICTURE_S = 8.0


@contextmanager
def session(folder: Path, *, width: int = 640, height: int = 480, cells: int = 2) -> Iterator[Session]:
    with virtual_display(folder) as display:
        snapshots = folder / "snapshots"
        words = [str(word) for word in (snapshots, width, height, cells)]
        for _ in range(ATTEMPTS):
            with started(display, words) as process:
                if not shows_in_time(display, process, shows_cells if cells else shows_grey):
                    continue
                window = display.windows(TITLE)[0]
                yield Session(display=display, process=process, snapshots=snapshots, window=window)
                return
        pytest.fail(f"{ATTEMPTS} windows in a row never showed a picture")


@contextmanager
def started(display: VirtualDisplay, words: list[str]) -> Iterator[subprocess.Popen[str]]:
    with subprocess.Popen(
        [sys.executable, "-m", "tests.edge.sinks.overlay_session", *words],
        env=display.environ,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            yield process
        finally:
            process.kill()


def shows_in_time(display: VirtualDisplay, process: subprocess.Popen[str], shows: Callable[[Image], bool]) -> bool:
    """Whether the first picture comes in time; the clock starts with the window."""
    wait_for(lambda: display.windows(TITLE) or process.poll() is not None, "the window")
    if process.poll() is not None:
        pytest.fail(f"the run ended before its window opened: {process.communicate()[1]}")
    deadline = time.monotonic() + FIRST_PICTURE_S
    while time.monotonic() < deadline:
        if shows(display.screenshot()):
            return True
        time.sleep(0.05)
    return False


def outline(screen: Image) -> Image:
    """Pixels that have the outlines' colour, bool [H, W]."""
    near: Image = (np.abs(screen.astype(int) - CELL_COLOUR) < 12).all(axis=2)
    return near


def shows_cells(screen: Image) -> bool:
    return bool(outline(screen).sum() > 100)


def shows_grey(screen: Image) -> bool:
    return bool(screen[5, 5].min() >= 60)


def changes(running: Session, during_s: float) -> bool:
    before, deadline = running.corner(), time.monotonic() + during_s
    while time.monotonic() < deadline:
        if running.corner() != before:
            return True
        time.sleep(0.02)
    return False


def test_the_window_shows_the_outlines_where_the_cells_are(tmp_path: Path) -> None:
    with session(tmp_path) as running:
        rows, columns = np.nonzero(outline(running.display.screenshot())[:480, :200])
        # the first cell of the 640 px wide picture: its disc is half as high as its mask's edge at 1/8 of the radius
        radius = 64 * (1 - 1 / 8)
        np.testing.assert_allclose([columns.min(), columns.max()], [128 - radius, 128 + radius], atol=4)
        np.testing.assert_allclose([rows.min(), rows.max()], [160 - radius, 160 + radius], atol=4)


@pytest.mark.parametrize("key", ["space", "p"])
def test_a_key_holds_the_picture_while_the_run_goes_on(tmp_path: Path, key: str) -> None:
    with session(tmp_path) as running:
        assert changes(running, 5)
        running.display.press(running.window, key)
        wait_for(lambda: not changes(running, 0.5), "a picture that stands still")
        running.display.press(running.window, key)
        wait_for(lambda: changes(running, 0.5), "a picture that moves again")
        running.display.press(running.window, "q")
        assert running.outcome()["stopped"] is True


def test_s_saves_a_snapshot_at_full_resolution(tmp_path: Path) -> None:
    with session(tmp_path, width=2048, height=1536) as running:
        running.display.press(running.window, "s")
        wait_for(lambda: list(running.snapshots.glob("*.png")), "the snapshot")
        running.display.press(running.window, "q")
        assert running.outcome() | {"written": 0} == {"stopped": True, "written": 0, "failures": 0}
        [path] = running.snapshots.iterdir()
        picture = cv2.imread(str(path))
        assert picture is not None
        assert picture.shape == (1536, 2048, 3)
        assert outline(np.asarray(picture, np.uint8)).sum() > 500


def test_a_snapshot_that_cannot_be_written_is_counted_and_the_window_lives_on(tmp_path: Path) -> None:
    with session(tmp_path) as running:
        running.snapshots.write_text("a file where the folder should be")
        running.display.press(running.window, "s")
        assert changes(running, 5)
        running.display.press(running.window, "q")
        assert running.outcome()["failures"] == 1


@pytest.mark.parametrize("key", ["q", "Escape"])
def test_quit_keys_end_the_run_cleanly(tmp_path: Path, key: str) -> None:
    with session(tmp_path) as running:
        running.display.press(running.window, key)
        assert running.outcome()["stopped"] is True


def test_closing_the_window_ends_the_run_cleanly(tmp_path: Path) -> None:
    with session(tmp_path) as running:
        running.display.close_window(running.window)
        report = running.outcome()
        assert report["stopped"] is True
        assert report["failures"] == 0


def test_the_picture_follows_the_size_of_the_window(tmp_path: Path) -> None:
    with session(tmp_path) as running:
        running.display.resize(running.window, 320, 240 + STATUS_PX)

        def fits() -> bool:
            rows, columns = np.nonzero(outline(running.display.screenshot()))
            return len(rows) > 50 and columns.max() < 320 and rows.max() < 240

        wait_for(fits, "the picture at half its size")


def test_a_frame_without_cells_is_shown(tmp_path: Path) -> None:
    with session(tmp_path, cells=0) as running:
        assert not shows_cells(running.display.screenshot())
        running.display.press(running.window, "q")
        assert running.outcome()["failures"] == 0


def test_without_a_display_there_is_no_overlay(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in ("DISPLAY", "WAYLAND_DISPLAY"):
        monkeypatch.delenv(name, raising=False)
    with pytest.raises(BackendMissingError, match="--headless"):
        Overlay(OverlayStyle(), threading.Event(), tmp_path)


def test_a_display_that_dies_takes_the_window_and_not_the_run(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, tmp_path: Path
) -> None:
    with virtual_display(tmp_path) as display:
        for variable, value in display.environ.items():
            monkeypatch.setenv(variable, value)
        monkeypatch.delenv("WAYLAND_DISPLAY", raising=False)
        stop = threading.Event()
        overlay = Overlay(OverlayStyle(), stop, tmp_path / "snapshots", TITLE)
        overlay.write(result(0, 640, 480, 2))
        wait_for(lambda: display.windows(TITLE), "the window")
        display.die()
        wait_for(lambda: overlay.failures, "the news that the window is gone")
        overlay.write(result(1, 640, 480, 2))
        overlay.close()
    assert not stop.is_set()
    assert overlay.failures == 1
    [said] = [record.getMessage() for record in caplog.records if record.levelname == "WARNING"]
    assert said == "the window is gone: its display died or its process was ended; the run goes on without it"


@pytest.mark.parametrize(("width", "height"), [(2048, 1536), (4000, 300), (720, 576), (120, 120), (1, 1), (30, 4000)])
def test_a_first_window_fits_the_screen_and_is_not_tiny(width: int, height: int) -> None:
    shown_width, shown_height = first_size(result(0, width, height, 0))
    assert shown_width <= LARGEST_PX[0]
    assert shown_height <= LARGEST_PX[1] + STATUS_PX
    assert max(shown_width, shown_height - STATUS_PX) >= SMALL_SIDE_PX
