"""The command line of `edge-run`."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

from edge.config_sources import Given, Key
from edge.providers import PROVIDERS

EXAMPLES = """\
examples:
  edge-run --camera 0                                          the first video device, in a window
  edge-run --camera 'slides/*.jpg' --headless --record out --pictures
  edge-run --camera 'synth://smear?seed=1&fps=30&size=2048x1536'
  edge-run --camera rtsp://user:password@host/stream --headless --pub tcp://127.0.0.1:5570
  edge-run --config rig.toml --print-config

A setting is taken from the command line, else from the environment (WBC_CAMERA__FPS is fps of [camera]), else from the
file given with --config, else it has its default. Where masks lie beside the images, a folder is no list of frames:
ask for 'folder/*.jpg'.

exit codes: 0 ended or stopped (also by Ctrl-C and SIGTERM), 1 unexpected, 2 usage, 3 configuration, 4 camera cannot be
opened, 5 model missing, unusable or unverified, 6 camera lost, 8 endpoint in use, 9 display, GPU or backend missing,
10 disk full
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Option:
    """A flag that stands for one setting; `arguments` go to argparse."""

    flag: str
    key: Key
    help: str
    arguments: dict[str, Any]


def _option(flag: str, key: str, text: str, **arguments: Any) -> Option:
    return Option(flag=flag, key=tuple(key.split(".")), help=text, arguments=arguments)


GROUPS: dict[str, tuple[Option, ...]] = {
    "camera": (
        _option("--camera", "camera.uri", "what to look at; --list-cameras shows all kinds", metavar="URI"),
        _option("--width", "camera.width", "picture width to ask of the device", type=int, metavar="PX"),
        _option("--height", "camera.height", "picture height to ask of the device", type=int, metavar="PX"),
        _option("--fps", "camera.fps", "frame rate to ask of the device", type=float, metavar="HZ"),
        _option("--exposure-us", "camera.exposure_us", "exposure time, microseconds", type=float, metavar="US"),
        _option("--gain", "camera.gain", "gain in the device's own unit", type=float, metavar="X"),
        _option("--loop", "camera.loop", "play files N times, 0 without end (default 1)", type=int, metavar="N"),
        _option(
            "--drop",
            "camera.drop",
            "when frames come too fast, drop the oldest or the newest, or block the camera "
            "(default: block for files, oldest for cameras)",
            choices=("oldest", "newest", "block"),
        ),
        _option(
            "--max-staleness",
            "camera.max_staleness_s",
            "drop frames older than this when their turn comes (default: 0.5 for cameras, no limit for files)",
            type=float,
            metavar="S",
        ),
    ),
    "model": (
        _option("--model", "model.path", "ONNX file or TensorRT engine (default: the packaged model)", metavar="FILE"),
        _option(
            "--threshold",
            "model.threshold",
            "lowest score of a cell (default: the model's own)",
            type=float,
            metavar="X",
        ),
        _option(
            "--threads", "model.threads", "CPU threads for the network (default: all useful)", type=int, metavar="N"
        ),
        _option(
            "--provider",
            "model.provider",
            "what runs an ONNX file: cpu (default), openvino (INT8 files too), openvino-bf16 (faster, a bit coarser, "
            "for CPUs that have bfloat16), or with the GPU build of ONNX Runtime cuda or tensorrt",
            choices=PROVIDERS,
        ),
        _option(
            "--allow-unverified",
            "model.allow_unverified",
            "run an engine whose acceptance report is missing or failed",
            action="store_true",
        ),
    ),
    "output": (
        _option(
            "--pub",
            "publish.endpoint",
            "where results are published (default tcp://127.0.0.1:5570), or none",
            metavar="ENDPOINT",
        ),
        _option("--pub-images", "publish.images_endpoint", "the same for pictures", metavar="ENDPOINT"),
        _option(
            "--insecure-bind",
            "publish.insecure_bind",
            "allow endpoints that other machines can reach, without encryption",
            action="store_true",
        ),
        _option("--overlay", "overlay.layers", "any of mask,box,label,score,id,scalebar, or none", metavar="LAYERS"),
        _option("--alpha", "overlay.alpha", "opacity of the masks, 0 to 1 (default 0.45)", type=float, metavar="X"),
        _option("--headless", "overlay.headless", "no window; never touches a display", action="store_true"),
        _option("--um-per-px", "calib.um_per_px", "scale of the source picture", type=float, metavar="X"),
        _option("--record", "record.dir", "write results.jsonl to a new folder", metavar="DIR"),
        _option("--pictures", "record.pictures", "record annotated pictures too", action="store_true"),
    ),
    "run": (
        _option("--frames", "run.frames", "end after N segmented frames", type=int, metavar="N"),
        _option("--duration", "run.duration_s", "end after so many seconds", type=float, metavar="S"),
        _option(
            "--log-level",
            "run.log_level",
            "least important messages to log (default info)",
            choices=("debug", "info", "warning", "error"),
        ),
        _option("--log-format", "run.log_format", "text (default) or json", choices=("text", "json")),
    ),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class CommandLine:
    """What was typed. At most one of the three flags is set."""

    given: dict[Key, Given]
    config: Path | None
    list_cameras: bool
    validate_config: bool
    print_config: bool


def parse_command_line(arguments: Sequence[str] | None = None) -> CommandLine:
    """Read the arguments (the process's own if None); ends the process with code 2 if they cannot be understood."""
    parser = _parser()
    options = parser.parse_args(arguments)
    given = {}
    for option in (option for group in GROUPS.values() for option in group):
        value = getattr(options, _destination(option))
        if value is not None:
            given[option.key] = Given(value=value, origin=f"command line {option.flag}")
    return CommandLine(
        given=given,
        config=options.config,
        list_cameras=options.list_cameras,
        validate_config=options.validate_config,
        print_config=options.print_config,
    )


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="edge-run",
        description="Find and outline white blood cells in a microscope's live picture.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    for title, options in GROUPS.items():
        group = parser.add_argument_group(title)
        for option in options:
            group.add_argument(
                option.flag, dest=_destination(option), help=option.help, default=None, **option.arguments
            )
    parser.add_argument("--config", type=Path, metavar="FILE", help="the rig's settings, TOML")
    instead = parser.add_mutually_exclusive_group()
    instead.add_argument("--list-cameras", action="store_true", help="show video devices and what --camera takes")
    instead.add_argument("--validate-config", action="store_true", help="check the settings and end")
    instead.add_argument("--print-config", action="store_true", help="print each setting with its origin and end")
    parser.add_argument("--version", action="version", version=f"leukoedge {version('leukoedge')}")
    return parser


def _destination(option: Option) -> str:
    return "__".join(option.key)
