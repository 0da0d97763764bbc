"""A real ONNX model of a few operators that finds dark tiles: what the runtime's tests run instead of a trained one."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from edge.spec import METADATA_KEY, ModelSpec

WIDTH, HEIGHT, TILE, MASK = 128, 96, 32, 4

SPEC = ModelSpec(
    name="tiny-dark-tiles",
    preset="edge",
    input_width=WIDTH,
    input_height=HEIGHT,
    mean=(0.0, 0.0, 0.0),
    std=(255.0, 255.0, 255.0),
    max_upscale=1.0,
    pad_rgb=(255, 255, 255),
    slots=8,
    score_floor=0.25,
    threshold=0.5,
    mask_size=MASK,
    mask_margin=0.0,
    cell_px=(8.0, 64.0),
)


def write_tiny_model(path: Path, spec: ModelSpec | None = SPEC, masks_name: str = "masks") -> Path:
    """Write the model: each tile of 32x32 network px is a cell of score 1 - its mean brightness; the 8 best at or above
    0.25, best first, each with a mask of ones. `spec` None leaves the metadata out."""
    columns, rows = WIDTH // TILE, HEIGHT // TILE
    left_top = np.array([(TILE * c, TILE * r) for r in range(rows) for c in range(columns)], np.float32)
    constants = {
        "tiles": np.concatenate([left_top, left_top + TILE], axis=1),
        "one": np.array(1, np.float32),
        "floor": np.array(SPEC.score_floor, np.float32),
        "flat": np.array([-1], np.int64),
        "slots": np.array([SPEC.slots], np.int64),
        "mask": np.ones((1, MASK, MASK), np.float32),
        "mask_tail": np.array([MASK, MASK], np.int64),
    }
    node = helper.make_node
    nodes = [
        node("ReduceMean", ["image"], ["grey"], axes=[1], keepdims=1),
        node("AveragePool", ["grey"], ["brightness"], kernel_shape=[TILE, TILE], strides=[TILE, TILE]),
        node("Sub", ["one", "brightness"], ["darkness"]),
        node("Reshape", ["darkness", "flat"], ["all_scores"]),
        node("TopK", ["all_scores", "slots"], ["top_scores", "top"]),
        node("GreaterOrEqual", ["top_scores", "floor"], ["kept"]),
        node("Compress", ["top_scores", "kept"], ["scores"], axis=0),
        node("Compress", ["top", "kept"], ["kept_tiles"], axis=0),
        node("Gather", ["tiles", "kept_tiles"], ["boxes"], axis=0),
        node("Shape", ["scores"], ["count"]),
        node("Concat", ["count", "mask_tail"], ["mask_shape"], axis=0),
        node("Expand", ["mask", "mask_shape"], [masks_name]),
    ]
    graph = helper.make_graph(
        nodes,
        "tiny",
        [helper.make_tensor_value_info("image", TensorProto.FLOAT, [1, 3, HEIGHT, WIDTH])],
        [
            helper.make_tensor_value_info("boxes", TensorProto.FLOAT, ["N", 4]),
            helper.make_tensor_value_info("scores", TensorProto.FLOAT, ["N"]),
            helper.make_tensor_value_info(masks_name, TensorProto.FLOAT, ["N", MASK, MASK]),
        ],
        [numpy_helper.from_array(value, name) for name, value in constants.items()],
    )
    # Opset 17 and IR version 8: what the oldest supported ONNX Runtime reads.
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    if spec is not None:
        helper.set_model_props(model, {METADATA_KEY: spec.to_json()})
    onnx.save(model, str(path))
    return path
