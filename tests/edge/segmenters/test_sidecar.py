from __future__ import annotations

import hashlib
import json
import shlex
import stat
from pathlib import Path

import msgspec
import pytest

from edge.errors import ModelError
from edge.segmenters.sealed_json import LONGEST_BYTES, checksum
from edge.segmenters.sidecar import EngineSidecar, read_sidecar, rebuild_command, sidecar_path, write_sidecar
from tests.edge.segmenters.stand_in_tensorrt import SIDECAR

replace = msgspec.structs.replace


@pytest.fixture
def engine(tmp_path) -> Path:
    write_sidecar(tmp_path / "x.engine", SIDECAR)
    return tmp_path / "x.engine"


def rewrite(engine: Path, seal: bool, **changes) -> None:
    path = sidecar_path(engine)
    fields = {**json.loads(path.read_text()), **changes}
    if seal:
        del fields["checksum"]
        fields["checksum"] = checksum(fields)
    path.write_text(json.dumps(fields))


def test_a_sidecar_is_read_as_it_was_written(engine):
    assert read_sidecar(engine) == SIDECAR


def test_a_sidecar_without_gpu_plugin_or_quantiser_is_read_as_it_was_written(engine):
    plain = replace(
        SIDECAR, sm=None, gpu=None, driver=None, cuda=None, l4t=None, roi_align="plain", plugin=None, quantiser=None
    )
    write_sidecar(engine, plain)
    assert read_sidecar(engine) == plain


def test_the_checksum_is_the_hash_of_the_canonical_json_of_the_rest(engine):
    fields = json.loads(sidecar_path(engine).read_text(encoding="utf-8"))
    said = fields.pop("checksum")
    canonical = json.dumps(fields, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    assert said == hashlib.sha256(canonical.encode()).hexdigest()


def test_layout_and_order_of_the_keys_may_change(engine):
    fields = json.loads(sidecar_path(engine).read_text())
    sidecar_path(engine).write_text(json.dumps(dict(sorted(fields.items(), reverse=True))))
    assert read_sidecar(engine) == SIDECAR


def test_writing_again_replaces_the_file_and_leaves_nothing_else(engine):
    write_sidecar(engine, replace(SIDECAR, sm="89"))
    assert read_sidecar(engine).sm == "89"
    assert [path.name for path in engine.parent.iterdir()] == ["x.engine.json"]
    assert stat.S_IMODE(sidecar_path(engine).stat().st_mode) == 0o644


def test_a_folder_that_is_not_there_is_said_in_one_sentence(tmp_path):
    with pytest.raises(ModelError, match="cannot be written"):
        write_sidecar(tmp_path / "none" / "x.engine", SIDECAR)


@pytest.mark.parametrize("change", [{"sm": "89"}, {"tensorrt": "10.3.0"}, {"extra": 1}, {"plugin": None}])
def test_an_edit_is_found(engine, change):
    rewrite(engine, seal=False, **change)
    with pytest.raises(ModelError, match="was changed"):
        read_sidecar(engine)


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"version": 99}, "version 99"),
        ({"version": None}, "version None"),
        ({"extra": 1}, "extra"),
        ({"precision": "int4"}, "int4"),
        ({"tensors": [{"name": "image"}]}, "role"),
        ({"spec": {**msgspec.to_builtins(SIDECAR.spec), "version": 7}}, "version 7"),
    ],
)
def test_a_sealed_record_of_another_kind_is_refused(engine, change, named):
    rewrite(engine, seal=True, **change)
    with pytest.raises(ModelError, match=named) as caught:
        read_sidecar(engine)
    assert str(caught.value).endswith("`")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("content", "named"),
    [
        (b"", "cannot be understood"),
        (b"{", "cannot be understood"),
        (b"[]", "list"),
        (b"{}", "no checksum"),
        (b"\xff\xfe", "cannot be understood"),
        (b'{"sm": NaN}', "NaN"),
        (b'{"checksum": 3, "sm": "87"}', "was changed"),
        (b"[" * 100_000, "cannot be understood"),
        (b" " * (LONGEST_BYTES + 1), "longer"),
    ],
    ids=["nothing", "half", "list", "no checksum", "no text", "NaN", "odd checksum", "deep", "long"],
)
def test_a_file_that_is_no_sidecar_is_refused_with_the_command_that_makes_one(engine, content, named):
    sidecar_path(engine).write_bytes(content)
    with pytest.raises(ModelError, match=named) as caught:
        read_sidecar(engine)
    assert str(caught.value).endswith(f"`python -m export build-engine --out {engine}`")
    assert "\n" not in str(caught.value)


def test_a_missing_sidecar_names_the_command_that_makes_one(tmp_path):
    with pytest.raises(ModelError, match=r"x\.engine\.json is missing; .*build-engine"):
        read_sidecar(tmp_path / "x.engine")


def test_a_sidecar_that_cannot_be_read_is_an_error_in_words(tmp_path):
    sidecar_path(tmp_path / "x.engine").mkdir()
    with pytest.raises(ModelError, match="cannot be read"):
        read_sidecar(tmp_path / "x.engine")


def test_the_rebuild_command_repeats_the_options_and_can_be_pasted():
    rtx = replace(SIDECAR, arguments=("my model.onnx", "--int8", "--plain", "--trt", "rtx"))
    command = rebuild_command(Path("/data/my rig/x.engine"), rtx)
    assert shlex.split(command) == [
        *("python", "-m", "export", "build-engine", "my model.onnx", "--int8", "--plain", "--trt", "rtx", "--out"),
        "/data/my rig/x.engine",
    ]


def test_unknown_fields_are_refused_by_the_record_itself():
    with pytest.raises(TypeError):
        EngineSidecar(**msgspec.structs.asdict(SIDECAR), more=1)
