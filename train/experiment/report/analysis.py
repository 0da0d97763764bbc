"""Where the methods fail and how much of that is the labels': `analysis.md`."""

from __future__ import annotations

from statistics import fmean

from train.experiment.report.entries import TARGET_METHOD
from train.experiment.report.measured import Measured
from train.experiment.report.published import DATASET_TITLES, METHOD_TITLES, METRIC_TITLES, PUBLISHED
from train.experiment.report.results import ImageRow, Results
from train.report import METRICS

WORST = 5


def worst_by_error(rows: list[ImageRow]) -> list[ImageRow]:
    """The pictures with the highest misclassification error, highest first."""
    return sorted(rows, key=lambda row: (-row.metrics.me, row.key))[:WORST]


def analysis_markdown(results: Results, noise: list[Measured], thresholds: list[Measured], grid: list[Measured]) -> str:
    """Per data set what outline, grid and threshold are worth, and the worst pictures of each method."""
    lines = ["# Where the methods fail", ""]
    lines += [
        "One pixel of outline: the metrics of the truth shrunk and grown by one pixel, judged against the truth "
        "itself. A pixel is the finest step of a drawn outline: a label may well be off by that much. A method's ME "
        "divided by the mean ME of the two says by how many pixels of outline it is off, if it is off evenly.",
        "",
    ]
    for dataset in results.datasets():
        lines += [f"## {DATASET_TITLES[dataset]} (`{dataset}`)", ""]
        of_set = [one for one in noise if one.dataset == dataset]
        lines += _noise_lines(of_set) if of_set else ["One pixel of outline: not measured, it needs `--data`.", ""]
        lines += _method_lines(results, dataset, of_set)
        lines += _grid_lines([one for one in grid if one.dataset == dataset])
        lines += _threshold_lines([one for one in thresholds if one.dataset == dataset])
        lines += _proposal_lines(results, dataset)
        for method in results.methods(dataset):
            lines += [f"Worst of {METHOD_TITLES[method]}:", ""]
            lines += _table(("Picture", "Fold", *METRIC_TITLES.values()))
            for row in worst_by_error(results.rows(dataset, method)):
                lines.append(_line((f"`{row.key}`", str(row.fold), *_six(row))))
            lines.append("")
    return "\n".join(lines)


def _noise_lines(noise: list[Measured]) -> list[str]:
    lines = _table(("Truth", "Pictures", *METRIC_TITLES.values()))
    lines += [_line((f"{one.change} by 1 px", str(one.images), *_six(one))) for one in noise]
    return [*lines, ""]


def _grid_lines(grid: list[Measured]) -> list[str]:
    """What LeukocyteMask's own training target gives when it is pasted back."""
    if not grid:
        return []
    lines = [
        "The true masks in the bins of LeukocyteMask's soft mask over their own boxes, pasted back and judged:",
        "",
    ]
    lines += _table(("Bins", "Pictures", *METRIC_TITLES.values()))
    return [*lines, *(_line((one.change, str(one.images), *_six(one))) for one in grid), ""]


def _threshold_lines(thresholds: list[Measured]) -> list[str]:
    """What the cut of the soft masks is worth, beside the paper's row."""
    if not thresholds:
        return []
    dataset, title = thresholds[0].dataset, METHOD_TITLES[TARGET_METHOD]
    lines = [
        f"{title} with its soft masks cut elsewhere than at 0.5 (on the test pictures; nothing is chosen by it):",
        "",
    ]
    lines += _table(("Threshold", "Pictures", *METRIC_TITLES.values()))
    lines += [_line((one.change, str(one.images), *_six(one))) for one in thresholds]
    if dataset in PUBLISHED:
        paper = PUBLISHED[dataset].rows[TARGET_METHOD]
        lines.append(_line(("paper, 0.5", "", *(f"{getattr(paper, metric):.5f}" for metric in METRICS))))
    return [*lines, ""]


def _method_lines(results: Results, dataset: str, noise: list[Measured]) -> list[str]:
    """Mean error of each method, in pixels of outline where that is known."""
    pixel = fmean(one.metrics.me for one in noise) if noise else 0.0
    lines = _table(("Method", "Mean ME", "in px of outline", "Pictures with Dice below 0.9"))
    for method in results.methods(dataset):
        rows = results.rows(dataset, method)
        error = fmean(row.metrics.me for row in rows)
        low = sum(1 for row in rows if row.metrics.dice < 0.9)
        outline = f"{error / pixel:.2f}" if pixel else "-"
        lines.append(_line((METHOD_TITLES[method], f"{error:.5f}", outline, f"{low} of {len(rows)}")))
    return [*lines, ""]


def _proposal_lines(results: Results, dataset: str) -> list[str]:
    """What masks on the RPN's boxes instead of the refined ones change, where that was measured."""
    runs = [run for run in results.runs if run.dataset == dataset and run.on_proposals]
    if not runs:
        return []
    lines = [
        "Masks on the RPN's proposals, as the paper words it, in place of the refined boxes. The mask branch was "
        "trained on refined boxes: this is what other boxes change at test time, not another training.",
        "",
    ]
    lines += _table(("Method", "Pictures", *METRIC_TITLES.values()))
    for method in dict.fromkeys(run.method for run in runs):
        rows = [row for run in runs if run.method == method for row in run.rows]
        moved = [row for run in runs if run.method == method for row in run.on_proposals]
        title, count = METHOD_TITLES[method], str(len(moved))
        lines.append(_line((f"{title}, refined boxes", str(len(rows)), *_means(rows))))
        lines.append(_line((f"{title}, proposals", count, *_means(moved))))
    return [*lines, ""]


def _means(rows: list[ImageRow]) -> list[str]:
    return [f"{fmean(getattr(row.metrics, metric) for row in rows):.5f}" for metric in METRICS]


def _table(header: tuple[str, ...]) -> list[str]:
    return [_line(header), "|---|" + "---:|" * (len(header) - 1)]


def _line(cells: tuple[str, ...]) -> str:
    return "| " + " | ".join(cells) + " |"


def _six(one: ImageRow | Measured) -> list[str]:
    return [f"{getattr(one.metrics, metric):.5f}" for metric in METRICS]
