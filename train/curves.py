"""Loss and validation curves: one CSV that grows, one PNG drawn from it."""

from __future__ import annotations

import csv
from pathlib import Path


class CurveLog:
    """Rows of named figures in a CSV; a resumed run goes on in the same file, without rows beyond its step."""

    def __init__(self, path: Path, resume_step: int) -> None:
        self.path = path
        rows = [row for row in read_rows(path) if int(float(row["step"])) <= resume_step] if resume_step else []
        self._fields: list[str] = list(rows[0]) if rows else []
        temporary = path.with_suffix(".tmp")  # a kill in here loses nothing
        with temporary.open("w", newline="") as file:
            if rows:
                writer = csv.DictWriter(file, self._fields)
                writer.writeheader()
                writer.writerows(rows)
        temporary.replace(path)

    def add(self, row: dict[str, float]) -> None:
        """Append one row; the first row decides the columns."""
        fresh = not self._fields
        self._fields = self._fields or list(row)
        with self.path.open("a", newline="") as file:
            writer = csv.DictWriter(file, self._fields)
            if fresh:
                writer.writeheader()
            writer.writerow({key: f"{value:.6g}" for key, value in row.items()})


def read_rows(path: Path) -> list[dict[str, str]]:
    """All rows of a curve file; none if there is no file."""
    if not path.is_file():
        return []
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def draw_curves(files: dict[str, Path], out: Path) -> None:
    """One panel per file, one line per column against `step`."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot as plt

    figure, panels = plt.subplots(1, len(files), figsize=(6.5 * len(files), 4.2), squeeze=False)
    for panel, (title, path) in zip(panels[0], files.items(), strict=True):
        rows = read_rows(path)
        steps = [float(row["step"]) for row in rows]
        for name in [key for key in (rows[0] if rows else {}) if key not in ("step", "learning_rate", "seconds")]:
            panel.plot(steps, [float(row[name]) for row in rows], label=name, linewidth=1)
        panel.set_title(title)
        panel.set_xlabel("step")
        panel.grid(alpha=0.3)
        if rows:
            panel.legend(fontsize=7)
    figure.tight_layout()
    figure.savefig(out, dpi=110)
    plt.close(figure)
