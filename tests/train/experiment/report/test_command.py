from __future__ import annotations

import shutil
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import pytest
import torch

from edge.errors import ConfigurationError
from tests.train.data.trees import lisc
from tests.train.experiment.report.run_trees import (
    metrics,
    simulated_data,
    simulated_run,
    write_fold,
    write_masks,
)
from train.__main__ import main
from train.checkpoint import save_weights
from train.data.sample import load
from train.experiment.methods import SIMULATED
from train.experiment.report.analysis import analysis_markdown, worst_by_error
from train.experiment.report.command import write_report
from train.experiment.report.measured import Measured
from train.experiment.report.published import METHOD_TITLES, OWN_METHODS
from train.experiment.report.reproduce import reproduce
from train.experiment.report.results import read_results
from train.experiment.sources import samples_of
from train.metrics import six_metrics
from train.model.config import PAPER
from train.model.leukocytemask import LeukocyteMask

COMMITTED = Path(__file__).parents[4] / "docs" / "results" / "experiment"
MEASURED = {"label_noise.csv", "mask_grid.csv", "thresholds.csv"}
TEXTS = {"table1.csv", "table1.md", "analysis.md", "index.html"}


class Page(HTMLParser):
    """Collects what a page shows and refers to."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.images: dict[str, str] = {}
        self.tags: list[str] = []
        self.references: list[str] = []
        self.open: list[str] = []
        self.feed(path.read_text(encoding="utf-8"))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        self.tags.append(tag)
        self.references += [str(given[name]) for name in ("src", "href") if name in given]
        if tag == "img":
            self.images[str(given["src"])] = str(given.get("alt", ""))
        if tag not in ("meta", "img"):
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


@pytest.fixture(scope="module")
def trees(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """`data` and whole `runs` of all six methods on simulated crops; tests must not change it."""
    root = tmp_path_factory.mktemp("trees")
    data = simulated_data(root / "data", "1", 7)
    for blur, method in enumerate(METHOD_TITLES, start=2):
        losses = [1.0, 0.5, 0.4] if method in OWN_METHODS else []
        folder = simulated_run(root / "runs", data, f"dataset1/{method}/fold0", blur, losses)
    torch.manual_seed(0)
    config = replace(PAPER, input_width=128, input_height=128)
    save_weights(folder / "best.safetensors", LeukocyteMask(config).state_dict(), config, {})
    return root


@pytest.fixture(scope="module")
def whole(trees: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The report of those runs with their pictures; tests must not change it."""
    folder = tmp_path_factory.mktemp("whole")
    files = write_report(trees / "runs", folder, [trees / "data"])
    assert names_in(folder) == {path.name for path in files}
    return folder


