"""What a run on a GPU has to say: rows of figures, written out after every section so that a kill loses little."""

from __future__ import annotations

import json
import sys
import traceback
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Literal

State = Literal["ok", "not run", "FAILED"]
Figure = float | int | str | bool
OURS = frozenset({"edge", "train", "export", "calib", "tests"})


class NotRun(Exception):  # noqa: N818 (no error: what a section needs is not here)
    """Why a section, or a part of it, cannot be run here."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One line of the table: what was looked at and what came of it."""

    section: str
    what: str
    state: State
    figures: dict[str, Figure]
    note: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """All rows so far, and the folder they are written to."""

    out: Path
    rows: list[Row] = field(default_factory=list)

    def add(self, section: str, what: str, figures: dict[str, Figure], *, passed: bool = True, note: str = "") -> None:
        self.rows.append(
            Row(section=section, what=what, state="ok" if passed else "FAILED", figures=figures, note=note)
        )

    def attempt(self, section: str, what: str, work: Callable[[], None]) -> None:
        """Do `work`; that it cannot be done, or fails, becomes a row and keeps nothing else from being done."""
        try:
            work()
        except NotRun as reason:
            self._tell(section, what, "not run", str(reason))
        except ModuleNotFoundError as error:
            ours = (error.name or "").split(".")[0] in OURS
            self._tell(section, what, "FAILED" if ours else "not run", f"{error.name} is not installed")
        except Exception as error:  # noqa: BLE001 (whatever a GPU or a library does is a row of the table)
            traceback.print_exc()
            self._tell(section, what, "FAILED", " ".join(f"{type(error).__name__}: {error}".split()))

    def write(self) -> None:
        """Write `gpu.json` and `gpu.md`."""
        self.out.mkdir(parents=True, exist_ok=True)
        text = json.dumps([asdict(row) for row in self.rows], indent=1, ensure_ascii=False)
        (self.out / "gpu.json").write_text(text + "\n", encoding="utf-8")
        (self.out / "gpu.md").write_text(markdown(self.rows), encoding="utf-8")

    @property
    def failed(self) -> bool:
        return any(row.state == "FAILED" for row in self.rows)

    def _tell(self, section: str, what: str, state: State, note: str) -> None:
        self.rows.append(Row(section=section, what=what, state=state, figures={}, note=note))
        sys.stderr.write(f"{section}, {what}: {state}: {note}\n")


def markdown(rows: list[Row]) -> str:
    """The table as people read it."""
    lines = ["| section | what | state | figures |", "| --- | --- | --- | --- |"]
    for row in rows:
        told = "; ".join([*(f"{name} {shown(value)}" for name, value in row.figures.items()), row.note]).strip("; ")
        lines.append(f"| {row.section} | {row.what} | {row.state} | {told.replace('|', '/')} |")
    return "\n".join(lines) + "\n"


def shown(value: Figure) -> str:
    """Four significant digits of a figure; "yes" and "no"."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"{value:.4g}" if isinstance(value, float) else str(value)
