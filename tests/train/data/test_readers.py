from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from edge.errors import ConfigurationError
from tests.train.data import trees
from train.data.open import read_dataset, read_datasets
from train.data.sample import Sample, load


def by_id(samples: list[Sample]) -> dict[str, Sample]:
    return {sample.source_id: sample for sample in samples}


def test_dataset_1_and_2_take_nucleus_and_cytoplasm_as_one_cell(tmp_path: Path) -> None:
    samples = read_dataset(trees.segmentation_wbc(tmp_path))
    assert [(s.dataset, s.source_id, s.kind) for s in samples] == [
        ("dataset1", "001", "lymphocyte"),
        ("dataset1", "002", "basophil"),
        ("dataset2", "010", None),
    ]
    for sample in samples:
        loaded = load(sample)
        assert loaded.image.shape == (60, 80, 3)
        assert loaded.instances.dtype == np.int32
        np.testing.assert_array_equal(loaded.instances, trees.disc(60, 80, 40, 30, 20, 1))
        assert loaded.ignore is None


def test_one_dataset_folder_alone_can_be_given(tmp_path: Path) -> None:
    root = trees.segmentation_wbc(tmp_path)
    assert {s.dataset for s in read_dataset(root / "Dataset 2")} == {"dataset2"}


def test_a_missing_mask_and_a_broken_table_are_named(tmp_path: Path) -> None:
    root = trees.segmentation_wbc(tmp_path)
    (root / "Class Labels of Dataset 1.csv").write_text("image ID,class label\n1,9\n")
    with pytest.raises(ConfigurationError, match=r"Class Labels of Dataset 1\.csv"):
        read_dataset(root)
    (root / "Dataset 2" / "010.png").unlink()
    with pytest.raises(ConfigurationError, match=r"010\.bmp has no mask"):
        read_dataset(root / "Dataset 2")


def test_a_field_counts_as_annotated_only_with_a_mask_per_crop(tmp_path: Path) -> None:
    fields = by_id([s for s in read_dataset(trees.bcisc(tmp_path)) if s.dataset == "bcisc-field"])
    assert {name: sample.annotated for name, sample in fields.items()} == {
        "neut/1-1": True,
        "neut/1-2": True,
        "neut/1-3": True,
        "neut/1-4": False,
        "neut/1-5": True,
    }
    assert not fields["neut/1-4"].complete


@pytest.mark.parametrize("field", ["1-2", "1-3", "1-5"])
def test_field_masks_of_every_kind_give_the_two_cells(tmp_path: Path, field: str) -> None:
    fields = by_id([s for s in read_dataset(trees.bcisc(tmp_path)) if s.dataset == "bcisc-field"])
    instances = load(fields[f"neut/{field}"]).instances
    assert sorted(np.unique(instances)) == [0, 1, 2]
    left, right = instances[40, 30], instances[60, 90]
    np.testing.assert_array_equal(instances == left, trees.disc(96, 128, 30, 40, 15) > 0)
    np.testing.assert_array_equal(instances == right, trees.disc(96, 128, 90, 60, 18) > 0)


def test_crops_share_the_group_of_their_field(tmp_path: Path) -> None:
    samples = read_dataset(trees.bcisc(tmp_path))
    groups = {s.source_id: s.group for s in samples}
    assert groups["neut_1-2_0"] == groups["neut_1-2_1"] == groups["neut/1-2"] != groups["neut/1-1"]


def test_a_mask_of_the_same_shape_is_scaled_and_another_shape_leaves_the_field_unannotated(tmp_path: Path) -> None:
    root = trees.bcisc(tmp_path)
    trees.save(root / "original-images/neut/1-1.png", trees.disc(48, 64, 15, 20, 7))
    trees.save(root / "original-images/neut/1-3.png", trees.disc(96, 96, 15, 20, 7))
    fields = by_id([s for s in read_dataset(root) if s.dataset == "bcisc-field"])
    assert not fields["neut/1-3"].annotated
    assert load(fields["neut/1-1"]).instances.shape == (96, 128)
    assert load(fields["neut/1-1"]).instances[40, 30] == 1


def test_fields_without_crops_beside_them_are_not_annotated(tmp_path: Path) -> None:
    root = trees.bcisc(tmp_path)
    (root / "sub-images").rename(tmp_path / "elsewhere")
    assert not any(s.annotated for s in read_dataset(root))


def test_the_truth_of_a_picture_without_labels_is_unknown_everywhere(tmp_path: Path) -> None:
    field = by_id(read_dataset(trees.bcisc(tmp_path)))["neut/1-4"]
    loaded = load(field)
    assert loaded.ignore is not None
    assert loaded.ignore.all()
    assert not loaded.instances.any()


