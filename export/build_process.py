"""Runs the builder in a process of its own and shows how it gets on."""

from __future__ import annotations

import importlib.util
import os
import signal
import subprocess
import sys
from pathlib import Path

import msgspec
from rich.console import Console
from rich.progress import Progress

from edge.errors import BackendMissingError, ModelError
from export.build_request import BuildRequest, Built, Failed, Message, Phase

_MISSING_NAME = "libtensorrt_rtx.so"
"""The name by which TensorRT-RTX's parser opens its own library for a plugin; its wheel ships another (1.7.1)."""


def run_builder(request: BuildRequest, folder: Path) -> Built:
    """Build the plan that `request` describes.

    Parameters
    ----------
    folder : for the files of the build; a folder without anything else

    Raises
    ------
    BackendMissingError : a GPU or a library is not there
    ModelError : the builder refused or died
    """
    path, errors = folder / "request.json", folder / "errors.txt"
    path.write_bytes(msgspec.json.encode(request))
    environment = {**os.environ}
    if request.flavour == "tensorrt-rtx":
        environment["LD_LIBRARY_PATH"] = f"{named_library(folder)}:{os.environ.get('LD_LIBRARY_PATH', '')}".rstrip(":")
    command = [sys.executable, "-m", "export.builder", str(path)]
    with (
        errors.open("wb") as stream,
        subprocess.Popen(
            command, env=environment, stdout=subprocess.PIPE, stderr=stream, text=True, errors="replace"
        ) as process,
    ):
        try:
            outcome = _follow(process)
        except BaseException:
            process.kill()
            raise
    if isinstance(outcome, Built) and process.returncode == 0:
        return outcome
    if isinstance(outcome, Failed):
        raise (BackendMissingError if outcome.missing else ModelError)(_sentence(outcome.reason, errors))
    raise ModelError(_sentence(f"TensorRT's builder ended {_how(process.returncode)}", errors))


def _follow(process: subprocess.Popen[str]) -> Built | Failed | None:
    """Show the phases until the process has said its last word."""
    outcome: Built | Failed | None = None
    with Progress(console=Console(stderr=True), transient=True) as progress:
        bars = {"": progress.add_task("starting TensorRT", total=None)}
        for line in process.stdout or ():
            try:
                message: Message = msgspec.json.decode(line, type=Message)
            except msgspec.MsgspecError:  # TensorRT or a driver prints there too
                continue
            if not isinstance(message, Phase):
                outcome = message
                continue
            if "" in bars:
                progress.remove_task(bars.pop(""))
            if message.name not in bars:
                bars[message.name] = progress.add_task(message.name, total=message.steps)
            progress.update(bars[message.name], completed=message.done)
    process.wait()
    return outcome


def named_library(folder: Path) -> Path:
    """A folder in which TensorRT-RTX's library has the name that its parser wants."""
    spec = importlib.util.find_spec("tensorrt_rtx_libs")
    if spec is None or spec.origin is None:
        raise BackendMissingError("the libraries of TensorRT-RTX are missing; run `pip install tensorrt-rtx-cu13`")
    names = folder / "names"
    names.mkdir()
    (names / _MISSING_NAME).symlink_to(Path(spec.origin).parent / f"{_MISSING_NAME}.1")
    return names


def _how(returncode: int) -> str:
    return f"by {signal.Signals(-returncode).name}" if returncode < 0 else f"with exit status {returncode}"


def _sentence(reason: str, errors: Path) -> str:
    """The reason, with the last line on standard error where the plugin and a dying process tell theirs."""
    lines = [line for line in errors.read_text(errors="replace").splitlines() if line.strip()]
    told = f" ({lines[-1].strip()})" if lines and lines[-1].strip() not in reason else ""
    return f"the engine was not built: {reason}{told}"
