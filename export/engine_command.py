"""`python -m export build-engine`: the command line around `export.engine`."""

from __future__ import annotations

import argparse
from pathlib import Path

from edge.errors import ConfigurationError
from edge.segmenters import packaged_model
from edge.segmenters.acceptance import verify_command
from edge.segmenters.sidecar import EngineSidecar, Flavour
from export.engine import EngineOptions, build_engine, packaged_ranges

_FLAVOURS: dict[str | None, Flavour | None] = {None: None, "tensorrt": "tensorrt", "rtx": "tensorrt-rtx"}


def run_build_engine(options: argparse.Namespace) -> int:
    """Run the command; returns the exit code."""
    for option in ("ranges", "calib_data"):
        if getattr(options, option) is not None and not options.int8:
            raise ConfigurationError(f"--{option.replace('_', '-')} is for --int8 only; add --int8 or leave it out")
    model = options.model or packaged_model()
    sidecar = build_engine(
        EngineOptions(
            model=model,
            out=options.out,
            int8=options.int8,
            roi_align="plain" if options.plain else "plugin",
            flavour=_FLAVOURS[options.trt],
            target=options.target,
            ranges=_calibrate(options, model) if options.calib_data is not None else options.ranges,
            plugin_library=options.plugin_library,
        )
    )
    print(_told(options.out, sidecar))
    return 0


def _calibrate(options: argparse.Namespace, model: Path) -> Path:
    """Take the ranges from the pictures given; they end up beside the engine."""
    from calib.int8.command import add_int8_arguments, run_int8

    out = packaged_ranges(options.out)
    parser = argparse.ArgumentParser()
    add_int8_arguments(parser)
    run_int8(parser.parse_args([str(model), options.calib_data, "--out", str(out)]))
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
