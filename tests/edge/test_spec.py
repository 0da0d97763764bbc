from __future__ import annotations

import json

import pytest

from edge.errors import ModelError
from edge.spec import ModelSpec
from tests.tiny_model import SPEC


def test_a_spec_comes_back_from_json_as_it_was():
    assert ModelSpec.from_json(SPEC.to_json()) == SPEC


@pytest.mark.parametrize("change", [{"input_width": "wide"}, {"unknown": 1}, {"mean": [1, 2]}, {"classes": "wbc"}])
def test_a_record_of_another_shape_is_refused(change):
    with pytest.raises(ModelError, match="cannot be read"):
        ModelSpec.from_json(json.dumps(json.loads(SPEC.to_json()) | change))


@pytest.mark.parametrize("text", ["", "{}", "[1]", "no json", b"\xff"])
def test_what_is_no_record_is_refused(text):
    with pytest.raises(ModelError):
        ModelSpec.from_json(text)


def test_a_record_of_another_version_says_both_versions():
    with pytest.raises(ModelError, match="version 7 but this program reads version 1"):
        ModelSpec.from_json(json.dumps(json.loads(SPEC.to_json()) | {"version": 7}))
