"""JSON Schema of the header and of each body, made from the types: `python -m edge.link.schemas` writes them anew."""

from __future__ import annotations

import inspect
import json
from pathlib import Path
from typing import Any

import msgspec

from edge.link.messages import EventBody, Header, HelloBody, ImageBody, ResultBody, StatusBody

SCHEMA_FOLDER = Path(__file__).with_name("schema")
_TYPES: dict[str, type[msgspec.Struct]] = {
    "header": Header,
    "hello": HelloBody,
    "status": StatusBody,
    "result": ResultBody,
    "event": EventBody,
    "frame": ImageBody,
}


def json_schemas() -> dict[str, dict[str, Any]]:
    """File stem ("header", or a message type for its body) -> JSON Schema, draft 2020-12."""
    dialect = {"$schema": "https://json-schema.org/draft/2020-12/schema"}
    return {name: dialect | _normal(msgspec.json.schema(kind)) for name, kind in _TYPES.items()}


def _normal(schema: Any) -> Any:
    """What releases of Python and msgspec write differently, written in one way: indentation, tuples, alternatives."""
    if isinstance(schema, dict):
        return {key: _normal_entry(key, value) for key, value in schema.items()}
    return [_normal(item) for item in schema] if isinstance(schema, (list, tuple)) else schema


def _normal_entry(key: str, value: Any) -> Any:
    if key == "description" and isinstance(value, str):
        return inspect.cleandoc(value)
    return sorted(_normal(value), key=json.dumps) if key == "anyOf" else _normal(value)


def write_schemas(folder: Path) -> None:
    """Write one file for each schema."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, schema in json_schemas().items():
        (folder / f"{name}.json").write_text(json.dumps(schema, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    write_schemas(SCHEMA_FOLDER)
