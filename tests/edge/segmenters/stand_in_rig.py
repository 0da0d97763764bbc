"""The stand-ins in the place of pycuda, cuda-python and TensorRT."""

from __future__ import annotations

import gc
import importlib

import pytest

from edge.segmenters import cuda_graph, pycuda_driver, tensorrt_library
from tests.edge.segmenters.stand_in_gpu import Gpu, make_cuda_bindings, make_pycuda
from tests.edge.segmenters.stand_in_tensorrt import make_tensorrt


class Rig:
    """A machine; `tensorrt` goes to `make_tensorrt`, and an entry of `modules` that is None cannot be imported."""

    def __init__(self, monkeypatch, gpu: Gpu, **tensorrt):
        self.gpu = gpu
        self.modules = {
            "pycuda.driver": make_pycuda(gpu),
            "cuda.bindings.driver": make_cuda_bindings(gpu),
            "tensorrt": make_tensorrt(gpu, **tensorrt),
            "tensorrt_rtx": None,
        }
        real = importlib.import_module
        fake = lambda name: self._import(name) if name in self.modules else real(name)  # noqa: E731
        for user in (pycuda_driver, tensorrt_library, cuda_graph):
            monkeypatch.setattr(user.importlib, "import_module", fake)

    def _import(self, name):
        if self.modules[name] is None:
            raise ModuleNotFoundError(f"No module named '{name}'")
        return self.modules[name]

    @property
    def journal(self) -> list[str]:
        return self.gpu.journal

    def assert_nothing_is_left(self):
        gc.collect()
        assert [line for line in self.journal if "BROKEN" in line] == []
        assert (self.gpu.stack, self.gpu.memory, self.gpu.streams, self.gpu.alive) == ([], {}, {}, set())
        assert not self.gpu.context_alive


def one_sentence(error: pytest.ExceptionInfo[BaseException]) -> str:
    """The text of an error, which must be a single line."""
    text = str(error.value)
    assert "\n" not in text
    return text