def names_in(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


def test_with_data_every_figure_is_written_and_on_the_page(whole: Path) -> None:
    figures = {f"figure{n}_dataset1.png" for n in (10, 11, 12, 13)} | {f"figure{n}.png" for n in (6, 8, 9)}
    assert names_in(whole) == figures | TEXTS | MEASURED
    assert set(Page(whole / "index.html").images) == figures


def test_without_data_nothing_shows_a_cell_and_the_page_says_why(trees: Path, tmp_path: Path) -> None:
    write_report(trees / "runs", tmp_path)
    plots = {"figure10_dataset1.png", "figure11_dataset1.png"}
    assert names_in(tmp_path) == plots | TEXTS
    assert set(Page(tmp_path / "index.html").images) == plots
    assert "drawn with --data only" in (tmp_path / "index.html").read_text()
    assert "not measured, it needs `--data`" in (tmp_path / "analysis.md").read_text()


def test_the_page_stands_alone(trees: Path, whole: Path) -> None:
    page = Page(whole / "index.html")
    assert page.open == []
    assert not {"script", "link", "iframe", "object"} & set(page.tags)
    assert all((whole / name).is_file() for name in page.references)  # relative, hence no URL and no absolute path
    assert all(len(alt) > 20 for alt in page.images.values())
    text = (whole / "index.html").read_text(encoding="utf-8")
    assert "url(" not in text
    assert str(whole) not in text
    assert str(trees) not in text


def test_what_cannot_be_drawn_is_said(tmp_path: Path) -> None:
    data = simulated_data(tmp_path / "data", "1", 3)
    simulated_run(tmp_path / "runs", data, "dataset1/unet/fold0", 2.0)
    folder = simulated_run(tmp_path / "runs", data, "dataset1/fcn/fold0", 2.0)
    shutil.rmtree(folder / "masks")
    begun = tmp_path / "runs" / "dataset1" / "watershed" / "fold0"
    begun.mkdir(parents=True)
    (begun / "settings.json").write_text("{}")
    write_report(tmp_path / "runs", tmp_path / "out", [tmp_path / "data"])
    text = (tmp_path / "out" / "index.html").read_text()
    for said in (
        "dataset1/watershed/fold0: the run is not finished",
        "Figure 10 of Dataset 1: no run",
        "leave out FCN",
        "Figure 8: no run",
        "Figure 6: no run",
    ):
        assert said in text
    assert set(Page(tmp_path / "out" / "index.html").images) == {
        "figure9.png",
        *(f"figure{n}_dataset1.png" for n in (11, 12, 13)),
    }


def test_crops_of_lisc_are_cut_again_where_the_runs_lack_them(tmp_path: Path) -> None:
    lisc(tmp_path / "data" / "LISC")
    from train.data.open import read_dataset

    crops = samples_of("lisc", read_dataset(tmp_path / "data"), tmp_path / "elsewhere")
    truths = {sample.key: load(sample).instances > 0 for sample in crops}
    folder = write_fold(
        tmp_path / "runs", "lisc/unet/fold0", {key: six_metrics(truth, truth) for key, truth in truths.items()}
    )
    write_masks(folder, {key: truth.astype("float32") for key, truth in truths.items()})
    write_report(tmp_path / "runs", tmp_path / "out", [tmp_path / "data"])
    assert (tmp_path / "out" / "figure12_lisc.png").is_file()
    assert names_in(tmp_path / "runs" / "lisc") == {"unet"}


def test_a_trial_on_simulated_crops_is_reported_without_data_sets(tmp_path: Path) -> None:
    samples = samples_of(SIMULATED, [], tmp_path / "runs" / SIMULATED)[:4]
    truths = {sample.key: load(sample).instances > 0 for sample in samples}
    folder = write_fold(
        tmp_path / "runs", "simulated/unet/fold0", {key: six_metrics(truth, truth) for key, truth in truths.items()}
    )
    write_masks(folder, {key: truth.astype("float32") for key, truth in truths.items()})
    write_report(tmp_path / "runs", tmp_path / "runs" / "report", [tmp_path / "runs" / SIMULATED / "pictures"])
    assert "figure13_simulated.png" in names_in(tmp_path / "runs" / "report")
    write_report(tmp_path / "runs", tmp_path / "runs" / "report")  # a report inside the runs is no run


def committed(trees: Path, folder: Path) -> Path:
    """What would be committed of these runs: their CSV files and the report made from those."""
    for path in (trees / "runs").glob("*/*/fold*/*.csv"):
        copy = folder / "runs" / path.relative_to(trees / "runs")
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(path, copy)
    write_report(folder / "runs", folder)
    return folder


def test_csv_files_alone_give_the_tables_and_plots_of_the_whole_runs(trees: Path, tmp_path: Path) -> None:
    folder = committed(trees, tmp_path / "committed")
    write_report(trees / "runs", tmp_path / "whole")
    for name in names_in(tmp_path / "whole"):
        assert (tmp_path / "whole" / name).read_bytes() == (folder / name).read_bytes()


def test_a_committed_report_is_reproduced_from_its_csv_files(trees: Path, tmp_path: Path) -> None:
    assert reproduce(committed(trees, tmp_path / "committed"), tmp_path / "again") == []


def test_a_committed_report_that_does_not_follow_from_its_csv_files_is_told(trees: Path, tmp_path: Path) -> None:
    folder = committed(trees, tmp_path / "committed")
    path = folder / "runs" / "dataset1" / "unet" / "fold0" / "images.csv"
    path.write_text("\n".join(path.read_text().splitlines()[:-1]) + "\n")
    (folder / "figure10_dataset2.png").write_bytes(b"")
    (folder / "figure10_dataset1.png").unlink()
    assert reproduce(folder, tmp_path / "again") == [
        "figure10_dataset2.png is committed but the report does not write it",
        "analysis.md differs from the committed one",
        "figure10_dataset1.png is written by the report but not committed",
        "figure11_dataset1.png differs from the committed one",
        "index.html differs from the committed one",
        "table1.csv differs from the committed one",
        "table1.md differs from the committed one",
    ]


def test_what_was_measured_beside_the_csv_files_is_used_without_data(trees: Path, whole: Path, tmp_path: Path) -> None:
    folder = committed(trees, tmp_path / "committed")
    for name in MEASURED:
        shutil.copy(whole / name, folder / "runs")
    write_report(folder / "runs", folder)
    assert (folder / "analysis.md").read_text() == (whole / "analysis.md").read_text()
    assert reproduce(folder, tmp_path / "again") == []


def test_the_committed_results_are_reproduced(tmp_path: Path) -> None:
    assert reproduce(COMMITTED, tmp_path) == []


def test_nothing_committed_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="holds no folder runs"):
        reproduce(tmp_path, tmp_path / "out")


