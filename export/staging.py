"""Unfinished files beside the finished ones."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from edge.errors import ConfigurationError, DiskFullError


@contextmanager
def folder_beside(out: Path) -> Iterator[Path]:
    """A folder for unfinished work on the file system of `out`, so that putting it in place is one rename.

    Raises ConfigurationError if the folder of `out` cannot be made or written to, DiskFullError for what fails later.
    """
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        folder = tempfile.TemporaryDirectory(prefix=f".{out.name}.", dir=out.parent)
    except OSError as error:
        raise ConfigurationError(f"{out.parent} cannot be written to ({error.strerror}); name another --out") from error
    try:
        with folder as name:
            yield Path(name)
    except OSError as error:
        raise DiskFullError(
            f"{out} cannot be written ({error.strerror or error}); make room in {out.parent} or name another --out"
        ) from error
