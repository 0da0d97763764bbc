"""Everything that only a GPU can show, in one call; needs no network.

    python -m tests.gpu.run_all --out DIR

Writes DIR/gpu.json and DIR/gpu.md and prints the table. What is missing (a GPU, nvcc, TensorRT, torchvision, pycuda) is
a row "not run" with its reason; the exit code is 1 only if something FAILED. A goal that is missed is told as such and
is no failure.
"""

from __future__ import annotations

import argparse
import logging
import sys
import tempfile
import time
from pathlib import Path

from tests.gpu.engine_sections import Engines, tell_latency, tell_outputs
from tests.gpu.kernel_sections import tell_correctness, tell_speed
from tests.gpu.machine import tell_machine
from tests.gpu.rows import Report, markdown

SECTIONS = ("machine", "kernel, correct", "kernel, time", "engine", "latency")
FEWEST_REPEATS = 20


def run_all(out: Path, repeats: int) -> Report:
    """Run every section; none can keep the next from running."""
    report = Report(out=out)
    with tempfile.TemporaryDirectory(prefix="leukoedge-gpu-") as folder:
        engines = Engines(folder=Path(folder))
        work = (
            lambda: tell_machine(report),
            lambda: tell_correctness(report),
            lambda: tell_speed(report, repeats),
            lambda: tell_outputs(report, engines),
            lambda: tell_latency(report, engines, repeats),
        )
        for section, tell in zip(SECTIONS, work, strict=True):
            start = time.perf_counter()
            report.attempt(section, "all of it", tell)
            report.write()
            sys.stderr.write(f"{section}: {time.perf_counter() - start:.0f} s\n")
    return report


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, required=True, help="folder for gpu.json and gpu.md")
    parser.add_argument("--repeats", type=int, default=200, help="timed launches and frames of each kind")
    options = parser.parse_args(arguments)
    if options.repeats < FEWEST_REPEATS:
        parser.error(f"--repeats {options.repeats} are too few for a median; give {FEWEST_REPEATS} or more")
    logging.basicConfig(level=logging.WARNING, format="%(name)s: %(message)s")
    report = run_all(options.out, options.repeats)
    sys.stdout.write(markdown(report.rows))
    return 1 if report.failed else 0


if __name__ == "__main__":
    sys.exit(main())
