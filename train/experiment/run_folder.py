"""The folder of one run: `RUNS/<data set>/<method>/fold<k>`."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from edge.errors import ConfigurationError
from train.run_files import RunFiles


@dataclass(frozen=True, slots=True, kw_only=True)
class RunFolder(RunFiles):
    """Where one fold of one method on one data set writes; `complete.json` is written last."""

    dataset: str
    method: str
    fold: int

    @property
    def name(self) -> str:
        return f"{self.dataset}/{self.method}/fold{self.fold}"

    @property
    def settings(self) -> Path:
        return self.folder / "settings.json"

    @property
    def complete(self) -> Path:
        return self.folder / "complete.json"

    def begin(self, given: dict[str, Any], facts: dict[str, Any]) -> None:
        """Record what the run was asked for and what it was made with.

        Raises ConfigurationError if the folder holds a run that was asked for something else.
        """
        if self.settings.exists():
            self._refuse_others(given)
            return
        self.folder.mkdir(parents=True, exist_ok=True)
        write_json(self.settings, {"given": given, **facts})

    def note(self, facts: dict[str, Any]) -> None:
        """Add to what the run was made with."""
        write_json(self.settings, read_json(self.settings) | facts)

    @property
    def trained(self) -> bool:
        """True if the training came to its end: `best` then holds its outcome, though the test part may be unseen."""
        return bool(read_json(self.settings).get("trained", False))

    def _refuse_others(self, given: dict[str, Any]) -> None:
        before = read_json(self.settings).get("given", {})
        now = json.loads(json.dumps(given))
        differing = sorted(key for key in before.keys() | now.keys() if before.get(key) != now.get(key))
        if differing:
            changes = "; ".join(f"{key} was {before.get(key)}, now {now.get(key)}" for key in differing)
            raise ConfigurationError(
                f"{self.folder} holds a run with other settings ({changes}); give the same ones, choose another --out "
                "or delete that folder"
            )


def write_json(path: Path, content: dict[str, Any]) -> None:
    """Replace a file at once."""
    temporary = path.with_suffix(".tmp")
    temporary.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
    temporary.replace(path)


def read_json(path: Path) -> dict[str, Any]:
    """Read what `write_json` wrote; raises ConfigurationError otherwise."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ConfigurationError(f"{path} cannot be read ({error}); delete its folder to run that fold anew") from error
    if not isinstance(content, dict):
        raise ConfigurationError(f"{path} is not a record of a run; delete its folder to run that fold anew")
    return content
