from __future__ import annotations

import logging
from dataclasses import replace
from pathlib import Path

import cv2
import msgspec
import numpy as np
import pytest

from edge.preprocess import preprocess
from edge.quality import QualityWarnings, assess
from edge.types import Image, Instances, Quality, SegmentedFrame
from tests.edge.examples import frame, instances
from tests.tiny_model import SPEC as TINY

SPEC = msgspec.structs.replace(
    TINY,
    input_width=512,
    input_height=384,
    mean=(123.675, 116.28, 103.53),
    std=(58.395, 57.12, 57.375),
    max_upscale=1.5,
    cell_px=(25.0, 330.0),
)
NO_CELLS = instances([])
SIZES = [(1536, 2048), (384, 512), (120, 120)]


def judge(image: Image, cells: Instances = NO_CELLS) -> Quality:
    tensor, letterbox = preprocess(image, SPEC)
    return assess(tensor, letterbox, cells, SPEC)


def disc_picture(diameter: int = 60) -> Image:
    """A bright field with sharp discs all over it, 512x384: in focus, well lit, of middling size."""
    image = np.full((384, 512, 3), 200, np.uint8)
    for y in range(48, 384, 96):
        for x in range(48, 512, 96):
            cv2.circle(image, (x, y), diameter // 2, (160, 90, 150), -1)
    return image


@pytest.mark.parametrize("size", SIZES)
def test_white_black_noise_and_even_frames_cannot_be_counted(size):
    rng = np.random.default_rng(0)
    shape = (*size, 3)
    frames = {
        "clipped": np.full(shape, 255, np.uint8),
        "dark": np.zeros(shape, np.uint8),
        "noise": rng.integers(0, 256, shape, dtype=np.uint8),
        "blank": np.clip(rng.normal(190, 3, shape), 0, 255).astype(np.uint8),
    }
    for reason, image in frames.items():
        quality = judge(image)
        assert reason in quality.reasons
        assert not quality.countable


def test_a_sharp_well_lit_picture_has_no_reasons():
    quality = judge(disc_picture())
    assert quality.reasons == ()
    assert quality.countable
    assert quality.clip_hi == 0


def test_background_is_the_colour_of_the_bright_half_as_rgb():
    image = disc_picture()
    image[image[:, :, 0] == 200] = (120, 160, 220)  # BGR
    assert judge(image).bg_rgb == pytest.approx((220, 160, 120), abs=1)


def test_focus_is_the_variance_of_the_laplacian_of_the_green_channel():
    image = disc_picture()
    assert judge(image).focus == pytest.approx(cv2.Laplacian(image[:, :, 1], cv2.CV_64F).var(), rel=1e-3)


def test_the_letterbox_border_is_not_judged():
    # A portrait white strip leaves most of the input as grey border, which alone would not be clipped.
    assert "clipped" in judge(np.full((1000, 50, 3), 255, np.uint8)).reasons


def test_a_defocused_field_is_out_of_focus():
    field = cv2.resize(disc_picture(), (2048, 1536), interpolation=cv2.INTER_LINEAR)
    assert "out_of_focus" not in judge(field).reasons
    assert "out_of_focus" in judge(cv2.GaussianBlur(field, None, 16)).reasons


@pytest.mark.parametrize(("side", "reason"), [(10, "cells_too_small"), (350, "cells_too_large"), (60, None)])
def test_cells_off_the_size_that_the_model_knows_are_named(side, reason):
    reasons = judge(disc_picture(), instances([[10, 10, 10 + side, 10 + side]])).reasons
    assert reasons == (() if reason is None else (reason,))


def test_cell_sizes_are_compared_at_network_scale():
    field = cv2.resize(disc_picture(), (2048, 1536), interpolation=cv2.INTER_NEAREST)
    assert judge(field, instances([[10, 10, 90, 90]])).reasons == ("cells_too_small",)  # 20 network px


def test_only_tiny_structures_and_no_cell_hint_at_a_weak_objective():
    tiny = np.tile(cv2.resize(disc_picture(), (64, 48), interpolation=cv2.INTER_AREA), (8, 8, 1))
    assert judge(tiny).reasons == ("cells_too_small",)


def test_truncated_is_a_reason():
    cells = replace(instances([[0, 0, 60, 60]]), truncated=True)
    assert judge(disc_picture(), cells).reasons == ("truncated",)


def test_each_reason_is_logged_once(caplog):
    warnings = QualityWarnings()
    bad = Quality(focus=0, clip_hi=1, bg_rgb=(255, 255, 255), countable=False, reasons=("clipped", "blank"))
    with caplog.at_level(logging.WARNING, logger="edge"):
        for index in range(3):
            warnings.write(SegmentedFrame(frame=frame(index), instances=NO_CELLS, quality=bad))
        warnings.write(SegmentedFrame(frame=frame(3), instances=NO_CELLS, quality=None))
    assert len(caplog.records) == 2
    assert all("0.jpg" in record.getMessage() for record in caplog.records)


@pytest.mark.parametrize(
    "pattern",
    [
        "BCISC/original-images/*/*.jpg",
        "BCISC/sub-images/images/*.jpg",
        "segmentation_WBC/Dataset 1/*.bmp",
        "segmentation_WBC/Dataset 2/*.bmp",
    ],
)
def test_real_pictures_raise_no_warning(data_root: Path, pattern):
    paths = sorted(data_root.glob(pattern))[::7]
    assert paths
    judged = {path.name: judge(np.asarray(cv2.imread(str(path)), np.uint8)).reasons for path in paths}
    assert {name: reasons for name, reasons in judged.items() if reasons} == {}


def test_a_cell_cut_by_the_edge_says_nothing_of_its_size() -> None:
    picture = disc_picture()
    height, width = picture.shape[:2]
    sliver = judge(picture, instances([[0, 20, 3, 40], [width - 2, 20, width, 40], [20, height - 2, 40, height]]))
    assert "cells_too_small" not in sliver.reasons
    assert "cells_too_small" in judge(picture, instances([[30, 30, 32, 32]])).reasons
