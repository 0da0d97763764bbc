"""The second route: its errors here, and its whole way with a stand-in for Torch-TensorRT on the CPU."""

from __future__ import annotations

import importlib.util
import sys
import types
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from edge.errors import BackendMissingError, ModelError
from edge.simulator import SmearParameters, draw_field
from edge.types import Image
from export import torch_tensorrt_route
from export.torch_tensorrt_route import torch_tensorrt_segment
from train.checkpoint import load_model
from train.inference import torch_segment

SHIPPED = Path(__file__).parents[2] / "train" / "weights" / "leukocytemask-edge.safetensors"

Calls = list[dict[str, Any]]


@pytest.fixture(scope="module")
def picture() -> Image:
    image, truth = draw_field(SmearParameters(seed=9, density=8.0), 1024, 768)
    assert len(truth) > 1
    return image


def put_in_place(monkeypatch: pytest.MonkeyPatch, compile_: Callable[..., Any]) -> None:
    """A Torch-TensorRT whose `dynamo.compile` is `compile_`, on a "GPU" that is the CPU."""
    module = types.ModuleType("torch_tensorrt")
    module.dynamo = types.SimpleNamespace(compile=compile_)  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "torch_tensorrt", module)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch_tensorrt_route, "DEVICE", "cpu")


def recent(calls: Calls) -> Callable[..., Any]:
    """As from 2.8: an explicitly typed network, whose `enabled_precisions` must be left alone; several outputs come
    as a tuple, one comes in a tuple too."""

    def compile_(
        exported: Any,
        inputs: Any = None,
        *,
        enabled_precisions: Any = None,
        disable_tf32: bool = False,
        min_block_size: int = 5,
        use_explicit_typing: bool = True,
    ) -> Any:
        assert enabled_precisions is None
        calls.append(
            {"types": {tensor.dtype for tensor in inputs}, "typed": use_explicit_typing, "tf32": not disable_tf32}
        )
        run = exported.module()

        def compiled(*tensors: torch.Tensor) -> tuple[torch.Tensor, ...]:
            outputs = run(*tensors)
            return (outputs,) if isinstance(outputs, torch.Tensor) else tuple(outputs)

        return compiled

    return compile_


def old(calls: Calls) -> Callable[..., Any]:
    """As before 2.3: no explicit typing."""

    def compile_(exported: Any, inputs: Any, *, enabled_precisions: Any = None, min_block_size: int = 5) -> Any:
        calls.append({"precisions": enabled_precisions})
        return exported.module()

    return compile_


def test_float32_engines_find_what_pytorch_finds(monkeypatch: pytest.MonkeyPatch, picture: Image) -> None:
    calls: Calls = []
    put_in_place(monkeypatch, recent(calls))
    found = torch_tensorrt_segment(SHIPPED, "fp32")(picture)
    wanted = torch_segment(load_model(SHIPPED)[0])(picture)
    assert len(found.scores) == len(wanted.scores) > 1
    np.testing.assert_allclose(found.boxes, wanted.boxes, atol=0.05)
    np.testing.assert_allclose(found.scores, wanted.scores, atol=1e-3)
    np.testing.assert_allclose(found.masks, wanted.masks, atol=1e-3)
    assert calls == [{"types": {torch.float32}, "typed": True, "tf32": False}] * 4


def test_float16_engines_get_float16_parts(monkeypatch: pytest.MonkeyPatch, picture: Image) -> None:
    calls: Calls = []
    put_in_place(monkeypatch, recent(calls))
    found = torch_tensorrt_segment(SHIPPED, "fp16")(picture)
    wanted = torch_segment(load_model(SHIPPED)[0])(picture)
    assert calls == [{"types": {torch.float16}, "typed": True, "tf32": True}] * 4
    assert len(found.scores) == len(wanted.scores)
    assert found.masks.dtype == np.float32
    # cells of nearly the same score may change places
    by_place = (boxes[boxes[:, 0].argsort()] for boxes in (found.boxes, wanted.boxes))
    np.testing.assert_allclose(*by_place, atol=3.0)


def test_a_version_without_explicit_typing_is_told_the_precisions(monkeypatch: pytest.MonkeyPatch) -> None:
    calls: Calls = []
    put_in_place(monkeypatch, old(calls))
    torch_tensorrt_segment(SHIPPED, "fp16")
    assert calls == [{"precisions": {torch.float16, torch.float32}}] * 4


def test_an_empty_picture_has_no_cells(monkeypatch: pytest.MonkeyPatch) -> None:
    put_in_place(monkeypatch, recent([]))
    found = torch_tensorrt_segment(SHIPPED, "fp32")(np.full((384, 512, 3), 255, np.uint8))
    assert (found.boxes.shape, found.masks.shape[0]) == ((0, 4), 0)


def test_a_part_that_does_not_compile_is_one_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    def compile_(exported: Any, inputs: Any) -> Any:
        raise AssertionError("no converter\nfor aten.topk")

    put_in_place(monkeypatch, compile_)
    with pytest.raises(
        ModelError, match=r"failed on the part 'backbone' of .*AssertionError: no converter for aten.topk"
    ):
        torch_tensorrt_segment(SHIPPED, "fp16")


def test_a_file_that_is_no_checkpoint_is_told(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    put_in_place(monkeypatch, recent([]))
    with pytest.raises(ModelError, match="there is no checkpoint"):
        torch_tensorrt_segment(tmp_path / "none.safetensors", "fp16")


@pytest.mark.skipif(importlib.util.find_spec("torch_tensorrt") is not None, reason="Torch-TensorRT is installed")
def test_where_torch_tensorrt_is_missing_one_sentence_says_what_to_install() -> None:
    with pytest.raises(BackendMissingError, match=r"cannot be imported .*`pip install torch-tensorrt`.*2\.8") as caught:
        torch_tensorrt_segment(SHIPPED, "fp16")
    assert caught.value.exit_code == 9


def test_where_pytorch_sees_no_gpu_one_sentence_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    put_in_place(monkeypatch, recent([]))
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(BackendMissingError, match=r"needs an NVIDIA GPU but PyTorch .* sees none"):
        torch_tensorrt_segment(SHIPPED, "fp32")
