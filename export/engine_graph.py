"""The model file's graph as an engine takes it: fixed shapes, RoIAlign as our plugin or as plain operations."""

from __future__ import annotations

from typing import Literal

import onnx
import onnx.inliner
from onnx import TensorProto, helper

from edge.errors import ModelError
from edge.spec import METADATA_KEY, ModelSpec
from export.node_names import BOX_ROI_ALIGN, MASK_ROI_ALIGN, SLOTS_TO_COMPUTE, SLOTS_TO_KEEP

RoiAlign = Literal["plugin", "plain"]
PLUGIN_NAME, PLUGIN_VERSION, PLUGIN_NAMESPACE = "MultilevelRoiAlign", "1", "leukoedge"


def engine_graph(model: onnx.ModelProto, roi_align: RoiAlign) -> onnx.ModelProto:
    """A copy of the model (float32, float16, with or without Q/DQ) for an engine.

    All of its slots are computed and put out, so that every shape is fixed: boxes [S, 4], scores [S], masks [S, m, m].

    Raises
    ------
    ModelError : the model has no spec or not the nodes that its export puts in
    """
    model = onnx.ModelProto.FromString(model.SerializeToString())
    spec = spec_of(model)
    _fix_slots(model.graph, spec)
    aligned = [node for node in model.graph.node if node.op_type in (BOX_ROI_ALIGN, MASK_ROI_ALIGN)]
    if len(aligned) != 2:
        raise ModelError(
            f"the model has {len(aligned)} RoIAlign nodes instead of two, so an older version exported it; export it "
            "again with `python -m export onnx`"
        )
    if roi_align == "plugin":
        for node in aligned:
            _make_plugin(node)
    else:
        _cast_around(model.graph, aligned)
        model = onnx.inliner.inline_local_functions(model)
    del model.functions[:]
    return model


def spec_of(model: onnx.ModelProto) -> ModelSpec:
    """What the model file says of itself; raises ModelError if it says nothing."""
    for item in model.metadata_props:
        if item.key == METADATA_KEY:
            return ModelSpec.from_json(item.value)
    raise ModelError("the model says nothing of itself; give a file written by `python -m export onnx`")


def _fix_slots(graph: onnx.GraphProto, spec: ModelSpec) -> None:
    """Take out the selection of slots: every Gather that follows it becomes an Identity."""
    selected: set[str] = set()
    nodes = []
    for node in graph.node:
        if node.op_type in (SLOTS_TO_COMPUTE, SLOTS_TO_KEEP) or (
            node.op_type == "Reshape" and node.input[0] in selected
        ):
            selected.update(node.output)
            continue
        follows = node.op_type == "Gather" and node.input[1] in selected
        nodes.append(helper.make_node("Identity", node.input[:1], node.output, node.name) if follows else node)
    del graph.node[:]
    graph.node.extend(nodes)
    for item in (*graph.value_info, *graph.output):
        for dim in item.type.tensor_type.shape.dim:
            if dim.dim_param:  # the only open dimension of the file is the number of cells
                dim.dim_value = spec.slots
    known = [item for item in graph.value_info if item.name not in selected]
    del graph.value_info[:]
    graph.value_info.extend(known)


def _make_plugin(node: onnx.NodeProto) -> None:
    """The same node under the plugin's name; its attributes are the plugin's fields already."""
    node.op_type = PLUGIN_NAME
    node.attribute.extend(
        [
            helper.make_attribute("plugin_version", PLUGIN_VERSION),
            helper.make_attribute("plugin_namespace", PLUGIN_NAMESPACE),
        ]
    )


def _cast_around(graph: onnx.GraphProto, aligned: list[onnx.NodeProto]) -> None:
    """The plain definition computes in float32: cast float16 features on the way in and back on the way out."""
    types = {item.name: item.type.tensor_type.elem_type for item in graph.value_info}
    for node in aligned:
        if types.get(node.output[0]) != TensorProto.FLOAT16:
            continue
        place = list(graph.node).index(node)
        output = node.output[0]
        before = [
            helper.make_node("Cast", [name], [f"{node.name}/{i}"], f"{node.name}/Cast#{i}", to=TensorProto.FLOAT)
            for i, name in enumerate(node.input[:-1])
        ]
        node.input[:] = [*(cast.output[0] for cast in before), node.input[-1]]
        node.output[0] = f"{node.name}/float"
        after = helper.make_node("Cast", [node.output[0]], [output], f"{node.name}/Cast", to=TensorProto.FLOAT16)
        graph.node.insert(place + 1, after)
        for cast in reversed(before):
            graph.node.insert(place, cast)
