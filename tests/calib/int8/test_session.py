"""The exact mode of ONNX Runtime, and its errors."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest

from calib.int8 import session
from calib.int8.session import EXACT_KEY, Network, int8_mode, load_model, sums_are_exact
from edge.errors import ModelError
from edge.preprocess import preprocess
from edge.segmenters import open_segmenter
from tests.calib.int8.tiny_network import write_tiny_network
from tests.edge.examples import smear
from tests.tiny_model import SPEC


def test_the_sums_are_exact_in_the_mode_that_is_named() -> None:
    mode = int8_mode()
    assert f"{EXACT_KEY}=1 (its sums are exact here)" in mode
    assert onnxruntime.__version__ in mode


class Saturating:
    """What a CPU without VNNI gives: 32 pairs of u8 times s8 that stop at 32767, less the shift of the zero point."""

    def run(self, outputs: list[str], feeds: dict[str, Any]) -> list[Any]:
        total = 32 * 32767 - 128 * 127 * 64
        return [np.full(feeds["ones"].shape, total / 127**2, np.float32)]


def test_saturated_sums_are_recognised_and_said(monkeypatch: pytest.MonkeyPatch) -> None:
    assert not sums_are_exact(Saturating())  # type: ignore[arg-type]
    monkeypatch.setattr(session, "Network", lambda *_, **__: Saturating())
    assert "NOT exact" in int8_mode()


def test_the_exact_mode_is_asked_of_onnxruntime_only_where_wanted(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    asked: list[str] = []

    class Recording:
        def __init__(self, _: bytes, options: onnxruntime.SessionOptions, **_options: object) -> None:
            try:
                asked.append(options.get_session_config_entry(EXACT_KEY))
            except RuntimeError:
                asked.append("not set")

    monkeypatch.setattr(session.onnxruntime, "InferenceSession", Recording)
    model = onnx.load(write_tiny_network(tmp_path / "m.onnx"))
    Network(model, exact=True)
    Network(model)
    assert asked == ["1", "not set"]


def test_the_network_gives_what_the_runtime_gives(tmp_path: Path) -> None:
    path = write_tiny_network(tmp_path / "m.onnx")
    tensor, _ = preprocess(smear([(1, 0), (3, 2)]), SPEC)
    wanted = open_segmenter(path, threads=1).segment(tensor)
    given = Network(load_model(path), threads=1).segment(tensor, SPEC)
    np.testing.assert_array_equal(given.boxes, wanted.boxes)
    np.testing.assert_array_equal(given.scores, wanted.scores)
    assert len(given.scores) == 2


def test_slots_below_the_score_floor_are_no_cells(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    network = Network(load_model(write_tiny_network(tmp_path / "m.onnx")), threads=1)
    raw = [np.zeros((3, 4), np.float32), np.array([0.9, 0.25, 0.0], np.float32), np.zeros((3, 4, 4), np.float32)]
    monkeypatch.setattr(network, "run", lambda *_: raw)
    found = network.segment(np.zeros((1, 3, 96, 128), np.float32), SPEC)
    assert found.scores.tolist() == [np.float32(0.9), 0.25]
    assert (len(found.boxes), len(found.masks)) == (2, 2)


def test_what_is_no_model_is_refused_in_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "m.onnx").write_bytes(b"no model")
    for path in (tmp_path / "m.onnx", tmp_path / "none.onnx"):
        with pytest.raises(ModelError, match="cannot be read as an ONNX model"):
            load_model(path)
    with pytest.raises(ModelError, match="cannot load the model") as caught:
        Network(onnx.ModelProto())
    assert "\n" not in str(caught.value)


def test_a_failing_run_is_a_model_error(tmp_path: Path) -> None:
    network = Network(load_model(write_tiny_network(tmp_path / "m.onnx")), threads=1)
    with pytest.raises(ModelError, match="failed to run"):
        network.run(["scores"], {"image": np.zeros((1, 3, 5, 5), np.float32)})