def test_dranet_keeps_cells_drops_specks_and_knows_no_erythroblast(tmp_path: Path) -> None:
    samples = by_id(read_dataset(trees.dranet(tmp_path)))
    pair = load(samples["train/3001"]).instances
    np.testing.assert_array_equal(pair == pair[20, 15], trees.disc(64, 64, 15, 20, 10) > 0)
    np.testing.assert_array_equal(pair == pair[40, 45], trees.disc(64, 64, 45, 40, 9) > 0)
    assert pair.max() == 2
    assert samples["train/6001"].kind == "erythroblast"
    assert not load(samples["train/6001"]).instances.any()
    assert samples["valid/5001"].published_part == "valid"
    assert not any(s.complete for s in samples.values())


def test_a_label_of_an_unknown_class_is_named(tmp_path: Path) -> None:
    root = trees.dranet(tmp_path)
    trees.save(root / "valid/label/5001.png", trees.disc(64, 64, 30, 30, 12, 9))
    with pytest.raises(ConfigurationError, match=r"5001\.png holds the value 9"):
        load(by_id(read_dataset(root))["valid/5001"])


def test_lisc_masks_lie_four_pixels_inside_and_the_border_is_ignored(tmp_path: Path) -> None:
    samples = by_id(read_dataset(trees.lisc(tmp_path)))
    assert {name: s.kind for name, s in samples.items()} == {"baso/1": "basophil", "mixt/1": None}
    loaded = load(samples["baso/1"])
    np.testing.assert_array_equal(loaded.instances, trees.disc(576, 720, 104, 204, 40, 1))
    assert loaded.ignore is not None
    assert int(loaded.ignore.sum()) == 576 * 720 - 568 * 712
    assert loaded.ignore[3, 300]
    assert not loaded.ignore[4, 4]
    assert load(samples["mixt/1"]).instances.max() == 2


def test_a_lisc_picture_needs_exactly_one_mask(tmp_path: Path) -> None:
    root = trees.lisc(tmp_path)
    (root / "Ground Truth Segmentation/Baso/areaforexpert1/1_expert.bmp").unlink()
    with pytest.raises(ConfigurationError, match="has 0 masks"):
        read_dataset(root)


def test_a_folder_of_several_sets_opens_them_all(tmp_path: Path) -> None:
    trees.segmentation_wbc(tmp_path / "segmentation_WBC")
    trees.bcisc(tmp_path / "BCISC")
    trees.dranet(tmp_path / "DRA-Net")
    trees.lisc(tmp_path / "LISC Database")
    assert {s.dataset for s in read_dataset(tmp_path)} == {
        "dataset1",
        "dataset2",
        "bcisc-sub",
        "bcisc-field",
        "dranet",
        "lisc",
    }


def test_an_unknown_layout_lists_the_known_ones(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("nothing here")
    with pytest.raises(ConfigurationError, match=r"BCISC.*DRA-Net.*LISC.*COCO.*'images' and 'masks'"):
        read_dataset(tmp_path)
    with pytest.raises(ConfigurationError, match="does not exist"):
        read_dataset(tmp_path / "absent")
    with pytest.raises(ConfigurationError, match="holds no data set"):
        read_dataset(tmp_path / "notes.txt")


def test_the_same_set_given_twice_is_refused(tmp_path: Path) -> None:
    root = trees.segmentation_wbc(tmp_path)
    with pytest.raises(ConfigurationError, match="3 pictures come twice"):
        read_datasets([root, root])


def test_a_damaged_picture_is_named(tmp_path: Path) -> None:
    root = trees.segmentation_wbc(tmp_path)
    (root / "Dataset 1" / "002.bmp").write_bytes(b"BM not a picture")
    with pytest.raises(ConfigurationError, match=r"002\.bmp is not a readable picture"):
        load(read_dataset(root)[1])
    (root / "Dataset 1" / "002.bmp").write_bytes(b"")
    with pytest.raises(ConfigurationError, match=r"002\.bmp is not a readable picture"):
        load(read_dataset(root)[1])


def test_a_mask_of_another_size_is_named(tmp_path: Path) -> None:
    root = trees.segmentation_wbc(tmp_path)
    cv2.imwrite(str(root / "Dataset 1" / "001.png"), np.zeros((60, 79), np.uint8))
    with pytest.raises(ConfigurationError, match=r"001\.png is 79x60 px but its picture is 80x60 px"):
        load(read_dataset(root)[0])
