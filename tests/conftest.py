"""Fixtures of all tests."""

from __future__ import annotations

import os
from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def data_root() -> Path:
    """The folder of real blood-smear pictures: LEUKOEDGE_DATA, or `shared/data` beside the repository."""
    beside = Path(__file__).resolve().parents[2] / "shared" / "data"
    folder = Path(os.environ.get("LEUKOEDGE_DATA", beside))
    if not folder.is_dir():
        pytest.skip(f"needs the published data sets: set LEUKOEDGE_DATA to their folder ({folder} does not exist)")
    return folder
