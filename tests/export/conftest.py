"""The packaged model as an ONNX graph, and pictures that hold none, few and many cells."""

from __future__ import annotations

import numpy as np
import onnx
import pytest
from numpy.typing import NDArray

from edge.preprocess import preprocess
from edge.segmenters import packaged_model
from edge.simulator import SmearParameters, draw_field
from export.engine_graph import spec_of


@pytest.fixture(scope="session")
def packaged() -> onnx.ModelProto:
    return onnx.load(packaged_model())


@pytest.fixture(scope="session")
def tensors(packaged: onnx.ModelProto) -> list[NDArray[np.float32]]:
    spec = spec_of(packaged)
    fields = [
        draw_field(SmearParameters(seed=seed, density=d), 1024, 768)[0] for seed, d in enumerate((0.0, 4.0, 24.0))
    ]
    return [preprocess(field, spec)[0] for field in fields]


@pytest.fixture(scope="session")
def ranges(packaged: onnx.ModelProto, tensors: list[NDArray[np.float32]]) -> dict[str, float]:
    """The largest magnitude of each tensor that INT8 needs to know, over the few pictures of `tensors`."""
    import onnxruntime

    from calib.int8.qdq import activation_tensors

    names = list(activation_tensors(packaged))
    shown = onnx.ModelProto.FromString(packaged.SerializeToString())
    shown.graph.output.extend(onnx.helper.make_empty_tensor_value_info(name) for name in names)
    session = onnxruntime.InferenceSession(shown.SerializeToString(), providers=["CPUExecutionProvider"])
    seen = [session.run(names, {"image": tensor}) for tensor in tensors]
    return {name: max(float(np.abs(values[i]).max()) for values in seen) for i, name in enumerate(names)}
