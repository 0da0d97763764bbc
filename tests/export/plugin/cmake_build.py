"""Running CMake on the repository."""

from __future__ import annotations

import subprocess
from collections.abc import Sequence
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[3]
TIMEOUT_S = 500


def configure(build_dir: Path, options: Sequence[str]) -> str:
    """Configure a release build below `build_dir` and return what CMake said.

    Raises
    ------
    RuntimeError
        with CMake's output
    """
    return _run(["cmake", "-S", str(REPOSITORY), "-B", str(build_dir), "-DCMAKE_BUILD_TYPE=Release", *options])


def build(build_dir: Path, targets: Sequence[str]) -> Path:
    """Build targets and return the folder of their libraries; raises RuntimeError with the compiler's output."""
    _run(["cmake", "--build", str(build_dir), "--target", *targets])
    return build_dir / "export" / "plugin"


def _run(command: list[str]) -> str:
    run = subprocess.run(command, capture_output=True, text=True, check=False, timeout=TIMEOUT_S)
    if run.returncode != 0:
        raise RuntimeError(f"{' '.join(command)} failed:\n{run.stdout}{run.stderr}")
    return run.stdout
