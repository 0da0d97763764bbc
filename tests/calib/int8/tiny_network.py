"""The tiny model of dark tiles with three convolutions in front, of which the first stays in floating point."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np
import onnx
from onnx import helper, numpy_helper

from calib.int8.qdq import FLOAT_NODES_KEY
from tests.edge.examples import smear
from tests.tiny_model import write_tiny_model

INNER = ("stem_relu", "mixed")
"""Inputs of the quantised layers: both are the picture's channels, each divided by 255."""


def write_tiny_network(path: Path, gain: float = 1.0) -> Path:
    """Write the model; its weights beside the identity are `gain` times 1e-4, so that another gain is another model."""
    write_tiny_model(path)
    model = onnx.load(str(path))
    kept = [node for node in model.graph.node if node.op_type != "ReduceMean"]
    near_identity = (np.eye(3) + 1e-4 * gain).astype(np.float32).reshape(3, 3, 1, 1)
    nodes = [
        helper.make_node("Conv", ["image", "w_stem"], ["stem_out"], "stem"),
        helper.make_node("Relu", ["stem_out"], ["stem_relu"], "stem/Relu"),
        helper.make_node("Conv", ["stem_relu", "w_mix", "b_mix"], ["mixed"], "mix"),
        helper.make_node("Conv", ["mixed", "w_grey"], ["grey"], "grey"),
    ]
    del model.graph.node[:]
    model.graph.node.extend(nodes + kept)
    weights = {
        "w_stem": near_identity,
        "w_mix": near_identity,
        "b_mix": np.zeros(3, np.float32),
        "w_grey": np.full((1, 3, 1, 1), 1 / 3, np.float32),
    }
    model.graph.initializer.extend(numpy_helper.from_array(value, name) for name, value in weights.items())
    model.metadata_props.add(key=FLOAT_NODES_KEY, value=json.dumps(["stem"]))
    onnx.save(model, str(path))
    return path


def write_pictures(folder: Path, count: int) -> Path:
    """Distinct pictures of no, one and two dark tiles, 0.png and on."""
    folder.mkdir(parents=True, exist_ok=True)
    for number in range(count):
        tiles = [(1, 0), (3, 2)][: number % 3]
        assert cv2.imwrite(str(folder / f"{number}.png"), smear(tiles, seed=number))
    return folder
