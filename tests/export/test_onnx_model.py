"""Export of the shipped weights and its comparison with PyTorch."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
import torch

from edge.errors import ModelError
from edge.preprocess import preprocess
from edge.segmenters import open_segmenter
from edge.simulator import SmearParameters, draw_field
from edge.spec import METADATA_KEY, ModelSpec
from export.__main__ import main
from export.onnx_model import LARGEST_IR_VERSION, export_onnx
from export.parity import check_parity, parity_pictures
from train.checkpoint import load_model, save_weights
from train.inference import model_spec, run_network

SHIPPED = Path(__file__).parents[2] / "train" / "weights" / "leukocytemask-edge.safetensors"


@pytest.fixture(scope="module")
def checkpoint() -> Path:
    return SHIPPED


@pytest.fixture(scope="module")
def exported(checkpoint: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("export") / "model.onnx"
    report = export_onnx(checkpoint, out, threshold=0.4)
    assert report.cells >= 50
    assert report.pictures >= 20
    return out


def test_the_file_describes_itself_and_is_read_by_old_runtimes(exported: Path) -> None:
    proto = onnx.load(exported)
    spec = ModelSpec.from_json(next(p.value for p in proto.metadata_props if p.key == METADATA_KEY))
    assert (spec.input_width, spec.input_height, spec.threshold) == (512, 384, 0.4)
    assert proto.ir_version <= LARGEST_IR_VERSION
    onnx.checker.check_model(proto)


def test_an_input_that_was_not_traced_gives_what_pytorch_gives(checkpoint: Path, exported: Path) -> None:
    model, _ = load_model(checkpoint)
    session = onnxruntime.InferenceSession(exported, providers=["CPUExecutionProvider"])
    for seed in range(3):
        image, _ = draw_field(SmearParameters(seed=90 + seed, density=10, white_cell_px=70, stain="random"), 512, 384)
        tensor, _ = preprocess(image, model_spec(model.config))
        boxes, scores, masks = session.run(["boxes", "scores", "masks"], {"image": tensor})
        wanted = run_network(model, tensor)
        assert len(scores) > 0
        assert len(scores) == len(wanted.scores)
        np.testing.assert_allclose(boxes, wanted.boxes, atol=0.1)
        np.testing.assert_allclose(scores, wanted.scores, atol=1e-3)
        np.testing.assert_allclose(masks, wanted.masks, atol=1e-3)


def test_a_frame_without_cells_gives_empty_outputs(checkpoint: Path, tmp_path: Path) -> None:
    model, _ = load_model(checkpoint)
    with torch.no_grad():
        model.localization.score.bias.fill_(-50.0)
    tensor = np.zeros((1, 3, 384, 512), np.float32)
    outputs = run_network(model, tensor)
    assert outputs.boxes.shape == (0, 4)
    assert outputs.masks.shape == (0, 56, 56)
    path = tmp_path / "blind.safetensors"
    save_weights(path, model.state_dict(), model.config, {})
    with pytest.raises(ModelError, match="cannot be checked: the network finds 0 cells"):
        export_onnx(path, tmp_path / "blind.onnx", threshold=0.5)
    assert list(tmp_path.glob("*.onnx")) == []


def test_a_graph_of_other_weights_is_refused(checkpoint: Path, exported: Path) -> None:
    model, _ = load_model(checkpoint)
    with torch.no_grad():
        model.mask.logits.bias.add_(0.5)
    with pytest.raises(ModelError, match="differs from the network"):
        check_parity(model, model_spec(model.config, 0.4), exported, parity_pictures(None))


def test_the_runtime_opens_it(exported: Path) -> None:
    segmenter = open_segmenter(exported, threads=1)
    outputs = segmenter.segment(np.zeros((1, 3, 384, 512), np.float32))
    assert outputs.masks.shape[1:] == (56, 56)
    assert len(outputs.boxes) == len(outputs.scores) == len(outputs.masks) <= segmenter.spec.slots
    assert (np.diff(outputs.scores) <= 0).all()
    segmenter.close()


def test_user_errors_end_with_a_sentence_and_the_documented_code(
    tmp_path: Path, checkpoint: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    noise = tmp_path / "noise.safetensors"
    noise.write_bytes(b"not weights")
    assert main(["onnx", str(noise), "--out", str(tmp_path / "m.onnx")]) == 5
    assert main(["onnx", str(tmp_path / "none.safetensors"), "--out", str(tmp_path / "m.onnx")]) == 5
    assert main(["onnx", str(checkpoint), "--out", str(tmp_path / "m.bin")]) == 3
    assert main(["onnx", str(checkpoint), "--out", str(tmp_path / "m.onnx"), "--pictures", str(noise)]) == 3
    lines = capsys.readouterr().err.strip().splitlines()
    assert len(lines) == 4
    assert all(line.startswith("edge-export: ") for line in lines)
