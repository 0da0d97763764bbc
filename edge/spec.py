"""ModelSpec: what a model file says of itself, read by every backend."""

from __future__ import annotations

import msgspec

from edge.errors import ModelError

METADATA_KEY = "leukoedge.spec"
SPEC_VERSION = 1


class ModelSpec(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Everything needed to feed a model and to read its outputs.

    Stored as JSON in the model file's own metadata (ONNX `metadata_props`, an engine's sidecar) under `METADATA_KEY`.

    Attributes
    ----------
    name : e.g. "leukocytemask-edge"
    preset : "paper" or "edge"
    input_width, input_height : network input in px
    mean, std : per RGB channel, in 0..255 units: network input = (pixel - mean) / std
    max_upscale : a small picture is enlarged at most this many times to fill the input
    pad_rgb : colour of the letterbox border
    classes : names of the labels
    slots : the most cells that one frame can yield
    score_floor : scores below it never leave the graph; the lowest usable threshold
    threshold : default score threshold, chosen on validation data
    mask_threshold : soft mask value at which a pixel belongs to a cell
    mask_size : m of the [m, m] masks
    mask_margin : the mask grid covers the box grown by this share of its width and height on each side
    cell_px : smallest and largest cell diameter, in network px, that the model can be trusted with
    input_name, boxes_name, scores_name, masks_name : tensor names
    precision : "fp32", "fp16" or "int8"
    version : layout version of this record
    """

    name: str
    preset: str
    input_width: int
    input_height: int
    mean: tuple[float, float, float]
    std: tuple[float, float, float]
    max_upscale: float
    pad_rgb: tuple[int, int, int]
    slots: int
    score_floor: float
    threshold: float
    mask_size: int
    mask_margin: float
    cell_px: tuple[float, float]
    classes: tuple[str, ...] = ("wbc",)
    mask_threshold: float = 0.5
    input_name: str = "image"
    boxes_name: str = "boxes"
    scores_name: str = "scores"
    masks_name: str = "masks"
    precision: str = "fp32"
    version: int = SPEC_VERSION

    def to_json(self) -> str:
        return msgspec.json.encode(self).decode()

    @classmethod
    def from_json(cls, text: str | bytes) -> ModelSpec:
        """Read a record written by `to_json`; raises ModelError if it is not one of this version."""
        try:
            spec = msgspec.json.decode(text, type=cls)
        except msgspec.MsgspecError as error:
            raise ModelError(
                f"the model's description cannot be read ({error}); export the model again with `python -m export onnx`"
            ) from error
        if spec.version != SPEC_VERSION:
            raise ModelError(
                f"the model's description has version {spec.version} but this program reads version {SPEC_VERSION}; "
                "export the model again with `python -m export onnx`"
            )
        return spec