def test_the_analysis_lists_the_five_worst_and_counts_pixels_of_outline(tmp_path: Path) -> None:
    write_fold(tmp_path, "dataset1/fcn/fold0", {f"p{i}": metrics(0.8 + i / 50, i / 100) for i in range(8)})
    results = read_results(tmp_path)
    assert [row.key for row in worst_by_error(results.rows("dataset1", "fcn"))] == ["p7", "p6", "p5", "p4", "p3"]
    noise = [
        Measured(dataset="dataset1", change=change, images=8, metrics=metrics(0.9, error))
        for change, error in (("shrunk", 0.01), ("grown", 0.02))
    ]
    text = analysis_markdown(results, noise, [], [])
    mean = sum(range(8)) / 800
    assert f"| FCN | {mean:.5f} | {mean / 0.015:.2f} | 5 of 8 |\n" in text
    assert "| `p7` | 0 | 0.94000 |" in text
    assert "`p2`" not in text


def test_the_analysis_sets_other_thresholds_beside_the_paper(tmp_path: Path) -> None:
    write_fold(tmp_path, "dataset1/leukocytemask-aug-et/fold0", {"a": metrics(0.9, 0.01)})
    cut = Measured(dataset="dataset1", change="0.7", images=1, metrics=metrics(0.95, 0.02))
    text = analysis_markdown(read_results(tmp_path), [], [cut], [])
    assert "| 0.7 | 1 | 0.95000 |" in text
    assert "| paper, 0.5 |  | 0.99544 |" in text


def test_the_analysis_says_what_masks_on_proposals_change(tmp_path: Path) -> None:
    place = "dataset1/leukocytemask-aug-et/fold0"
    folder = write_fold(tmp_path / "runs", place, {"a": metrics(0.9, 0.01), "b": metrics(0.8, 0.03)})
    write_fold(tmp_path / "other", place, {"a": metrics(0.5, 0.2)}).rename(folder / "masks-on-proposals")
    text = analysis_markdown(read_results(tmp_path / "runs"), [], [], [])
    assert "| LeukocyteMask (Aug-ET), refined boxes | 2 | 0.85000 |" in text
    assert "| LeukocyteMask (Aug-ET), proposals | 1 | 0.50000 |" in text


def test_the_command_writes_the_report_and_names_its_files(
    trees: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["report", str(trees / "runs"), "--out", str(tmp_path / "out")]) == 0
    said = capsys.readouterr().out
    for name in names_in(tmp_path / "out"):
        assert f"wrote {tmp_path / 'out' / name}\n" in said
    assert said.splitlines()[-1] == f"open {tmp_path / 'out' / 'index.html'}"


def test_a_fault_ends_the_command_with_one_sentence_and_code_3(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_fold(tmp_path / "runs", "dataset1/resnet/fold0", {"a": metrics(0.9)})
    assert main(["report", str(tmp_path / "runs"), "--out", str(tmp_path / "out")]) == 3
    said = capsys.readouterr().err
    assert said.count("\n") == 1
    assert "names no method of the experiment" in said
    assert not (tmp_path / "out").exists()


def test_a_folder_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    write_fold(tmp_path / "runs", "dataset1/fcn/fold0", {"a": metrics(0.9)})
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigurationError, match=r"cannot be written to .*choose another --out"):
        write_report(tmp_path / "runs", tmp_path / "file")
