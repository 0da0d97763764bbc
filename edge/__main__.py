"""`edge-run`, also `python -m edge`: frames in, outlined white cells out.

edge-run --camera 'slides/*.jpg' --headless --record out --pictures
"""

from __future__ import annotations

import logging
import os
import signal
import sys
from collections.abc import Sequence

from edge.errors import EdgeError

READERS_WAIT_S = 1.0
"""How long the end of the program waits for a camera's driver that hangs."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the program; returns its exit code (see `edge.errors`)."""
    code = _run(arguments)
    if "edge.cameras.reader" in sys.modules:
        from edge.cameras.reader import hanging_readers

        if hanging_readers(READERS_WAIT_S):
            # A driver call that returns while the interpreter shuts down aborts the process: leave it no time for that.
            logging.shutdown()
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(code)
    return code


def _run(arguments: Sequence[str] | None) -> int:
    # Until the loop takes the signals, they end the process where it stands: it may wait for a camera to open.
    # Set even for a process started in the background, whose shell has it ignore SIGINT.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    os.environ.setdefault("OPENCV_LOG_LEVEL", "SILENT")  # read by OpenCV when it is imported; what it says to stderr
    os.environ.setdefault("OPENCV_FFMPEG_LOGLEVEL", "-8")  # comes again from here, in words
    try:
        return _main(arguments)
    except KeyboardInterrupt:
        return 0
    except EdgeError as error:
        _tell(error)
        return error.exit_code


def _main(arguments: Sequence[str] | None) -> int:
    # Imported here, so that a signal during the slow imports (OpenCV, ONNX Runtime) ends the process cleanly.
    from edge.cli import parse_command_line
    from edge.config_sources import load_settings, print_settings
    from edge.logs import configure_logging

    command = parse_command_line(arguments)
    if command.list_cameras:
        from edge.cameras.listing import list_cameras

        print(list_cameras())
        return 0
    loaded = load_settings(command.given, os.environ, command.config)
    if command.print_config:
        print(print_settings(loaded))
        return 0
    if command.validate_config:
        print(f"{command.config or 'the configuration'} is valid")
        return 0
    configure_logging(loaded.settings.run.log_level, loaded.settings.run.log_format, sys.stderr)
    from edge.session import run_session

    run_session(loaded.settings, report=lambda text: print(text, flush=True))
    return 0


def _tell(error: EdgeError) -> None:
    """Say what ended the run: in the log once there is one, else to the terminal."""
    logger = logging.getLogger("edge")
    if logger.handlers:
        logger.error("%s", error)
    else:
        print(f"edge-run: {error}", file=sys.stderr)


if __name__ == "__main__":
    sys.exit(main())
