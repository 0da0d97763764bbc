"""Write the report of the experiment.

    python -m train report runs/experiment --data ../shared/data --out runs/report
    python -m train report docs/results/experiment/runs --out docs/results/experiment

Without `--data` nothing that is written shows a picture of the data sets.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from tempfile import TemporaryDirectory

from rich.console import Console

from edge.errors import ConfigurationError
from train.experiment.report.analysis import analysis_markdown
from train.experiment.report.boxplots import draw_boxplots
from train.experiment.report.cases import CaseReader
from train.experiment.report.cell_figures import cell_figures
from train.experiment.report.curves import draw_learning_curves
from train.experiment.report.entries import entries_of
from train.experiment.report.label_noise import CHANGES, NOISE_NAME, measure_label_noise
from train.experiment.report.mask_grid import GRID, GRID_NAME, measure_mask_grid
from train.experiment.report.measured import measured_csv, read_measured
from train.experiment.report.page import Figure, page_html
from train.experiment.report.published import DATASET_TITLES, METHOD_TITLES
from train.experiment.report.results import Results, read_results
from train.experiment.report.table import table_csv, table_markdown
from train.experiment.report.thresholds import THRESHOLDS, THRESHOLDS_NAME, measure_thresholds

PAGE_NAME = "index.html"


def write_report(runs: Path, out: Path, data: list[Path] | None = None) -> list[Path]:
    """Read the runs, write everything into `out` and return the files.

    Raises ConfigurationError for runs or data that cannot be used, or a folder that cannot be written.
    """
    results = read_results(runs)
    try:
        out.mkdir(parents=True, exist_ok=True)
        return _write(results, runs, out, data)
    except OSError as error:
        raise ConfigurationError(
            f"the report cannot be written to {out} ({error.strerror or error}); choose another --out"
        ) from error


def _write(results: Results, runs: Path, out: Path, data: list[Path] | None) -> list[Path]:
    notes = [f"{folder}: the run is not finished, the same command goes on with it." for folder in results.unfinished]
    figures = _plots(results, out, notes)
    noise = read_measured(runs / NOISE_NAME, CHANGES)
    thresholds = read_measured(runs / THRESHOLDS_NAME, THRESHOLDS)
    grid = read_measured(runs / GRID_NAME, (GRID,))
    texts: dict[str, str] = {}
    if data is None:
        notes.append("Figures 6, 8, 9, 12 and 13 show cells of the data sets: they are drawn with --data only.")
    else:
        with TemporaryDirectory(prefix="leukoedge-") as scratch:
            reader = CaseReader(results, runs, data, Path(scratch))
            noise = measure_label_noise(results, reader)
            thresholds = measure_thresholds(results, reader) or thresholds  # committed results have no soft masks
            grid = measure_mask_grid(results, reader) or grid
            texts |= {
                NOISE_NAME: measured_csv(noise),
                THRESHOLDS_NAME: measured_csv(thresholds),
                GRID_NAME: measured_csv(grid),
            }
            figures += cell_figures(results, reader, out, notes)
    entries = entries_of(results)
    texts |= {
        "table1.csv": table_csv(entries),
        "table1.md": table_markdown(entries),
        "analysis.md": analysis_markdown(results, noise, thresholds, grid),
        PAGE_NAME: page_html(entries, figures, notes),
    }
    for name, text in texts.items():
        (out / name).write_text(text, encoding="utf-8", newline="\n")
    return [*(out / name for name in texts), *(figure.path for figure in figures)]


def _plots(results: Results, out: Path, notes: list[str]) -> list[Figure]:
    """Figures 10 and 11, which show no picture of the data sets."""
    figures = []
    for dataset in results.datasets():
        title = DATASET_TITLES[dataset]
        names = ", ".join(METHOD_TITLES[method] for method in results.methods(dataset))
        figures.append(
            Figure(
                path=draw_boxplots(results, dataset, out / f"figure11_{dataset}.png"),
                dataset=dataset,
                caption="Figure 11: median, quartiles, whiskers at 1.5 interquartile ranges and every picture beyond. "
                "Each axis is stretched near the perfect value; below each method stands its median.",
                alt=f"Box-and-whisker plots of the six metrics on {title} for {names}.",
            )
        )
        curves = draw_learning_curves(results, dataset, out / f"figure10_{dataset}.png")
        if curves is None:
            notes.append(f"Figure 10 of {title}: no run of LeukocyteMask has a curve of its validation loss.")
        else:
            figures.append(
                Figure(
                    path=curves,
                    dataset=dataset,
                    caption="Figure 10: validation loss of LeukocyteMask under the augmentations that were run.",
                    alt=f"Validation loss against epoch on {title}.",
                )
            )
    return figures


def add_report_arguments(parser: argparse.ArgumentParser) -> None:
    """The command line of `python -m train report`."""
    parser.add_argument("runs", type=Path, metavar="RUNS", help="folder of crossval, or of its CSV files alone")
    parser.add_argument("--data", type=Path, nargs="+", metavar="PATH", help="data sets, to draw the cells as well")
    parser.add_argument("--out", type=Path, required=True, metavar="DIR", help="for tables, plots and the page")


def run_report(args: argparse.Namespace) -> int:
    """Run the command; returns the exit code."""
    console = Console()
    files = write_report(args.runs, args.out, args.data)
    for path in files:
        console.print(f"wrote {path}", soft_wrap=True, highlight=False, markup=False)
    if args.data is not None:
        console.print(
            "figures 6, 8, 9, 12 and 13 show cells of the data sets: keep them out of a repository", soft_wrap=True
        )
    console.print(f"open {args.out / PAGE_NAME}", soft_wrap=True, highlight=False, markup=False)
    return 0
