"""The TOML files of the experiment."""

from __future__ import annotations

from pathlib import Path

import pytest

from edge.errors import ConfigurationError
from train.experiment.command import CONFIGS
from train.experiment.methods import DATASETS, METHODS
from train.experiment.report.published import METHOD_TITLES, PUBLISHED
from train.experiment.settings import build_settings, read_settings


def test_paper_toml_has_the_figures_of_section_3_3() -> None:
    settings = read_settings(CONFIGS / "paper.toml")
    for dataset in DATASETS:
        for method in METHODS:
            training = settings.training_of(dataset, method)
            assert (training.optimizer, training.momentum, training.batch) == ("sgd", 0.9, 2)
            assert (training.learning_rate, training.weight_decay) == (1e-3, 2e-4)
            assert training.ema == 0


def test_paper_toml_gives_each_set_the_input_size_nearest_to_its_crops_and_cpu_toml_shrinks_the_large_ones() -> None:
    for name, large in (("paper.toml", 256), ("cpu.toml", 192)):
        settings = read_settings(CONFIGS / name)
        sizes = {dataset: settings.input_px_of(dataset) for dataset in DATASETS}
        assert sizes == {"dataset1": 128, "dataset2": large, "bcisc-sub": large, "lisc": large, "simulated": 128}


def test_methods_and_data_sets_have_the_names_of_the_report() -> None:
    assert list(METHODS) == list(METHOD_TITLES)
    assert set(PUBLISHED) <= set(DATASETS)


def test_a_method_overrides_its_data_set_which_overrides_the_rest() -> None:
    settings = build_settings(
        {
            "training": {"epochs": 7, "batch": 3},
            "datasets": {"dataset2": {"epochs": 8, "batch": 4}},
            "methods": {"unet": {"epochs": 9}},
        },
        "test",
    )
    assert settings.training_of("dataset1", "fcn").epochs == 7
    assert settings.training_of("dataset2", "fcn").epochs == 8
    assert (settings.training_of("dataset2", "unet").epochs, settings.training_of("dataset2", "unet").batch) == (9, 4)
    fewer = settings.with_epochs(2)
    assert {fewer.training_of(d, m).epochs for d in DATASETS for m in METHODS} == {2}
    assert fewer.training_of("dataset2", "unet").batch == 4


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"sede": 1}, "sede: Extra inputs"),
        ({"training": {"lr": 1}}, "training.lr: Extra inputs"),
        ({"training": {"epochs": 0}}, "training.epochs"),
        ({"input_px": {"dataset1": 120}}, "input_px.dataset1: Input should be a multiple of 64"),
        ({"input_px": {"dataset9": 128}}, "dataset9"),
        ({"methods": {"unet": {"lr": 1}}}, "unet: lr: Extra inputs"),
        ({"methods": {"u-net": {}}}, "u-net"),
    ],
)
def test_what_is_not_a_setting_is_refused_by_name(values: dict, words: str) -> None:
    with pytest.raises(ConfigurationError, match=words):
        build_settings(values, "test.toml")


def test_all_faults_are_told_at_once() -> None:
    with pytest.raises(ConfigurationError, match=r"test\.toml: seed: .*; training\.batch: "):
        build_settings({"seed": -1, "training": {"batch": 0}}, "test.toml")


def test_a_file_that_is_missing_or_no_toml_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="cannot be read"):
        read_settings(tmp_path / "none.toml")
    (tmp_path / "bad.toml").write_text("epochs =")
    with pytest.raises(ConfigurationError, match="not valid TOML"):
        read_settings(tmp_path / "bad.toml")


def test_epochs_below_one_are_refused() -> None:
    with pytest.raises(ConfigurationError, match=r"the command line: training\.epochs"):
        build_settings({}, "test").with_epochs(0)
