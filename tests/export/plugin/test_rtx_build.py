"""Real plans with the plugin inside, built by TensorRT-RTX, which needs no GPU for that."""

from __future__ import annotations

import re
from importlib.metadata import version
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from tests.export.plugin.rtx_build import RtxBuild, has_tensorrt_rtx, rtx_build

pytestmark = pytest.mark.skipif(not has_tensorrt_rtx(), reason="needs PyPI's tensorrt-rtx-cu13")

CHANNELS, ROIS, BINS = 64, 10, 7
SHAPES = ((32, 32), (16, 16), (8, 8))
ATTRIBUTES = {
    "strides": [4, 8, 16],
    "first_level": 2,
    "canonical_level": 3,
    "canonical_size": 56.0,
    "bins": BINS,
    "sampling_ratio": 2,
    "plugin_version": "1",
    "plugin_namespace": "leukoedge",
}
SCALE = 0.05


def model(element_type: int, *, quantised: bool = False, levels: int = 3, **changed: object) -> onnx.ModelProto:
    """Three convolutions, the plugin, one convolution; with `quantised`, Q -> plugin -> DQ around the plugin."""
    numpy_type = helper.tensor_dtype_to_np_dtype(element_type)
    rng = np.random.default_rng(0)
    constants = {"scale": np.array(SCALE, dtype=numpy_type), "zero": np.array(0, dtype=np.int8)}
    nodes = [helper.make_node("Cast", ["image"], ["level_in"], to=element_type)]
    features, below, depth = [], "level_in", 3
    for i in range(len(SHAPES)):
        constants[f"weight_{i}"] = (rng.standard_normal((CHANNELS, depth, 3, 3)) * 0.1).astype(numpy_type)
        stride = 4 if i == 0 else 2
        nodes.append(
            helper.make_node("Conv", [below, f"weight_{i}"], [f"level_{i}"], strides=[stride] * 2, pads=[1] * 4)
        )
        below, depth = f"level_{i}", CHANNELS
        if quantised:
            nodes.append(helper.make_node("QuantizeLinear", [f"level_{i}", "scale", "zero"], [f"quantised_{i}"]))
        features.append(f"quantised_{i}" if quantised else f"level_{i}")
    attributes = {name: value for name, value in {**ATTRIBUTES, **changed}.items() if value != ()}
    nodes.append(
        helper.make_node(
            "MultilevelRoiAlign",
            [*features[:levels], "rois"],
            ["pooled"],
            name="roi_align",
            domain="leukoedge",
            **attributes,
        )
    )
    if quantised:
        nodes.append(helper.make_node("DequantizeLinear", ["pooled", "scale", "zero"], ["dequantised"]))
    constants["weight_head"] = (rng.standard_normal((8, CHANNELS, 3, 3)) * 0.1).astype(numpy_type)
    nodes.append(
        helper.make_node("Conv", ["dequantised" if quantised else "pooled", "weight_head"], ["head"], pads=[1] * 4)
    )
    nodes.append(helper.make_node("Cast", ["head"], ["out"], to=TensorProto.FLOAT))
    graph = helper.make_graph(
        nodes,
        "plugin",
        [
            helper.make_tensor_value_info("image", TensorProto.FLOAT, [1, 3, 128, 128]),
            helper.make_tensor_value_info("rois", TensorProto.FLOAT, [ROIS, 4]),
        ],
        [helper.make_tensor_value_info("out", TensorProto.FLOAT, [ROIS, 8, BINS, BINS])],
        [numpy_helper.from_array(value, name) for name, value in constants.items()],
    )
    opsets = [helper.make_opsetid("", 19), helper.make_opsetid("leukoedge", 1)]
    return helper.make_model(graph, opset_imports=opsets, ir_version=9)


def plugin_layer(build: RtxBuild) -> str:
    layers = [line for line in build.layers if "LayerType: custom_layer" in line]
    assert len(layers) == 1, build.layers
    return layers[0]


