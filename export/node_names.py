"""Names of the nodes of our own in an exported graph.

Each is a model-local function of the ONNX file: ONNX Runtime runs its definition (`export.definitions`), the engine's
graph replaces it (`export.engine_graph`).

* `BoxRoiAlign`, `MaskRoiAlign`: (levels..., ROIs [R, 4]) -> [R, C, bins, bins]; in TensorRT our plugin.
* `SlotsToCompute`: scores [S] -> indices int64 [N] of the slots whose mask is worth computing.
* `SlotsToKeep`: scores [N] -> indices int64 [M] of those that leave the graph. An engine puts out all slots.
"""

DOMAIN = "leukoedge"
BOX_ROI_ALIGN, MASK_ROI_ALIGN = "BoxRoiAlign", "MaskRoiAlign"
SLOTS_TO_COMPUTE, SLOTS_TO_KEEP = "SlotsToCompute", "SlotsToKeep"
