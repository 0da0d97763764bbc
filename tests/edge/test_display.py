from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest

from edge.display import DisplayWindow
from edge.errors import BackendMissingError
from tests.edge.virtual_display import VirtualDisplay, virtual_display, wait_for

REMEDY = "only --headless works here"
TITLE = "a window of the tests"
PICTURE = np.full((48, 64, 3), 90, np.uint8)


def use_display(monkeypatch: pytest.MonkeyPatch, name: str | None) -> None:
    for variable in ("DISPLAY", "WAYLAND_DISPLAY", "QT_QPA_PLATFORM"):
        monkeypatch.delenv(variable, raising=False)
    if name is not None:
        monkeypatch.setenv("DISPLAY", name)


def test_without_a_display_one_line_says_what_works(monkeypatch: pytest.MonkeyPatch) -> None:
    use_display(monkeypatch, None)
    with pytest.raises(BackendMissingError, match="DISPLAY") as raised:
        DisplayWindow(TITLE, REMEDY)
    assert str(raised.value).endswith(REMEDY)
    assert "\n" not in str(raised.value)
    assert raised.value.exit_code == 9


def test_a_dead_display_does_not_take_the_process_with_it(monkeypatch: pytest.MonkeyPatch) -> None:
    use_display(monkeypatch, ":4711")
    with pytest.raises(BackendMissingError, match=REMEDY):
        DisplayWindow(TITLE, REMEDY)


def test_a_display_that_dies_is_said_and_does_not_end_the_process(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    with virtual_display(tmp_path) as display:
        use_display(monkeypatch, display.name)
        window = DisplayWindow(TITLE, REMEDY)
        window.show(PICTURE)
        display.die()
        with pytest.raises(BackendMissingError, match="the window is gone: its display died"):
            use_for_a_while(window)
        with pytest.raises(BackendMissingError, match="the window is gone"):
            window.show(PICTURE)
        assert not window.closed
        window.destroy()


def test_a_window_that_the_user_closed_takes_pictures_and_shows_none(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    with virtual_display(tmp_path) as display:
        use_display(monkeypatch, display.name)
        window = DisplayWindow(TITLE, REMEDY)
        window.resize(320, 240)
        window.show(PICTURE)
        wait_for(lambda: window.wait(20) is None and window.size() == (320, 240), "the size that was asked for")
        display.close_window(display.windows(TITLE)[0])
        wait_for(lambda: display.windows(TITLE) == [], "the window to go")
        for _ in range(20):  # before anybody has heard of it
            window.show(PICTURE)
            time.sleep(0.01)
        wait_for(lambda: window.wait(20) is None and window.closed, "the news that it was closed")
        window.destroy()


PARENT = f"""
from edge.display import DisplayWindow
if __name__ == "__main__":
    print("opening", flush=True)
    window = DisplayWindow({TITLE!r}, {REMEDY!r})
    print("open", flush=True)
    while True:
        window.wait(1000)
"""


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_a_window_goes_with_the_process_that_opened_it(tmp_path: Path, number: signal.Signals) -> None:
    with virtual_display(tmp_path) as display, parent_of_window(display) as parent:
        assert parent.stdout is not None
        assert [parent.stdout.readline() for _ in range(2)] == ["opening\n", "open\n"]
        wait_for(lambda: display.windows(TITLE), "the window")
        parent.send_signal(number)
        wait_for(lambda: display.windows(TITLE) == [], "the window to go")


def test_ctrl_c_leaves_the_window_to_its_owner_also_while_it_opens(tmp_path: Path) -> None:
    with virtual_display(tmp_path) as display, parent_of_window(display, ignores_ctrl_c=True) as parent:
        assert parent.stdout is not None
        assert parent.stderr is not None
        assert parent.stdout.readline() == "opening\n"
        opened = threading.Event()

        def press() -> None:
            while not opened.wait(0.02):
                os.killpg(parent.pid, signal.SIGINT)

        presser = threading.Thread(target=press)
        presser.start()
        try:
            assert parent.stdout.readline() == "open\n"
        finally:
            opened.set()
            presser.join()
        os.killpg(parent.pid, signal.SIGINT)
        time.sleep(0.5)
        assert display.windows(TITLE)
        parent.kill()
        assert parent.stderr.read() == ""


def test_nobody_waits_for_a_display_that_hangs(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    with virtual_display(tmp_path) as display:
        use_display(monkeypatch, display.name)
        window = DisplayWindow(TITLE, REMEDY)
        display.server.send_signal(signal.SIGSTOP)
        try:

            def use() -> None:
                for _ in range(200):
                    window.show(np.zeros((480, 640, 3), np.uint8))
                window.destroy()

            user = threading.Thread(target=use, daemon=True)
            user.start()
            user.join(timeout=20)
            assert not user.is_alive()
        finally:
            display.server.send_signal(signal.SIGCONT)


@contextmanager
def parent_of_window(display: VirtualDisplay, *, ignores_ctrl_c: bool = False) -> Iterator[subprocess.Popen[str]]:
    script = display.folder / "parent.py"
    ignore = "import signal\nif __name__ == '__main__':\n    signal.signal(signal.SIGINT, lambda *_: None)\n"
    script.write_text((ignore if ignores_ctrl_c else "") + PARENT)
    environ = display.environ | {"PYTHONPATH": str(Path(__file__).parents[2])}
    with subprocess.Popen(
        [sys.executable, str(script)],
        env=environ,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    ) as parent:
        try:
            yield parent
        finally:
            parent.kill()


def use_for_a_while(window: DisplayWindow) -> None:
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        window.wait(20)
        window.show(PICTURE)
