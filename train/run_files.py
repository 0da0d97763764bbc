"""Where a training run writes."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True, kw_only=True)
class RunFiles:
    """The files of one run, all in its folder."""

    folder: Path

    @property
    def state(self) -> Path:
        """What a resumed run needs."""
        return self.folder / "last.pt"

    @property
    def best(self) -> Path:
        """The weights that validated best."""
        return self.folder / "best.safetensors"

    @property
    def losses(self) -> Path:
        return self.folder / "losses.csv"

    @property
    def validation(self) -> Path:
        return self.folder / "validation.csv"

    @property
    def picture(self) -> Path:
        """Both curves."""
        return self.folder / "curves.png"
