"""Skips what needs a GPU where there is none."""

from __future__ import annotations

import pytest

from tests.gpu.gpu_memory import Gpu, open_gpu
from tests.gpu.machine import why_no_gpu
from tests.gpu.rows import NotRun


@pytest.fixture(scope="session")
def gpu() -> Gpu:
    """Memory and events of the first GPU."""
    if reason := why_no_gpu():
        pytest.skip(reason)
    try:
        return open_gpu()
    except NotRun as reason:
        pytest.skip(str(reason))
