from __future__ import annotations

import json

import jsonschema
import msgspec
import pytest

from edge.link.body import result_body
from edge.link.schemas import SCHEMA_FOLDER, json_schemas
from tests.edge.link.samples import CONTEXT, segmented_frame
from tests.golden.reading import read_golden

READABLE = [golden for golden in read_golden() if golden.reads not in {"refused", "unknown"}]


def committed(name: str) -> dict:
    return json.loads((SCHEMA_FOLDER / f"{name}.json").read_text(encoding="utf-8"))


def test_the_committed_schemas_are_those_of_the_types():
    names = {path.stem for path in SCHEMA_FOLDER.glob("*.json")}
    assert {name: committed(name) for name in names} == json_schemas()


@pytest.mark.parametrize("name", sorted(json_schemas()))
def test_each_schema_is_a_valid_schema(name):
    jsonschema.Draft202012Validator.check_schema(committed(name))


@pytest.mark.parametrize("golden", READABLE, ids=lambda golden: golden.name)
def test_golden_messages_follow_the_schemas(golden):
    header = json.loads(golden.parts[1])
    decode = json.loads if header["enc"] == "json" else msgspec.msgpack.decode
    jsonschema.validate(header, committed("header"))
    jsonschema.validate(decode(golden.parts[2]), committed(golden.reads))


def test_a_result_of_the_pipeline_follows_the_schema():
    body = json.loads(msgspec.json.encode(result_body(segmented_frame(), CONTEXT)))
    jsonschema.validate(body, committed("result"))


def test_a_body_with_a_missing_field_does_not_follow_the_schema():
    body = json.loads(msgspec.json.encode(result_body(segmented_frame(), CONTEXT)))
    del body["cells"][0]["bbox"]
    with pytest.raises(jsonschema.ValidationError, match="bbox"):
        jsonschema.validate(body, committed("result"))
