"""A display in memory (Xvfb), the keyboard and the window manager's part of it."""

from __future__ import annotations

import ctypes
import ctypes.util
import os
import shutil
import struct
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from edge.types import Image

PATIENCE_S = 20.0


def wait_for(condition: Callable[[], object], what: str) -> None:
    """Return as soon as `condition` holds; fails the test if it does not for long."""
    deadline = time.monotonic() + PATIENCE_S
    while not condition():
        if time.monotonic() > deadline:
            pytest.fail(f"waited {PATIENCE_S:g} s in vain for {what}")
        time.sleep(0.05)


@dataclass(frozen=True, kw_only=True)
class VirtualDisplay:
    """An X server without a screen; `folder` holds its picture memory."""

    name: str
    folder: Path
    server: subprocess.Popen[bytes]

    def die(self) -> None:
        """End the server as a crash does."""
        self.server.kill()
        self.server.wait()

    @property
    def environ(self) -> dict[str, str]:
        environ = {key: value for key, value in os.environ.items() if key not in ("WAYLAND_DISPLAY", "QT_QPA_PLATFORM")}
        return environ | {"DISPLAY": self.name}

    def screenshot(self) -> Image:
        """What the screen shows, uint8 BGR [H, W, 3]; the file is laid out as XWDFile.h describes."""
        data = (self.folder / "Xvfb_screen0").read_bytes()
        header = struct.unpack(">25I", data[:100])
        header_size, width, height, row_bytes, colours = header[0], header[4], header[5], header[12], header[19]
        pixels = np.frombuffer(data, np.uint8, row_bytes * height, header_size + 12 * colours)
        return pixels.reshape(height, row_bytes // 4, 4)[:, :width, :3].copy()

    def windows(self, title: str) -> list[str]:
        """Numbers of the windows whose title contains `title`."""
        return self._xdotool("search", "--onlyvisible", "--name", title, check=False).split()

    def press(self, window: str, key: str) -> None:
        """Press and release a key (X's name for it) in a window."""
        self._xdotool("windowfocus", "--sync", window)
        self._xdotool("key", key)

    def resize(self, window: str, width: int, height: int) -> None:
        self._xdotool("windowsize", "--sync", window, str(width), str(height))

    def close_window(self, window: str) -> None:
        """Ask a window to close, as a click on its cross does (ICCCM 4.2.8.1)."""
        x11 = ctypes.CDLL(ctypes.util.find_library("X11") or "libX11.so.6")
        x11.XOpenDisplay.restype = ctypes.c_void_p
        x11.XInternAtom.restype = ctypes.c_ulong
        display = ctypes.c_void_p(x11.XOpenDisplay(self.name.encode()))
        atoms = [x11.XInternAtom(display, name, 0) for name in (b"WM_PROTOCOLS", b"WM_DELETE_WINDOW")]
        # XClientMessageEvent: type 33, serial, send_event, display, window, message_type, format, five longs
        event = struct.pack("@iLiPLLi5l24l", 33, 0, 0, 0, int(window), atoms[0], 32, atoms[1], *[0] * 28)
        x11.XSendEvent(display, ctypes.c_ulong(int(window)), 0, ctypes.c_long(0), event)
        x11.XCloseDisplay(display)

    def _xdotool(self, *arguments: str, check: bool = True) -> str:
        command = ["xdotool", *arguments]
        return subprocess.run(command, env=self.environ, capture_output=True, text=True, check=check, timeout=30).stdout


@contextmanager
def virtual_display(folder: Path) -> Iterator[VirtualDisplay]:
    """A fresh display; skips the test where its programs are missing."""
    for program in ("Xvfb", "xdotool"):
        if shutil.which(program) is None:
            pytest.skip(
                f"needs {program} (on Debian: apt install xvfb xdotool) to open a window on a display in memory"
            )
    read_end, write_end = os.pipe()
    # Without -noreset the server drops whoever connects while it starts afresh because its last client has left.
    command = ["Xvfb", "-displayfd", str(write_end), "-screen", "0", "1400x1000x24", "-fbdir", str(folder)]
    command += ["-nolisten", "tcp", "-noreset"]
    with subprocess.Popen(command, pass_fds=[write_end], stderr=subprocess.DEVNULL) as server:
        os.close(write_end)
        try:
            with os.fdopen(read_end) as answer:
                number = answer.readline().strip()
            if not number:
                pytest.fail("Xvfb did not start")
            yield VirtualDisplay(name=f":{number}", folder=folder, server=server)
        finally:
            server.terminate()
