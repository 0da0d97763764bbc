from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from train.data.augment import Example, View, appearance, background, look, paste
from train.data.batches import MixConfig, Mixer, to_target
from train.data.sample import Sample, Truth


def disc(width: int, height: int, centre: tuple[float, float], radius: float, colour: tuple[int, int, int]) -> Example:
    y, x = np.mgrid[:height, :width] + 0.5
    mask = ((x - centre[0]) ** 2 + (y - centre[1]) ** 2 <= radius**2).astype(np.uint8) * np.uint8(255)
    image = np.full((height, width, 3), 220, np.uint8)
    image[mask > 0] = colour
    return Example(image=image, masks=[mask])


def view(**changes: object) -> View:
    values = {
        "centre": (100.0, 80.0),
        "scale": 1.0,
        "angle": 0.0,
        "mirror": False,
        "size": (200, 160),
        "fill": (220, 220, 220),
    }
    return View(**(values | changes))  # type: ignore[arg-type]


CELL = disc(200, 160, (110, 70), 25, (120, 20, 90))


def test_the_plain_view_changes_nothing() -> None:
    same = look(CELL, view())
    np.testing.assert_array_equal(same.image, CELL.image)
    np.testing.assert_array_equal(same.masks[0], CELL.masks[0])


def test_mirroring_twice_gives_the_picture_back() -> None:
    twice = look(look(CELL, view(mirror=True)), view(mirror=True))
    np.testing.assert_array_equal(twice.image, CELL.image)


@pytest.mark.parametrize("angle", [0.0, 33.0, -120.0])
@pytest.mark.parametrize("scale", [0.3, 0.6, 1.0, 1.9])
def test_mask_and_image_move_together_and_the_area_scales(angle: float, scale: float) -> None:
    moved = look(CELL, view(angle=angle, scale=scale, centre=(110.0, 70.0), size=(320, 320)))
    mask = moved.masks[0] > 127
    assert mask.sum() == pytest.approx((CELL.masks[0] > 0).sum() * scale**2, rel=0.06)
    rows, columns = np.nonzero(mask)
    assert (columns.mean() + 0.5, rows.mean() + 0.5) == pytest.approx((160, 160), abs=0.7)
    dark = moved.image[:, :, 1] < 120
    assert (dark & mask).sum() / (dark | mask).sum() > 0.9


@pytest.mark.parametrize("angle", [0.0, 33.0])
def test_stretching_makes_a_round_cell_oval_and_keeps_its_area(angle: float) -> None:
    moved = look(CELL, view(stretch=1.25, angle=angle, centre=(110.0, 70.0), size=(320, 320)))
    mask = moved.masks[0] > 127
    assert mask.sum() == pytest.approx((CELL.masks[0] > 0).sum(), rel=0.03)
    rows, columns = np.nonzero(mask)
    narrow, wide = np.sqrt(np.linalg.eigvalsh(np.cov(rows, columns)))
    assert wide / narrow == pytest.approx(1.25**2, rel=0.03)
    dark = moved.image[:, :, 1] < 120
    assert (dark & mask).sum() / (dark | mask).sum() > 0.9


