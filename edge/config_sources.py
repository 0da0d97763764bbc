"""Where settings come from: command line > environment > file > defaults, with the origin of each value."""

from __future__ import annotations

import difflib
import json
import re
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from edge.cameras.opencv import redact
from edge.config import Settings
from edge.errors import ConfigurationError

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib  # type: ignore[import-not-found, unused-ignore]

ENVIRONMENT_PREFIX = "WBC_"
SECTIONS = tuple(Settings.model_fields)

Key = tuple[str, ...]
"""Section and name of a setting."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Given:
    """A value that somebody gave, and where, in words."""

    value: Any
    origin: str


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadedSettings:
    """Valid settings; `origins` holds the origin of each value that is not a default."""

    settings: Settings
    origins: dict[Key, str]


def load_settings(
    command_line: Mapping[Key, Given], environment: Mapping[str, str], file: Path | None
) -> LoadedSettings:
    """Merge the sources and validate the outcome.

    Raises
    ------
    ConfigurationError : with every fault of every source, each with its place (file and line, variable, option)
    """
    given: dict[Key, Given] = {}
    for source in (read_file(file) if file else {}, read_environment(environment), command_line):
        given.update(source)
    merged: dict[str, Any] = {}
    for key, item in given.items():
        if len(key) == 1:
            merged[key[0]] = item.value
        elif isinstance(section := merged.setdefault(key[0], {}), dict):
            section[key[1]] = item.value
    try:
        settings = Settings.model_validate(merged)
    except ValidationError as error:
        faults = [_fault(detail, given) for detail in error.errors()]
        count = f"{len(faults)} settings" if len(faults) > 1 else "one setting"
        raise ConfigurationError("\n  ".join([f"{count} cannot be used:", *faults])) from error
    return LoadedSettings(settings=settings, origins={key: item.origin for key, item in given.items()})


def read_file(path: Path) -> dict[Key, Given]:
    """The settings of a TOML file."""
    try:
        text = path.read_text(encoding="utf-8")
        tables = tomllib.loads(text)
    except OSError as error:
        raise ConfigurationError(
            f"the configuration {path} cannot be read ({error.strerror}); give the path of a TOML file"
        ) from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigurationError(f"the configuration {path} is not valid TOML: {error}") from error
    lines = key_lines(text)
    given: dict[Key, Given] = {}
    for section, table in tables.items():
        items = {(section, name): value for name, value in table.items()} if isinstance(table, dict) else None
        for key, value in (items if items is not None else {(section,): table}).items():
            line = lines.get(key, lines.get(key[:1]))
            given[key] = Given(value=value, origin=f"{path} line {line}" if line else str(path))
    return given


def key_lines(text: str) -> dict[Key, int]:
    """The line of each `[section]` and each `name = value` of a TOML text, which its parser does not tell."""
    lines: dict[Key, int] = {}
    section: Key = ()
    for number, line in enumerate(text.splitlines(), start=1):
        header = re.match(r"\s*\[\s*([A-Za-z0-9_.\-]+)\s*\]", line)
        entry = re.match(r"\s*([A-Za-z0-9_.\-]+)\s*=", line)
        if header:
            section = tuple(header[1].split("."))
            lines.setdefault(section, number)
        elif entry:
            lines.setdefault((*section, *entry[1].split(".")), number)
    return lines


def read_environment(environment: Mapping[str, str]) -> dict[Key, Given]:
    """The settings among the environment's variables: WBC_CAMERA__FPS is `fps` of `[camera]`.

    A variable with the prefix and two underscores, or with a section's name, is meant for this program, so that it is
    refused if it names no setting.
    """
    given: dict[Key, Given] = {}
    for variable, value in environment.items():
        if not variable.startswith(ENVIRONMENT_PREFIX):
            continue
        name = variable.removeprefix(ENVIRONMENT_PREFIX).lower()
        section, separator, key = name.partition("__")
        if separator or name.partition("_")[0] in SECTIONS:
            given[(section, key) if separator else (name,)] = Given(
                value=value, origin=f"environment variable {variable}"
            )
    return given


def print_settings(loaded: LoadedSettings) -> str:
    """The settings as TOML, each with its origin as a comment; without passwords."""
    lines = []
    for section in SECTIONS:
        lines.append(f"[{section}]")
        for name, value in getattr(loaded.settings, section):
            origin = loaded.origins.get((section, name), "default")
            shown = redact(value) if (section, name) == ("camera", "uri") and value else value
            text = f"# {name} is not set" if shown is None else f"{name} = {_toml(shown)}"
            lines.append(f"{text:<50}  # {origin}")
        lines.append("")
    return "\n".join(lines)


def _toml(value: object) -> str:
    return json.dumps(value if isinstance(value, (bool, int, float)) else str(value), ensure_ascii=False)


def _fault(detail: ErrorDetails, given: Mapping[Key, Given]) -> str:
    """One fault in words, with its place."""
    key = tuple(str(part) for part in detail["loc"][:2])
    places = [item.origin for known, item in given.items() if known == key]
    places = places or [item.origin for known, item in given.items() if known[: len(key)] == key]
    place = places[0] if places else "command line"
    if detail["type"] == "extra_forbidden":
        known_names = SECTIONS if len(key) == 1 else tuple(type(getattr(Settings(), key[0])).model_fields)
        close = difflib.get_close_matches(key[-1], known_names, 1)
        kind = "section" if len(key) == 1 else "setting"
        return f"{place}: {'.'.join(key)} is no {kind}; " + (
            f"did you mean {close[0]}?" if close else f"known are {', '.join(known_names)}"
        )
    what = detail["msg"].removeprefix("Value error, ")
    value = "" if isinstance(detail["input"], dict) else f" = {detail['input']!r}"
    return f"{place}: {'.'.join(key)}{value}: {what[:1].lower()}{what[1:]}"
