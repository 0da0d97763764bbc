"""Table 1 of the paper as data: six metrics of six methods on four data sets."""

from __future__ import annotations

from dataclasses import dataclass

from train.experiment.methods import SIMULATED
from train.metrics import SixMetrics
from train.report import METRICS

METRIC_TITLES = {"precision": "Precision", "dice": "Dice", "miou": "mIoU", "fpr": "FPR", "fnr": "FNR", "me": "ME"}
BETTER_HIGH = ("precision", "dice", "miou")
FOLDS = 5  # section 3.3

METHOD_TITLES = {
    "watershed": "Watershed",
    "fcn": "FCN",
    "unet": "U-Net",
    "leukocytemask-noaug": "LeukocyteMask (noAug)",
    "leukocytemask-aug-noet": "LeukocyteMask (Aug-noET)",
    "leukocytemask-aug-et": "LeukocyteMask (Aug-ET)",
}
OWN_METHODS = ("leukocytemask-noaug", "leukocytemask-aug-noet", "leukocytemask-aug-et")


@dataclass(frozen=True, slots=True, kw_only=True)
class PublishedSet:
    """One data set of the paper: how it is called there, how many pictures it has (section 3.1), its rows."""

    title: str
    images: int
    rows: dict[str, SixMetrics]


def _rows(*table: tuple[float, float, float, float, float, float]) -> dict[str, SixMetrics]:
    return {
        method: SixMetrics(**dict(zip(METRICS, row, strict=True)))
        for method, row in zip(METHOD_TITLES, table, strict=True)
    }


# rows in the order of METHOD_TITLES, columns in the order of METRICS
PUBLISHED = {
    "dataset1": PublishedSet(
        title="Dataset 1",
        images=300,
        rows=_rows(
            (0.99268, 0.61732, 0.59585, 0.00166, 0.55657, 0.18049),
            (0.96001, 0.97342, 0.96221, 0.01833, 0.01237, 0.01621),
            (0.93319, 0.96163, 0.94548, 0.03231, 0.00727, 0.02390),
            (0.98982, 0.97311, 0.96214, 0.00255, 0.03055, 0.01666),
            (0.98918, 0.97317, 0.96373, 0.00286, 0.02660, 0.01528),
            (0.99544, 0.98196, 0.96975, 0.00198, 0.02277, 0.01447),
        ),
    ),
    "dataset2": PublishedSet(
        title="Dataset 2",
        images=100,
        rows=_rows(
            (0.96203, 0.66295, 0.64202, 0.00941, 0.50111, 0.13915),
            (0.94608, 0.93881, 0.92634, 0.01747, 0.06107, 0.02770),
            (0.96083, 0.95589, 0.94678, 0.01254, 0.04238, 0.02015),
            (0.97785, 0.96151, 0.94365, 0.00639, 0.06352, 0.02569),
            (0.98929, 0.96953, 0.96073, 0.00209, 0.04160, 0.01725),
            (0.99432, 0.98242, 0.96671, 0.00182, 0.03645, 0.01648),
        ),
    ),
    "bcisc-sub": PublishedSet(
        title="BCISC",
        images=268,
        rows=_rows(
            (0.97407, 0.83183, 0.82264, 0.00406, 0.26130, 0.05050),
            (0.94755, 0.95826, 0.95200, 0.01075, 0.02896, 0.01377),
            (0.93005, 0.95082, 0.94427, 0.01472, 0.02423, 0.01664),
            (0.98064, 0.96730, 0.95537, 0.00283, 0.05201, 0.01419),
            (0.98248, 0.96757, 0.95846, 0.00263, 0.04191, 0.01279),
            (0.98947, 0.97835, 0.96471, 0.00192, 0.03540, 0.01103),
        ),
    ),
    "lisc": PublishedSet(
        title="LISC",
        images=257,
        rows=_rows(
            (0.81088, 0.79061, 0.74763, 0.03738, 0.21102, 0.05426),
            (0.93018, 0.91828, 0.91827, 0.00698, 0.08280, 0.01331),
            (0.91661, 0.93671, 0.93557, 0.00756, 0.03848, 0.01028),
            (0.98044, 0.95956, 0.95064, 0.00137, 0.06741, 0.00869),
            (0.98276, 0.96562, 0.95607, 0.00121, 0.05813, 0.00791),
            (0.98443, 0.97428, 0.95952, 0.00117, 0.05160, 0.00784),
        ),
    ),
}

DATASET_TITLES = {name: one.title for name, one in PUBLISHED.items()} | {SIMULATED: "Simulated crops (trial run)"}


def highest_dice(row: SixMetrics) -> float:
    """The most that a mean Dice can be beside these means of precision P and recall R = 1 - FNR: 2PR / (P + R).

    Per picture Dice is the harmonic mean of precision and recall, which is concave in both, so the mean of the
    harmonic means never exceeds the harmonic mean of the means (Jensen).
    """
    recall = 1 - row.fnr
    return 2 * row.precision * recall / (row.precision + recall) if row.precision + recall else 0.0


def contradicts_itself(row: SixMetrics) -> bool:
    """True for a row of means whose Dice is higher than its precision and FNR allow."""
    return row.dice > highest_dice(row)