def test_elastic_views_change_the_shape_and_stay_in_one_piece() -> None:
    def roundness(elastic: float) -> list[float]:
        values = {"elastic": elastic, "cell_px": (50.0, 60.0), "crowd": 0.0, "mosaic": 0.0, "pasted": 0.0, "blank": 0.0}
        mixer = Mixer([], [CELL], MixConfig(size=192, **values), seed=4)  # type: ignore[arg-type]
        shares = []
        for mask in (mask for _ in range(12) for mask in mixer.example().masks):
            outlines, _ = cv2.findContours((mask > 127).astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
            assert len(outlines) == 1
            if not (mask[0].any() or mask[-1].any() or mask[:, 0].any() or mask[:, -1].any()):
                _, radius = cv2.minEnclosingCircle(outlines[0])
                shares.append(float((mask > 127).sum() / (np.pi * radius**2)))
        return shares

    assert min(roundness(0.0)) > 0.88
    assert np.mean(roundness(1.0)) < np.mean(roundness(0.0)) - 0.05


def test_a_cell_out_of_view_is_dropped_and_one_cut_by_the_edge_is_kept() -> None:
    assert look(CELL, view(centre=(600.0, 600.0))).masks == []
    cut = look(CELL, view(centre=(10.0, 70.0)))
    assert len(cut.masks) == 1
    assert cut.masks[0][:, -1].max() == 255


def test_pasting_hides_what_lies_below_and_refuses_to_bury_a_cell() -> None:
    generator = np.random.default_rng(0)
    beside = disc(200, 160, (55, 70), 25, (40, 30, 160))
    both = paste(CELL, beside, generator)
    assert len(both.masks) == 2
    assert paste(CELL, disc(200, 160, (112, 71), 24, (0, 0, 0)), generator) is CELL
    assert paste(CELL, Example(image=CELL.image, masks=[]), generator) is CELL


def test_the_background_is_the_empty_slide() -> None:
    assert background(CELL.image).tolist() == [220, 220, 220]


def test_a_seed_repeats_a_picture_and_colours_stay_in_range() -> None:
    first = appearance(CELL.image, np.random.default_rng(5))
    np.testing.assert_array_equal(first, appearance(CELL.image, np.random.default_rng(5)))
    assert any((appearance(CELL.image, np.random.default_rng(s)) != CELL.image).any() for s in range(5))
    assert first.dtype == np.uint8
    assert first.shape == CELL.image.shape


def mixer(simulated: list[Example], **changes: object) -> Mixer:
    return Mixer([], simulated, MixConfig(size=128, **changes), seed=3)  # type: ignore[arg-type]


def test_batches_hold_pictures_with_boxes_that_fit_their_masks() -> None:
    images, targets = mixer([CELL, disc(150, 150, (70, 70), 30, (99, 9, 99))], blank=0.0).batch(12)
    assert images.shape == (12, 3, 128, 128)
    assert sum(len(target.boxes) for target in targets) >= 8
    for target in targets:
        for box, mask in zip(target.boxes, target.masks, strict=True):
            x, y, w, h = cv2.boundingRect((mask.numpy() > 0.5).astype(np.uint8))
            assert box.tolist() == [x, y, x + w, y + h]


def test_a_crowd_has_many_small_cells_and_all_of_them_are_labelled() -> None:
    crowded = mixer([CELL], crowd=1.0, blank=0.0, elsewhere=0.0)
    counts = [len(target.boxes) for target in crowded.batch(12)[1]]
    assert np.median(counts) >= 5
    donors = [crowded._donor((320, 320), 80.0) for _ in range(30)]
    areas = [float((mask > 127).sum()) for donor in donors for mask in donor.masks]
    assert max(areas) < 1.1 * np.pi * 40**2


def test_a_donor_that_its_picture_cuts_is_not_pasted() -> None:
    mask = np.zeros_like(CELL.masks[0])
    mask[:60, 40:90] = 255
    cut = Example(image=CELL.image, masks=[mask])
    assert mixer([cut])._donor((320, 320)).masks == []
    assert len(mixer([CELL])._donor((320, 320)).masks) == 1


def test_a_crowd_where_cells_must_be_large_is_drawn_too() -> None:
    _, targets = mixer([CELL], crowd=1.0, blank=0.0, cell_px=(100.0, 290.0)).batch(4)
    assert all(len(target.boxes) for target in targets)


def test_blank_pictures_hold_no_cell() -> None:
    _, targets = mixer([CELL], blank=1.0).batch(4)
    assert [len(target.boxes) for target in targets] == [0, 0, 0, 0]


def test_a_picture_without_cells_gives_an_empty_target() -> None:
    target = to_target(Example(image=CELL.image, masks=[]))
    assert target.boxes.shape == (0, 4)
    assert target.masks.shape == (0, 160, 200)


class NoCells:
    """Labels of a picture without a white cell."""

    def read(self, height: int, width: int) -> Truth:
        return Truth(instances=np.zeros((height, width), np.int32))


def test_pictures_of_a_kind_come_as_often_as_their_weight_says(tmp_path: Path) -> None:
    samples = []
    for number, (kind, colour) in enumerate([("erythroblast", 0), ("neutrophil", 255), (None, 255)]):
        path = tmp_path / f"{number}.png"
        cv2.imwrite(str(path), np.full((128, 128, 3), colour, np.uint8))
        place = {"image_path": path, "dataset": "dranet", "source_id": str(number), "group": str(number)}
        samples.append(Sample(**place, kind=kind, labels=NoCells()))  # type: ignore[arg-type]
    plain = {"blank": 0.0, "mosaic": 0.0, "pasted": 0.0, "pad_rgb": (0, 0, 0)}
    for kinds, share in (({}, 1 / 3), ({"erythroblast": 6.0}, 6 / 8)):
        one = Mixer(samples, [], MixConfig(size=64, kinds=kinds, **plain), seed=1)  # type: ignore[arg-type]
        dark = [one._view((64, 64)).image[32, 32].max() < 128 for _ in range(600)]
        assert np.mean(dark) == pytest.approx(share, abs=0.06)