@pytest.mark.parametrize(
    ("element_type", "quantised", "datatype"),
    [(TensorProto.FLOAT, False, "Float"), (TensorProto.FLOAT16, False, "Half"), (TensorProto.FLOAT16, True, "Int8")],
    ids=["fp32", "fp16", "int8"],
)
def test_the_plugin_is_in_the_plan_in_the_type_of_its_features(
    plugin_library: Path, tmp_path: Path, element_type: int, quantised: bool, datatype: str
) -> None:
    build = rtx_build(model(element_type, quantised=quantised), plugin_library, tmp_path)
    assert build.status == 0, build.errors
    assert build.plan is not None
    assert b"MultilevelRoiAlign" in build.plan
    assert b'custom_layer={ name="roi_align"' in build.plan
    for attribute in ("strides", "first_level", "canonical_level", "canonical_size", "bins", "sampling_ratio"):
        assert attribute.encode() in build.plan, f"{attribute} is not serialised"
    # levels, ROIs, output
    types = re.findall(r"Datatype: (\w+)", plugin_layer(build))
    assert types == [datatype] * 3 + ["Float"] + [datatype]


@pytest.mark.skipif(
    has_tensorrt_rtx() and not version("tensorrt_rtx_cu13").startswith("1.7.1."),
    reason="which formats it takes was seen on TensorRT-RTX 1.7.1",
)
@pytest.mark.parametrize(
    ("quantised", "layout", "reformats"),
    # one per level; that of the output is a part of the dequantisation, where there is one
    [(False, "(Linear)", 4), (True, "(NC/32HW32)", 3)],
    ids=["fp16", "int8"],
)
def test_the_formats_and_how_many_reformats_they_cost(
    plugin_library: Path, tmp_path: Path, quantised: bool, layout: str, reformats: int
) -> None:
    build = rtx_build(model(TensorProto.FLOAT16, quantised=quantised), plugin_library, tmp_path)
    assert plugin_layer(build).count(f"Format: {layout}") == 4 + (layout == "(Linear)")  # the ROIs are linear too
    moved = [line for line in build.layers if re.search(r"Name: __myl_(Tran|Move|Resh)+_", line)]
    assert len(moved) == reformats


def test_the_same_model_gives_the_same_plan(plugin_library: Path, tmp_path: Path) -> None:
    plans = []
    for name in ("first", "second"):
        folder = tmp_path / name
        folder.mkdir()
        plans.append(rtx_build(model(TensorProto.FLOAT16), plugin_library, folder).plan)
    assert plans[0] is not None
    assert plans[0] == plans[1]


@pytest.mark.parametrize(
    ("changed", "sentence"),
    [
        ({"sampling_ratio": 3}, "sampling_ratio is 3, only 2 is implemented"),
        ({"bins": 0}, "bins is 0, 1 to 32 are expected"),
        ({"canonical_size": -1.0}, "canonical_size is -1, a positive number of px is expected"),
        (
            {"canonical_size": 56},
            "the attribute 'canonical_size' has field type 5 and 1 values, one float32 is expected",
        ),
        ({"strides": [4, 8, 0]}, "strides[2] is 0, a positive number of px is expected"),
        ({"strides": list(range(1, 10))}, "the attribute 'strides' holds 9 values, 1 to 8 are expected"),
        ({"bins": ()}, "the attribute 'bins' is missing"),
        (
            {"levels": 2},
            "3 inputs and 1 outputs were given, 3 levels (one per stride) and the ROIs, and 1 output are expected",
        ),
    ],
)
def test_a_faulty_node_is_refused_with_one_line_and_no_abort(
    plugin_library: Path, tmp_path: Path, changed: dict[str, object], sentence: str
) -> None:
    build = rtx_build(model(TensorProto.FLOAT16, **changed), plugin_library, tmp_path)
    assert build.status == 1
    assert build.plan is None
    said = [line for line in build.errors if "leukoedge::MultilevelRoiAlign: " in line]
    # TensorRT-RTX lends its logger to no plugin library: the line then goes to standard error
    assert [line.removeprefix("ERROR ") for line in said] == [f"leukoedge::MultilevelRoiAlign: {sentence}"]


def test_rois_of_another_shape_are_refused(plugin_library: Path, tmp_path: Path) -> None:
    faulty = model(TensorProto.FLOAT16)
    faulty.graph.input[1].type.tensor_type.shape.dim[1].dim_value = 5
    build = rtx_build(faulty, plugin_library, tmp_path)
    assert build.status == 1
    assert any("the last input is not [R, 4] (x0 y0 x1 y1)" in line for line in build.errors)
