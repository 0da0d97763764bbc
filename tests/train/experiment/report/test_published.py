from __future__ import annotations

from dataclasses import astuple

import pytest

from train.experiment import methods
from train.experiment.report.published import (
    DATASET_TITLES,
    METHOD_TITLES,
    METRIC_TITLES,
    OWN_METHODS,
    PUBLISHED,
    contradicts_itself,
    highest_dice,
)
from train.metrics import SixMetrics
from train.report import METRICS

# the page as it is printed, read a second time
PRINTED = """
Dataset 1	Watershed	0.99268	0.61732	0.59585	0.00166	0.55657	0.18049
	FCN	0.96001	0.97342	0.96221	0.01833	0.01237	0.01621
	U-Net	0.93319	0.96163	0.94548	0.03231	0.00727	0.02390
	LeukocyteMask(noAug)	0.98982	0.97311	0.96214	0.00255	0.03055	0.01666
	LeukocyteMask(Aug-noET)	0.98918	0.97317	0.96373	0.00286	0.02660	0.01528
	LeukocyteMask(Aug-ET)	0.99544	0.98196	0.96975	0.00198	0.02277	0.01447
Dataset 2	Watershed	0.96203	0.66295	0.64202	0.00941	0.50111	0.13915
	FCN	0.94608	0.93881	0.92634	0.01747	0.06107	0.02770
	U-Net	0.96083	0.95589	0.94678	0.01254	0.04238	0.02015
	LeukocyteMask(noAug)	0.97785	0.96151	0.94365	0.00639	0.06352	0.02569
	LeukocyteMask(Aug-noET)	0.98929	0.96953	0.96073	0.00209	0.04160	0.01725
	LeukocyteMask(Aug-ET)	0.99432	0.98242	0.96671	0.00182	0.03645	0.01648
BCISC	Watershed	0.97407	0.83183	0.82264	0.00406	0.26130	0.05050
	FCN	0.94755	0.95826	0.95200	0.01075	0.02896	0.01377
	U-Net	0.93005	0.95082	0.94427	0.01472	0.02423	0.01664
	LeukocyteMask(noAug)	0.98064	0.96730	0.95537	0.00283	0.05201	0.01419
	LeukocyteMask(Aug-noET)	0.98248	0.96757	0.95846	0.00263	0.04191	0.01279
	LeukocyteMask(Aug-ET)	0.98947	0.97835	0.96471	0.00192	0.03540	0.01103
LISC	Watershed	0.81088	0.79061	0.74763	0.03738	0.21102	0.05426
	FCN	0.93018	0.91828	0.91827	0.00698	0.08280	0.01331
	U-Net	0.91661	0.93671	0.93557	0.00756	0.03848	0.01028
	LeukocyteMask(noAug)	0.98044	0.95956	0.95064	0.00137	0.06741	0.00869
	LeukocyteMask(Aug-noET)	0.98276	0.96562	0.95607	0.00121	0.05813	0.00791
	LeukocyteMask(Aug-ET)	0.98443	0.97428	0.95952	0.00117	0.05160	0.00784
"""


def test_the_rows_are_those_of_the_printed_table() -> None:
    by_title = {one.title: one for one in PUBLISHED.values()}
    methods_by_title = {title.replace(" (", "("): method for method, title in METHOD_TITLES.items()}
    read, dataset = 0, ""
    for line in PRINTED.strip().splitlines():
        name, method, *figures = line.split("\t")
        dataset = name or dataset
        assert astuple(by_title[dataset].rows[methods_by_title[method]]) == tuple(map(float, figures))
        read += 1
    assert read == sum(len(one.rows) for one in PUBLISHED.values()) == 24


def test_names_are_those_of_the_experiment() -> None:
    assert tuple(METHOD_TITLES) == tuple(methods.METHODS)
    assert tuple(PUBLISHED) == methods.PUBLISHED
    assert set(DATASET_TITLES) == set(methods.DATASETS)
    assert tuple(name for name, one in methods.METHODS.items() if one.network == "leukocytemask") == OWN_METHODS
    assert tuple(METRIC_TITLES) == METRICS


def test_the_sets_have_as_many_pictures_as_the_paper_says() -> None:
    assert {name: one.images for name, one in PUBLISHED.items()} == {
        "dataset1": 300,
        "dataset2": 100,
        "bcisc-sub": 268,
        "lisc": 257,
    }


def test_nine_rows_contradict_themselves_among_them_aug_et_on_all_but_dataset_1() -> None:
    faults = {
        (name, method) for name, one in PUBLISHED.items() for method, row in one.rows.items() if contradicts_itself(row)
    }
    assert len(faults) == 9
    assert {name for name, method in faults if method == "leukocytemask-aug-et"} == {"dataset2", "bcisc-sub", "lisc"}


@pytest.mark.parametrize(
    ("precision", "fnr", "highest"), [(1.0, 0.0, 1.0), (0.5, 0.5, 0.5), (1.0, 0.5, 2 / 3), (0.0, 1.0, 0.0)]
)
def test_the_highest_dice_is_the_harmonic_mean_of_precision_and_recall(
    precision: float, fnr: float, highest: float
) -> None:
    row = SixMetrics(precision=precision, dice=highest, miou=0.0, fpr=0.0, fnr=fnr, me=0.0)
    assert highest_dice(row) == pytest.approx(highest)
    assert not contradicts_itself(row)
