from __future__ import annotations

from dataclasses import replace as changed
from pathlib import Path

import msgspec
import pytest

from edge.errors import ModelError
from edge.segmenters.engine_facts import EngineFacts, check_sidecar, serves
from edge.segmenters.sidecar import EngineTensor
from tests.edge.segmenters.stand_in_tensorrt import SIDECAR, VERSION

replace = msgspec.structs.replace
ENGINE = Path("x.engine")
FACTS = EngineFacts(
    plan_sha256=SIDECAR.plan_sha256,
    plugin_sha256=SIDECAR.plugin.sha256,
    flavour="tensorrt",
    tensorrt=VERSION,
    sm="87",
    gpu="Orin",
)


def test_the_machine_that_built_it_runs_it():
    check_sidecar(SIDECAR, FACTS, ENGINE)


def test_what_was_not_looked_at_is_not_compared():
    check_sidecar(SIDECAR, changed(FACTS, flavour=None, tensorrt=None, sm=None, gpu=None), ENGINE)


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"flavour": "tensorrt-rtx"}, "built by tensorrt but this is tensorrt-rtx"),
        ({"tensorrt": "10.3.0"}, "10.3.0.30 but this machine has 10.3.0"),
        ({"tensorrt": "10.3.0.31"}, "this machine has 10.3.0.31"),
        ({"sm": "86", "gpu": "A5000"}, "SM 87 but A5000 has SM 86"),
        ({"sm": "110"}, "SM 110"),
        ({"plan_sha256": "0" * 64}, "not the one that its sidecar describes"),
        ({"plugin_sha256": None}, "x.plugin.so is missing"),
        ({"plugin_sha256": "0" * 64}, "x.plugin.so is not the one"),
    ],
)
def test_a_fact_that_differs_is_named_with_the_command_that_mends_it(change, named):
    with pytest.raises(ModelError) as caught:
        check_sidecar(SIDECAR, changed(FACTS, **change), ENGINE)
    text = str(caught.value)
    assert named in text
    assert "\n" not in text
    assert text.endswith("`python -m export build-engine --int8 --out x.engine`")


def test_all_mismatches_come_in_one_sentence():
    facts = changed(FACTS, tensorrt="11.0", sm="120", plugin_sha256=None)
    with pytest.raises(ModelError, match=r"missing.*11\.0.*SM 120") as caught:
        check_sidecar(SIDECAR, facts, ENGINE)
    assert "\n" not in str(caught.value)


def test_a_plain_engine_needs_no_plugin_file():
    check_sidecar(replace(SIDECAR, roi_align="plain", plugin=None), changed(FACTS, plugin_sha256=None), ENGINE)


def tensors(**shapes):
    return tuple(
        replace(one, shape=shapes[one.name]) if one.name in shapes else one
        for one in SIDECAR.tensors
        if shapes.get(one.name, ()) is not None
    )


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"roi_align": "plugin", "plugin": None}, "names no file"),
        ({"precision": "fp16"}, "says fp16 but"),
        ({"tensors": tensors(scores=(-1,))}, r"'scores' is output float32 \[-1\]"),
        ({"tensors": tensors(masks=None)}, "'masks' is absent"),
        ({"tensors": tensors(image=(1, 3, 10, 10))}, "'image' is input"),
        ({"tensors": ()}, "'image' is absent"),
        (
            {"tensors": (*SIDECAR.tensors, EngineTensor(name="debug", role="output", dtype="int8", shape=(1,)))},
            "'debug' is output int8",
        ),
    ],
)
def test_a_sidecar_that_contradicts_itself_is_refused(change, named):
    with pytest.raises(ModelError, match=named):
        check_sidecar(replace(SIDECAR, **change), FACTS, ENGINE)


@pytest.mark.parametrize(
    ("built", "served", "refused"),
    [
        ({"sm": "87"}, ["87"], ["86", "89", "8", "120"]),
        ({"sm": "80", "runs_on": ("80+",)}, ["80", "86", "89", "90", "120"], ["75"]),
        ({"sm": None, "runs_on": ("75", "89")}, ["75", "89"], ["86", "120"]),
        ({"sm": None}, [], ["87"]),
        ({"sm": None, "flavour": "tensorrt-rtx"}, ["80", "89", "120"], ["75"]),
        ({"sm": "89", "flavour": "tensorrt-rtx"}, ["89"], ["86", "120"]),
    ],
)
def test_an_engine_serves_what_it_was_built_for_and_nothing_else(built, served, refused):
    sidecar = replace(SIDECAR, **built)
    assert [sm for sm in (*served, *refused) if serves(sidecar, sm)] == served
