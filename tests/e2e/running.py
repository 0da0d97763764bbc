"""Runs `edge-run` as a process of its own, as a user does."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]


def command(*arguments: str | Path, program: str = "edge") -> list[str]:
    return [sys.executable, "-m", program, *map(str, arguments)]


def environment(**more: str) -> dict[str, str]:
    """The environment without anything that settings or a display could be taken from."""
    kept = {key: value for key, value in os.environ.items() if not key.startswith("WBC_")}
    for name in ("DISPLAY", "WAYLAND_DISPLAY"):
        kept.pop(name, None)
    return {**kept, "PYTHONPATH": str(REPOSITORY), **more}


def edge_run(*arguments: str | Path, cwd: Path | None = None, **variables: str) -> subprocess.CompletedProcess[str]:
    """Run to the end, headless and without publishing."""
    return subprocess.run(
        command(*arguments, "--headless", "--pub", "none"),
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
        cwd=cwd,
        env=environment(**variables),
    )


def start(*arguments: str | Path) -> subprocess.Popen[str]:
    """Start and leave running, headless and without publishing."""
    return subprocess.Popen(
        command(*arguments, "--headless", "--pub", "none"),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=environment(),
    )


def wait_until(condition: Callable[[], bool], process: subprocess.Popen[str], seconds: float = 60) -> None:
    """Wait for something that a running process does."""
    deadline_s = time.monotonic() + seconds
    while not condition():
        if process.poll() is not None:
            raise AssertionError(f"the process ended early with {process.returncode}: {process.communicate()[1]}")
        if time.monotonic() > deadline_s:
            process.kill()
            raise AssertionError(f"nothing happened in {seconds} s: {process.communicate()[1]}")
        time.sleep(0.02)


def results(folder: Path) -> list[dict]:
    """The recorded lines; fails on one that is not whole."""
    text = (folder / "results.jsonl").read_bytes()
    assert text == b"" or text.endswith(b"\n")
    return [json.loads(line) for line in text.splitlines()]
