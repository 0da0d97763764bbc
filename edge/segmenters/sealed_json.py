"""Records that lie beside an engine: JSON files that carry a checksum of themselves.

The checksum finds accidents and edits: half a copy, a figure changed by hand. It is no signature, for whoever edits a
file on purpose can compute it anew.
"""

from __future__ import annotations

import hashlib
import json
import os
import tempfile
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from edge.errors import ModelError

CHECKSUM_KEY = "checksum"
LONGEST_BYTES = 1 << 20
"""No record comes near it; a larger file is something else."""

Record = TypeVar("Record", bound=msgspec.Struct)


def write_sealed(path: Path, record: msgspec.Struct) -> None:
    """Write the record with its checksum; readers see the old file or the new one, never half of one.

    Raises
    ------
    ModelError : the file cannot be written
    ValueError : a figure of the record is not finite
    """
    fields = msgspec.to_builtins(record)
    text = json.dumps({**fields, CHECKSUM_KEY: checksum(fields)}, indent=2, ensure_ascii=False, allow_nan=False) + "\n"
    try:
        handle, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
        try:
            with os.fdopen(handle, "w", encoding="utf-8") as file:
                file.write(text)
                file.flush()
                os.fsync(file.fileno())
            Path(name).chmod(0o644)  # mkstemp's 0600 would hide it from the account that the daemon runs under
            Path(name).replace(path)
        except BaseException:
            Path(name).unlink(missing_ok=True)
            raise
    except OSError as error:
        raise ModelError(
            f"{path} cannot be written ({error.strerror}); give a folder that can be written to"
        ) from error


def read_sealed(path: Path, kind: type[Record], version: int, mend: str) -> Record:
    """Read a record that `write_sealed` wrote.

    Parameters
    ----------
    version : the layout that this program reads, found in the record's field `version`
    mend : end of each message: what to do, e.g. "build it again with `...`"

    Raises
    ------
    ModelError : one sentence: missing, unreadable, edited, of another version
    """
    fields = _fields(path, mend)
    said = fields.pop(CHECKSUM_KEY, None)
    if said is None:
        raise ModelError(f"{path} carries no checksum, so that nobody can tell what it was; {mend}")
    if said != checksum(fields):
        raise ModelError(f"{path} was changed after it was written (its checksum is wrong); {mend}")
    if fields.get("version") != version:
        raise ModelError(
            f"{path} has layout version {fields.get('version')} but this program reads version {version}; {mend}"
        )
    try:
        return msgspec.convert(fields, type=kind)
    except msgspec.ValidationError as error:
        raise ModelError(f"{path} is no {kind.__name__} ({error}); {mend}") from error


def checksum(fields: dict[str, Any]) -> str:
    """SHA-256, hexadecimal, of the fields as canonical JSON: keys sorted, no spaces, UTF-8."""
    text = json.dumps(fields, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
    return hashlib.sha256(text.encode()).hexdigest()


def _fields(path: Path, mend: str) -> dict[str, Any]:
    try:
        with path.open("rb") as file:
            data = file.read(LONGEST_BYTES + 1)
    except FileNotFoundError as error:
        raise ModelError(f"{path} is missing; {mend}") from error
    except OSError as error:
        raise ModelError(f"{path} cannot be read ({error.strerror}); {mend}") from error
    try:
        if len(data) > LONGEST_BYTES:
            raise ValueError(f"it is longer than {LONGEST_BYTES} bytes")
        fields = json.loads(data.decode(), parse_constant=_refuse)
    except (ValueError, RecursionError) as error:  # JSON and UTF-8 errors are ValueErrors
        raise ModelError(f"{path} cannot be understood ({error}); {mend}") from error
    if not isinstance(fields, dict):
        raise ModelError(f"{path} holds a {type(fields).__name__} instead of a record; {mend}")
    return fields


def _refuse(constant: str) -> float:
    raise ValueError(f"{constant} is no figure")
