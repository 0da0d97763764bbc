"""`python -m calib`: ranges for INT8 from pictures of the instrument.

python -m calib int8 model.onnx 'slides/*.jpg' --out ranges.json
"""

from __future__ import annotations

import argparse
import signal
import sys
from collections.abc import Sequence

from edge.errors import BackendMissingError, EdgeError


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code (`edge.errors`)."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        options = build_parser().parse_args(arguments)
        return int(options.run(options))
    except EdgeError as error:
        print(f"calib: {error}", file=sys.stderr)
        return error.exit_code
    except KeyboardInterrupt:
        print("calib: stopped; nothing was written", file=sys.stderr)
        return 130  # as a shell has it: what should have been written is not there


def build_parser() -> argparse.ArgumentParser:
    """The command line; raises BackendMissingError if a library that calibration needs is not installed."""
    try:
        from calib.int8 import command
    except ModuleNotFoundError as error:
        raise BackendMissingError(
            f"{error.name} is not installed but calibration needs it; run `pip install leukoedge[calib]`"
        ) from error
    parser = argparse.ArgumentParser(prog="calib", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    int8 = commands.add_parser("int8", help="ranges of a model's activations, for an INT8 engine")
    command.add_int8_arguments(int8)
    int8.set_defaults(run=command.run_int8)
    return parser


if __name__ == "__main__":
    sys.exit(main())
