"""What the packaged model must do, on simulated and on real smears."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from edge.geometry import paste_mask
from edge.postprocess import postprocess
from edge.preprocess import preprocess
from edge.segmenters import Segmenter, open_segmenter, packaged_model
from edge.simulator import SmearParameters, draw_field
from edge.types import Image, Instances

LARGEST_MODEL_BYTES = 20_000_000


@pytest.fixture(scope="module")
def segmenter() -> Segmenter:
    return open_segmenter(None)


def segment(segmenter: Segmenter, image: Image) -> Instances:
    tensor, letterbox = preprocess(image, segmenter.spec)
    return postprocess(segmenter.segment(tensor), letterbox, segmenter.spec)


def noise(spread: float) -> Image:
    return np.clip(np.random.default_rng(0).normal(128, spread, (768, 1024, 3)), 0, 255).astype(np.uint8)


BLANK = {
    "white": np.full((1536, 2048, 3), 255, np.uint8),
    "black": np.zeros((1536, 2048, 3), np.uint8),
    "grey": np.full((480, 640, 3), 128, np.uint8),
    "noise": noise(60),
    "faint noise": noise(8),
    "one pixel": np.zeros((1, 1, 3), np.uint8),
}


@pytest.mark.parametrize("name", BLANK)
def test_a_frame_without_specimen_gives_no_cell(segmenter: Segmenter, name: str) -> None:
    assert len(segment(segmenter, BLANK[name])) == 0


@pytest.mark.parametrize("stain", ["wright", "giemsa", "rapid", "dull"])
def test_a_field_of_red_cells_alone_gives_no_cell(segmenter: Segmenter, stain: str) -> None:
    for seed in range(3):
        image, truth = draw_field(SmearParameters(seed=seed, density=0, stain=stain), 2048, 1536)
        assert truth == ()
        assert len(segment(segmenter, image)) == 0


def test_simulated_cells_are_outlined(segmenter: Segmenter) -> None:
    """Cells well inside the picture, of stains that the demo shows: each is found, with a good outline."""
    ious = []
    for seed in range(6):
        image, truth = draw_field(SmearParameters(seed=500 + seed, density=3), 2048, 1536)
        instances = segment(segmenter, image)
        for cell in truth:
            x0, y0, x1, y1 = cell.bbox
            if x0 == 0 or y0 == 0 or x1 == 2048 or y1 == 1536:
                continue
            wanted = np.zeros(image.shape[:2], bool)
            wanted[y0:y1, x0:x1] = cell.mask
            best = 0.0
            for mask, box in zip(instances.masks, instances.mask_boxes, strict=True):
                patch = paste_mask(mask, box, 2048, 1536)
                given = np.zeros_like(wanted)
                given[patch.window] = patch.values >= segmenter.spec.mask_threshold
                best = max(best, float((wanted & given).sum() / (wanted | given).sum()))
            ious.append(best)
    assert len(ious) >= 10
    assert np.mean(np.array(ious) > 0.5) >= 0.95
    assert np.median(ious) > 0.9


def test_the_file_is_small_enough_to_ship() -> None:
    assert packaged_model().stat().st_size <= LARGEST_MODEL_BYTES


@pytest.fixture(scope="module")
def summaries(data_root: Path) -> dict:
    """The test part of the published split, judged at the shipped threshold."""
    pytest.importorskip("torch", reason="the judge is part of the trainer, which needs PyTorch")
    from train.data.open import read_datasets
    from train.data.splits import read_split
    from train.evaluate import evaluate, onnx_segment
    from train.report import summarise

    samples = [s for s in read_datasets([data_root]) if s.annotated]
    split = read_split(Path(__file__).parents[3] / "train" / "splits" / "published.json", samples)
    chosen = [s for s in split.test if s.dataset != "dranet"]
    return summarise(evaluate(onnx_segment(packaged_model()), chosen, progress=False))


@pytest.mark.parametrize("dataset", ["dataset1", "dataset2", "bcisc-sub"])
def test_crops_of_the_test_part_are_outlined_well(summaries: dict, dataset: str) -> None:
    metrics = summaries[dataset].metrics
    assert metrics["dice"].value >= 0.96
    assert metrics["miou"].value >= 0.94


def test_fields_of_the_test_part_lose_and_invent_few_cells(summaries: dict) -> None:
    fields = summaries["bcisc-field"]
    assert fields.recall.value >= 0.95
    assert fields.false_per_image.value <= 0.2
