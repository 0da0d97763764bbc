"""The golden messages, read from their file."""

from __future__ import annotations

import base64
import json
from dataclasses import dataclass

from tests.golden.write_golden import MESSAGES


@dataclass(frozen=True, slots=True, kw_only=True)
class Golden:
    name: str
    reads: str
    parts: list[bytes]
    areas: list[int]


def read_golden() -> list[Golden]:
    lines = [json.loads(line) for line in MESSAGES.read_text(encoding="utf-8").splitlines()]
    return [
        Golden(
            name=line["name"],
            reads=line["reads"],
            parts=[base64.b64decode(part) for part in line["parts"]],
            areas=line.get("areas", []),
        )
        for line in lines
    ]
