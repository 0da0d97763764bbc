"""The six methods and the data sets of the experiment, by the names that files and the command line use."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

MethodName = Literal[
    "watershed", "fcn", "unet", "leukocytemask-noaug", "leukocytemask-aug-noet", "leukocytemask-aug-et"
]
DatasetName = Literal["dataset1", "dataset2", "bcisc-sub", "lisc", "simulated"]
SIMULATED: DatasetName = "simulated"


@dataclass(frozen=True, slots=True, kw_only=True)
class Method:
    """How a method segments: its network (None for the watershed) and the key of its augmentation."""

    network: Literal["fcn", "unet", "leukocytemask"] | None
    augmentation: str | None


METHODS: dict[MethodName, Method] = {
    "watershed": Method(network=None, augmentation=None),
    "fcn": Method(network="fcn", augmentation="Aug-ET"),
    "unet": Method(network="unet", augmentation="Aug-ET"),
    "leukocytemask-noaug": Method(network="leukocytemask", augmentation="noAug"),
    "leukocytemask-aug-noet": Method(network="leukocytemask", augmentation="Aug-noET"),
    "leukocytemask-aug-et": Method(network="leukocytemask", augmentation="Aug-ET"),
}
DATASETS: dict[DatasetName, str] = {
    "dataset1": "'Dataset 1' of segmentation_WBC: 120x120 px crops",
    "dataset2": "'Dataset 2' of segmentation_WBC: 300x300 px crops",
    "bcisc-sub": "the labelled crops of BCISC: 256x256 px",
    "lisc": "LISC: 'Main Dataset' and 'Ground Truth Segmentation'",
    "simulated": "crops drawn by the simulator",
}
PUBLISHED: tuple[DatasetName, ...] = ("dataset1", "dataset2", "bcisc-sub", "lisc")
