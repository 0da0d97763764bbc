"""`python -m export build-engine`: the command line around `export.engine`."""

from __future__ import annotations

import argparse
import tempfile
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

from edge.errors import ConfigurationError
from edge.segmenters import packaged_model
from edge.segmenters.acceptance import verify_command
from edge.segmenters.sidecar import EngineSidecar, Flavour
from export.engine import EngineOptions, build_engine, check_options

_FLAVOURS: dict[str | None, Flavour | None] = {None: None, "tensorrt": "tensorrt", "rtx": "tensorrt-rtx"}


def run_build_engine(options: argparse.Namespace) -> int:
    """Run the command; returns the exit code."""
    for option in ("ranges", "calib_data"):
        if getattr(options, option) is not None and not options.int8:
            raise ConfigurationError(f"--{option.replace('_', '-')} is for --int8 only; add --int8 or leave it out")
    wanted = EngineOptions(
        model=options.model or packaged_model(),
        out=options.out,
        int8=options.int8,
        roi_align="plain" if options.plain else "plugin",
        flavour=_FLAVOURS[options.trt],
        target=options.target,
        ranges=options.ranges,
        plugin_library=options.plugin_library,
    )
    with ExitStack() as stack:
        if options.calib_data is not None:
            check_options(wanted)  # before minutes of calibration
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
            wanted = replace(wanted, ranges=_calibrate(wanted.model, options.calib_data, folder))
        print(_told(options.out, build_engine(wanted)))
    return 0


def _calibrate(model: Path, images: str, folder: Path) -> Path:
    """Take the ranges from the pictures given."""
    from calib.int8.command import add_int8_arguments, run_int8

    out = folder / "ranges.json"
    parser = argparse.ArgumentParser()
    add_int8_arguments(parser)
    run_int8(parser.parse_args([str(model), images, "--out", str(out)]))
    return out


def _told(engine: Path, sidecar: EngineSidecar) -> str:
    size = engine.stat().st_size / 1e6
    where = sidecar.gpu or (f"SM {sidecar.sm}" if sidecar.sm else "no GPU was asked")
    ranges = f", ranges by {sidecar.quantiser}" if sidecar.quantiser else ""
    plugin = f", with {sidecar.plugin.file}" if sidecar.plugin else ""
    return (
        f"wrote {engine} ({size:.1f} MB): {sidecar.precision}{ranges}, {sidecar.flavour} {sidecar.tensorrt}, {where}"
        f"{plugin}\nnext: {verify_command(engine)}"
    )
