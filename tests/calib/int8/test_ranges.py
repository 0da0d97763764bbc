"""The file of ranges: what it holds, and for which model."""

from __future__ import annotations

import json
import os
from pathlib import Path

import msgspec
import onnx
import pytest

from calib.int8.fingerprint import fingerprint
from calib.int8.ranges import (
    CalibrationRanges,
    MethodFigures,
    PictureSet,
    TensorRange,
    check_ranges,
    read_ranges,
    write_ranges,
)
from edge.errors import ModelError
from tests.calib.int8.tiny_network import INNER, write_tiny_network


@pytest.fixture
def model(tmp_path: Path) -> onnx.ModelProto:
    return onnx.load(write_tiny_network(tmp_path / "model.onnx"))


@pytest.fixture
def ranges(model: onnx.ModelProto) -> CalibrationRanges:
    return CalibrationRanges(
        model_name="tiny",
        model_sha256="0" * 64,
        fingerprint=fingerprint(model, INNER),
        method="percentile",
        tensors={name: TensorRange(count=9, max=3.0, percentile=2.5, entropy=1 / 3) for name in INNER},
        calibration=PictureSet(count=40, sha256="1" * 64, empty=4),
        held_back=PictureSet(count=10, sha256="2" * 64, empty=0),
        seed=7,
        int8_mode="exact",
        figures=(MethodFigures(method="max", cells=20, lost=1, invented=0, mean_iou=None),),
        program="a test",
        created="2026-01-01T00:00:00+00:00",
    )


def test_what_was_written_is_read_back(ranges: CalibrationRanges, tmp_path: Path) -> None:
    write_ranges(ranges, tmp_path / "ranges.json")
    assert read_ranges(tmp_path / "ranges.json") == ranges
    assert ranges.amax() == dict.fromkeys(INNER, 2.5)
    assert ranges.amax("entropy") == dict.fromkeys(INNER, 1 / 3)
    assert ranges.figures[0].recall == pytest.approx(0.95)


def test_a_figure_that_was_changed_by_hand_is_found(ranges: CalibrationRanges, tmp_path: Path) -> None:
    path = tmp_path / "ranges.json"
    write_ranges(ranges, path)
    path.write_text(path.read_text().replace('"percentile": 2.5', '"percentile": 2.6', 1))
    with pytest.raises(ModelError, match=r"changed after it was written.*calib int8"):
        read_ranges(path)


@pytest.mark.parametrize("content", [b"", b"no json", b"[]", b"{}", b'{"version": 1}'])
def test_another_file_is_refused_in_one_sentence(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "ranges.json"
    path.write_bytes(content)
    with pytest.raises(ModelError, match="calib int8") as caught:
        read_ranges(path)
    assert "\n" not in str(caught.value)
    with pytest.raises(ModelError, match="missing"):
        read_ranges(tmp_path / "none.json")


@pytest.mark.parametrize("change", [{"max": 0.0}, {"percentile": -1.0}])
def test_a_range_that_is_not_positive_is_refused(
    ranges: CalibrationRanges, change: dict[str, float], tmp_path: Path
) -> None:
    broken = msgspec.structs.replace(ranges.tensors["mixed"], **change)
    write_ranges(msgspec.structs.replace(ranges, tensors={**ranges.tensors, "mixed": broken}), tmp_path / "r.json")
    with pytest.raises(ModelError, match="is no CalibrationRanges"):
        read_ranges(tmp_path / "r.json")


def test_an_interrupted_write_leaves_the_old_file_and_no_other(
    ranges: CalibrationRanges, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "out"
    folder.mkdir()
    write_ranges(ranges, folder / "ranges.json")

    def interrupt(_: int) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "fsync", interrupt)
    with pytest.raises(KeyboardInterrupt):
        write_ranges(msgspec.structs.replace(ranges, seed=8), folder / "ranges.json")
    assert [path.name for path in folder.iterdir()] == ["ranges.json"]
    assert read_ranges(folder / "ranges.json").seed == 7


def test_the_ranges_fit_the_model_that_they_were_taken_from(ranges: CalibrationRanges, model: onnx.ModelProto) -> None:
    check_ranges(ranges, model)


def test_metadata_and_names_of_other_tensors_do_not_matter(ranges: CalibrationRanges, model: onnx.ModelProto) -> None:
    model.doc_string = "another day"
    model.metadata_props.add(key="note", value="a new threshold")
    for item in (*model.graph.initializer, *model.graph.node):
        item.name = item.name if item.name == "stem" else f"{item.name}_renamed"
    for node in model.graph.node:
        for i, name in enumerate(node.input):
            if any(item.name == f"{name}_renamed" for item in model.graph.initializer):
                node.input[i] = f"{name}_renamed"
    check_ranges(ranges, model)


def test_other_weights_are_another_model(ranges: CalibrationRanges, tmp_path: Path) -> None:
    other = onnx.load(write_tiny_network(tmp_path / "other.onnx", gain=2))
    with pytest.raises(ModelError, match="another model"):
        check_ranges(ranges, other)


def test_a_name_that_stands_for_another_tensor_is_another_model(
    ranges: CalibrationRanges, model: onnx.ModelProto
) -> None:
    swap = dict(zip(INNER, reversed(INNER), strict=True))
    for node in model.graph.node:
        for names in (node.input, node.output):
            names[:] = [swap.get(name, name) for name in names]
    with pytest.raises(ModelError, match="another model"):
        check_ranges(ranges, model)


def test_another_attribute_is_another_model(ranges: CalibrationRanges, model: onnx.ModelProto) -> None:
    next(node for node in model.graph.node if node.name == "mix").attribute.add(name="group", type=2, i=1)
    with pytest.raises(ModelError, match="another model"):
        check_ranges(ranges, model)


def test_a_tensor_without_range_is_named(ranges: CalibrationRanges, model: onnx.ModelProto) -> None:
    partial = msgspec.structs.replace(ranges, tensors={"stem_relu": ranges.tensors["stem_relu"]})
    with pytest.raises(ModelError, match=r"lack 1 of the 2 tensors.*'mixed'"):
        check_ranges(partial, model)


def test_the_file_is_plain_json_for_other_programs(ranges: CalibrationRanges, tmp_path: Path) -> None:
    write_ranges(ranges, tmp_path / "ranges.json")
    fields = json.loads((tmp_path / "ranges.json").read_text())
    assert fields["tensors"]["mixed"]["percentile"] == 2.5
    assert fields["version"] == 1
