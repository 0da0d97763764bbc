"""Which picture files the command line stands for."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from edge.cameras.files import find_pictures
from edge.errors import CameraOpenError, ConfigurationError

FEWEST = 50
"""Distinct pictures below which there is no calibration."""
WANTED = "200 to 500"
"""How many pictures the tools of all vendors ask for."""
LIST_SUFFIX = ".txt"


@dataclass(frozen=True, slots=True, kw_only=True)
class Unreadable:
    """A picture that was named but cannot be used, and why."""

    path: Path
    reason: str


def list_pictures(places: Sequence[str]) -> list[Path]:
    """Folders, globs, picture files and `.txt` lists of paths -> picture files, each path once, in the order given.

    A path in a list counts from the current folder, as in the shell that wrote it. Whether the files can be read shows
    later.

    Raises
    ------
    ConfigurationError : a place does not exist or names no picture
    """
    paths: dict[Path, None] = {}
    for place in places:
        if Path(place).suffix.lower() == LIST_SUFFIX:
            paths.update(dict.fromkeys(_read_list(Path(place))))
        else:
            try:
                paths.update(dict.fromkeys(find_pictures(place)))
            except CameraOpenError as error:
                raise ConfigurationError(str(error)) from error
    if not paths:
        raise ConfigurationError(f"no picture was named; give {WANTED} pictures of the instrument")
    return list(paths)


def digest(path: Path) -> str:
    """SHA-256 of a file, hexadecimal."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


def digest_of_set(digests: Sequence[str]) -> str:
    """SHA-256 that stands for a set of files, whatever their names and order."""
    return hashlib.sha256("\n".join(sorted(digests)).encode()).hexdigest()


def check_readable(unreadable: Sequence[Unreadable], listed: int, skip: bool) -> None:
    """Raise ConfigurationError if a picture could not be read, unless `skip`."""
    if unreadable and not skip:
        first = unreadable[0]
        raise ConfigurationError(
            f"{len(unreadable)} of {listed} pictures cannot be read, the first is {first.path} ({first.reason}); "
            "mend them or take them away, or leave them out with --skip-unreadable"
        )


def check_enough(distinct: int, listed: int) -> None:
    """Raise ConfigurationError if there are too few distinct readable pictures."""
    if distinct < FEWEST:
        raise ConfigurationError(
            f"there are {distinct} distinct readable pictures among {listed}; ranges need at least {FEWEST}, better "
            f"{WANTED}, of the slides and lamps that the instrument will see"
        )


def _read_list(path: Path) -> Iterator[Path]:
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "it is not UTF-8 text"
        raise ConfigurationError(
            f"the list {path} cannot be read ({reason}); give a text file with one path per line"
        ) from error
    named = [line.strip() for line in lines if line.strip()]
    if not named:
        raise ConfigurationError(f"the list {path} is empty; give a text file with one path per line")
    return map(Path, named)
