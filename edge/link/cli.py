"""`edge-sub`: follow a rig on the terminal.

edge-sub                          what comes from the default endpoint, one line a message
edge-sub --jsonl | jq .cells      results as JSON lines
edge-sub --csv > cells.csv        one row a cell
edge-sub --show                   a window with the outlined cells
"""

from __future__ import annotations

import argparse
import os
import signal
import sys
import time
from collections.abc import Callable, Sequence

from edge.errors import EdgeError
from edge.link.errors import LinkError, RigDeadError
from edge.link.messages import DEFAULT_ENDPOINT, Event, Message, Result, Status
from edge.link.printing import CSV_HEADER, csv_lines, json_lines, readable_lines
from edge.link.subscriber import Subscriber

NOTICE_S = 3.0
"""How often a reader is told that nothing comes."""
TICK_S = 0.05
"""How long one wait lasts at most, so that a window stays alive."""

Output = Callable[[Message | None], bool]
"""Takes each message, or None when none came for a tick; False when the user has had enough (closed the window)."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run `edge-sub`; returns the exit code."""
    options = _parser().parse_args(arguments)
    # SIGINT too: a shell has the programs that it starts in the background ignore it.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        with Subscriber(options.endpoint) as subscriber:
            follow(subscriber, _output(options, subscriber), options.frames, options.timeout)
    except KeyboardInterrupt:
        return 0
    except BrokenPipeError:
        # The reader (`| head`) has had enough. What Python still wants to flush at exit has nowhere to go.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except EdgeError as error:
        _notice(str(error))
        return error.exit_code
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="edge-sub", description="Follow the results of a running edge-run.", epilog="Ctrl-C ends it."
    )
    parser.add_argument("endpoint", nargs="?", default=DEFAULT_ENDPOINT, help="the rig's results (%(default)s)")
    form = parser.add_mutually_exclusive_group()
    form.add_argument("--jsonl", action="store_true", help="one JSON object a result: header and body")
    form.add_argument("--csv", action="store_true", help="one row a cell, with a header line")
    form.add_argument("--show", action="store_true", help="a window with the picture and the outlined cells")
    parser.add_argument("--images", metavar="ENDPOINT", help="the rig's pictures for --show (what its hello says)")
    parser.add_argument("--frames", type=_positive_int, metavar="N", help="end after N results")
    parser.add_argument(
        "--timeout", type=_positive_float, metavar="S", help="end when nothing came for S seconds (wait for ever)"
    )
    return parser


def _positive_int(text: str) -> int:
    value = int(text)
    if value < 1:
        raise argparse.ArgumentTypeError(f"{text} is not a whole number above 0")
    return value


def _positive_float(text: str) -> float:
    value = float(text)
    if not 0 < value < float("inf"):
        raise argparse.ArgumentTypeError(f"{text} is not a number of seconds above 0")
    return value


def _output(options: argparse.Namespace, subscriber: Subscriber) -> Output:
    if options.show:
        from edge.link.show import Window

        return Window(subscriber, options.images)
    if options.csv:
        print(CSV_HEADER, flush=True)
        return _printer(csv_lines)
    return _printer(json_lines if options.jsonl else readable_lines)


def _printer(lines: Callable[[Message], list[str]]) -> Output:
    def write(message: Message | None) -> bool:
        for line in [] if message is None else lines(message):
            print(line, flush=True)
        return True

    return write


def follow(subscriber: Subscriber, output: Output, frames: int | None, timeout_s: float | None) -> None:
    """Give each message to `output` until it has had enough, `frames` results came or silence lasts `timeout_s`.

    Raises
    ------
    LinkError
        if nothing came at all within `timeout_s`, or a message is broken
    RigDeadError
        if the rig fell silent for `timeout_s` without saying that it stops
    """
    silence = Silence(subscriber.endpoint, timeout_s)
    results = 0
    while frames is None or results < frames:
        message = subscriber.receive(TICK_S)
        if message is not None:
            silence.ends(message)
        elif silence.lasts():
            return
        if isinstance(message, Status):
            silence.report_losses(subscriber.lost["result"])
        results += isinstance(message, Result)
        if not output(message):
            return


class Silence:
    """Tells the reader on stderr when nothing comes, and decides when to give up."""

    def __init__(self, endpoint: str, timeout_s: float | None) -> None:
        self._endpoint = endpoint
        self._timeout_s = timeout_s
        self._since_s = self._noticed_s = time.monotonic()
        self._heard = False
        self._stopped = False
        self._lost = 0

    def ends(self, message: Message) -> None:
        """A message came."""
        self._since_s = self._noticed_s = time.monotonic()
        self._heard = True
        self._stopped = isinstance(message, Event) and message.body.type == "stopping"

    def lasts(self) -> bool:
        """Nothing came; True when it is time to end after a clean stop of the rig."""
        now_s = time.monotonic()
        if self._timeout_s is not None and now_s - self._since_s >= self._timeout_s:
            return self._give_up(self._timeout_s)
        if now_s - self._noticed_s >= NOTICE_S:
            self._noticed_s = now_s
            _notice(f"{self._state()} for {now_s - self._since_s:.0f} s; still waiting, Ctrl-C ends")
        return False

    def report_losses(self, lost: int) -> None:
        if lost > self._lost:
            _notice(f"{lost - self._lost} results were lost on the way, for this program or its reader is too slow")
            self._lost = lost

    def _state(self) -> str:
        if not self._heard:
            return f"no publisher answers at {self._endpoint}"
        return f"the rig at {self._endpoint} has stopped" if self._stopped else f"nothing came from {self._endpoint}"

    def _give_up(self, timeout_s: float) -> bool:
        if not self._heard:
            raise LinkError(
                f"no publisher answered at {self._endpoint} within {timeout_s:g} s; start edge-run, or give the "
                "endpoint that its --pub names"
            )
        if not self._stopped:
            raise RigDeadError(
                f"nothing came from {self._endpoint} for {timeout_s:g} s and the rig did not say that it stops; look "
                "whether edge-run still runs"
            )
        return True


def _notice(text: str) -> None:
    print(f"edge-sub: {text}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
