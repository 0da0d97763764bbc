"""The figures that show cells of the data sets: drawn where the pictures and the soft masks are, never committed."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from train.checkpoint import load_model
from train.experiment.report.cases import CaseReader
from train.experiment.report.contact_sheet import draw_augmentations
from train.experiment.report.feature_maps import draw_feature_maps
from train.experiment.report.gallery import (
    GalleryRow,
    best_and_worst,
    draw_gallery,
    draw_soft_mask,
    highest,
    mean_of_six,
)
from train.experiment.report.page import Figure
from train.experiment.report.published import DATASET_TITLES, METHOD_TITLES, METRIC_TITLES, OWN_METHODS
from train.experiment.report.results import ImageRow, Results, Run
from train.experiment.square import to_square_example

LINES = "Red solid line: prediction; blue dashed line: truth."


def cell_figures(results: Results, reader: CaseReader, out: Path, notes: list[str]) -> list[Figure]:
    """Draw Figures 6, 8, 9, 12 and 13 into `out`; what cannot be drawn is said in `notes`."""
    figures = []
    for dataset in results.datasets():
        methods = results.methods(dataset)
        shown = [method for method in methods if reader.has_masks(dataset, method)]
        notes += [
            f"Figures 12 and 13 of {DATASET_TITLES[dataset]} leave out {METHOD_TITLES[method]}: "
            "its runs have no soft masks (masks/index.csv)."
            for method in methods
            if method not in shown
        ]
        if shown:
            figures += [draw(results, reader, dataset, shown, out) for draw in (_extremes, _ranking)]
    figures.append(_augmentations(results, reader, out))
    figures += _soft_mask(results, reader, out, notes)
    figures += _feature_maps(results, reader, out, notes)
    return figures


def _extremes(results: Results, reader: CaseReader, dataset: str, methods: list[str], out: Path) -> Figure:
    """Figure 12."""
    lines = []
    for method in methods:
        rows = results.rows(dataset, method)
        chosen = [(row, metric) for metric in ("fpr", "fnr") for row in highest(rows, metric)]
        cases = reader.read(dataset, method, [row for row, _ in chosen])
        words = [f"{row.key}\n{METRIC_TITLES[metric]} {getattr(row.metrics, metric):.4f}" for row, metric in chosen]
        lines.append(GalleryRow(method=method, cases=cases, words=words))
    title = DATASET_TITLES[dataset]
    path = draw_gallery(f"{title}: the highest FPR (left) and FNR (right)", lines, out / f"figure12_{dataset}.png")
    return Figure(
        path=path,
        dataset=dataset,
        caption=f"Figure 12: the three test pictures with the highest FPR and the highest FNR of each method. {LINES}",
        alt=f"Cells of {title} with outlines; a row per method, three cases of high FPR and three of high FNR each.",
    )


def _ranking(results: Results, reader: CaseReader, dataset: str, methods: list[str], out: Path) -> Figure:
    """Figure 13."""
    lines = []
    for method in methods:
        best, worst = best_and_worst(results.rows(dataset, method))
        words = [f"{row.key}\nmean of six {mean_of_six(row.metrics):.4f}" for row in (*best, *worst)]
        lines.append(GalleryRow(method=method, cases=reader.read(dataset, method, [*best, *worst]), words=words))
    title = DATASET_TITLES[dataset]
    path = draw_gallery(f"{title}: top three (left), bottom three (right)", lines, out / f"figure13_{dataset}.png")
    return Figure(
        path=path,
        dataset=dataset,
        caption="Figure 13: the three best and the three worst test pictures of each method by the average of the six "
        f"metrics (FPR, FNR and ME as one less the value). {LINES}",
        alt=f"Cells of {title} with outlines; a row per method, its three best and three worst pictures.",
    )


def _augmentations(results: Results, reader: CaseReader, out: Path) -> Figure:
    """Figure 9, of the first test picture of each data set."""
    examples = {}
    for dataset in results.datasets():
        first = min(row.key for method in results.methods(dataset) for row in results.rows(dataset, method))
        loaded = reader.load(first)
        examples[DATASET_TITLES[dataset]] = to_square_example(loaded, max(loaded.instances.shape))
    return Figure(
        path=draw_augmentations(examples, out / "figure9.png"),
        dataset=None,
        caption="Figure 9: what each operation of the augmentation does to one picture of each data set; the outline "
        "(green) of the cell moves with it. In training the angle and the strength are drawn at random.",
        alt="A column of pictures per data set: the original, flipped both ways, turned, deformed, blurred, darker.",
    )


def _soft_mask(results: Results, reader: CaseReader, out: Path, notes: list[str]) -> list[Figure]:
    """Figure 8, of the picture with the middle Dice."""
    run = _own_run(results, lambda run: reader.has_masks(run.dataset, run.method))
    if run is None:
        notes.append("Figure 8: no run of LeukocyteMask has soft masks.")
        return []
    case = reader.read(run.dataset, run.method, [_middle(run)])[0]
    path = draw_soft_mask(case, run.method, out / "figure8.png")
    return [
        Figure(
            path=path,
            dataset=None,
            caption="Figure 8: the soft mask of the test picture with the middle Dice. The colour map is one that "
            "every colour vision can read, not the paper's.",
            alt="A cell with its outline, and beside it its soft mask in colour: high inside, falling at the outline.",
        )
    ]


def _feature_maps(results: Results, reader: CaseReader, out: Path, notes: list[str]) -> list[Figure]:
    """Figure 6, of the same picture."""
    run = _own_run(results, lambda run: run.weights.is_file())
    if run is None:
        notes.append("Figure 6: no run of LeukocyteMask has its weights (best.safetensors).")
        return []
    model, _ = load_model(run.weights)
    key = _middle(run).key
    title = f"{METHOD_TITLES[run.method]} on {key}"
    path = draw_feature_maps(model, reader.load(key).image, title, out / "figure6.png")
    return [
        Figure(
            path=path,
            dataset=None,
            caption="Figure 6: feature maps of the backbone (above) and the pyramid (below); the paper chose its "
            "channels at random, here it is the one that varies most.",
            alt="A cell and a map of it from each level of backbone and pyramid, from fine to coarse.",
        )
    ]


def _own_run(results: Results, usable: Callable[[Run], bool]) -> Run | None:
    """The first usable fold of LeukocyteMask, best augmentation first."""
    runs = [run for method in reversed(OWN_METHODS) for run in results.runs if run.method == method]
    return next((run for run in runs if usable(run)), None)


def _middle(run: Run) -> ImageRow:
    ranked = sorted(run.rows, key=lambda row: (row.metrics.dice, row.key))
    return ranked[len(ranked) // 2]
