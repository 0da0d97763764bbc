"""Which package may import which."""

from __future__ import annotations

import pkgutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
TRAINING = ("torch", "torchvision", "matplotlib", "scipy")
FORBIDDEN = {"edge": (*TRAINING, "onnx"), "calib": TRAINING, "firmware_bridge": (*TRAINING, "onnx")}


def test_the_contracts_of_pyproject_hold() -> None:
    pytest.importorskip("importlinter", reason="import-linter is a development tool: pip install '.[dev]'")
    command = [sys.executable, "-c", "from importlinter.cli import lint_imports_command as run; run()", "--no-cache"]
    outcome = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert outcome.returncode == 0, outcome.stdout + outcome.stderr
    assert "3 kept, 0 broken" in outcome.stdout


@pytest.mark.parametrize("package", list(FORBIDDEN))
def test_importing_all_of_a_runtime_package_loads_no_training_library(package: str) -> None:
    folder = ROOT / package
    modules = [package, *(m.name for m in pkgutil.walk_packages([str(folder)], f"{package}."))]
    modules = [name for name in modules if not name.endswith("__main__")]
    imports = "; ".join(f"import {name}" for name in modules)
    code = f"import sys; {imports}; print([n for n in {FORBIDDEN[package]} if n in sys.modules])"
    outcome = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)
    assert outcome.returncode == 0, outcome.stderr
    assert outcome.stdout.strip() == "[]"


def test_engines_are_built_and_verified_without_a_training_library() -> None:
    code = "import sys, export.engine_command, export.verify_command; "
    code += f"print([n for n in {TRAINING} if n in sys.modules])"
    outcome = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)
    assert outcome.returncode == 0, outcome.stderr
    assert outcome.stdout.strip() == "[]"
