"""The graph with plugin nodes means what the plain graph means: the plugin's arithmetic runs in the nodes' place."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import onnxruntime
from numpy.typing import NDArray

from calib.int8.qdq import insert_qdq
from export.engine_graph import engine_graph
from export.half import to_half
from tests.export.host_graph import run_plugin_graph, same_cells


def run_plain(model: onnx.ModelProto, tensor: NDArray[np.float32]) -> list[NDArray[np.float32]]:
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    session = onnxruntime.InferenceSession(
        engine_graph(model, "plain").SerializeToString(), options, providers=["CPUExecutionProvider"]
    )
    outputs: list[NDArray[np.float32]] = session.run(["boxes", "scores", "masks"], {"image": tensor})
    return outputs


def test_the_plugin_graph_equals_the_plain_one_in_float32(
    host_library: Path, packaged: onnx.ModelProto, tensors: list[NDArray[np.float32]]
) -> None:
    graph = engine_graph(packaged, "plugin")
    for tensor in tensors:
        wanted, given = run_plain(packaged, tensor), run_plugin_graph(graph, tensor)
        np.testing.assert_allclose(given[1], wanted[1], atol=1e-4)
        found = wanted[1] >= 0.05
        order = same_cells(given, wanted[0][found])
        assert len(set(order)) == found.sum()
        for want, have in zip(wanted, given, strict=True):
            np.testing.assert_allclose(have[order], want[found], atol=1e-4)


def test_the_plugin_graph_equals_the_plain_one_in_float16_and_int8(
    host_library: Path, packaged: onnx.ModelProto, ranges: dict[str, float], tensors: list[NDArray[np.float32]]
) -> None:
    for model in (to_half(packaged), to_half(insert_qdq(packaged, ranges))):
        wanted, given = run_plain(model, tensors[-1]), run_plugin_graph(engine_graph(model, "plugin"), tensors[-1])
        found = wanted[1] >= 0.5
        assert found.sum() >= 5
        order = same_cells(given, wanted[0][found])
        # both round the pooled features to float16, but at different places; a unit in the last place can let another
        # proposal of the same cell win, whose box is a pixel off
        np.testing.assert_allclose(given[0][order], wanted[0][found], atol=2.0)
        np.testing.assert_allclose(given[1][order], wanted[1][found], atol=0.01)
        assert np.abs(given[2][order] - wanted[2][found]).mean() < 0.01
