from __future__ import annotations

import pytest

from tests.edge.segmenters.stand_in_gpu import Gpu
from tests.edge.segmenters.stand_in_rig import Rig


@pytest.fixture
def rig(monkeypatch: pytest.MonkeyPatch) -> Rig:
    """A machine with one stand-in GPU, TensorRT, pycuda and cuda-python."""
    return Rig(monkeypatch, Gpu())
