"""A labelled picture of a published data set or of a user, and how it is read."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Protocol

import cv2
import numpy as np
from numpy.typing import NDArray

from edge.errors import ConfigurationError
from edge.types import Image, Ints

Part = Literal["train", "valid"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Truth:
    """The labels of one picture.

    Attributes
    ----------
    instances : int32 [H, W], 0 background, 1..N one id per white cell
    ignore : bool [H, W], True where nobody knows whether there is a white cell; None if that is nowhere
    """

    instances: Ints
    ignore: NDArray[np.bool_] | None = None


class Labels(Protocol):
    """Where the truth of one picture lies and how its data set writes it."""

    def read(self, height: int, width: int) -> Truth:
        """The truth for a picture of this size; raises ConfigurationError naming a file that cannot be used."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """One picture of a data set; nothing is read until `load`.

    Attributes
    ----------
    dataset : "dataset1", "dataset2", "bcisc-sub", "bcisc-field", "dranet", "lisc", "coco" or "folder"
    source_id : name of the picture, unique within its data set and free of the folder that the set lies in
    group : samples that share it show the same cells and never part in a split; unique across data sets
    kind : cell class ("neutrophil", ...) where the data set gives one
    labels : where the truth lies; None if the picture is not (fully) labelled
    complete : True if every white cell in the picture is labelled
    published_part : the part of the publisher's own split that the picture belongs to, if there is one
    """

    image_path: Path
    dataset: str
    source_id: str
    group: str
    kind: str | None = None
    labels: Labels | None = None
    complete: bool = True
    published_part: Part | None = None

    @property
    def annotated(self) -> bool:
        """False for pictures without usable masks; they are good for looking at only."""
        return self.labels is not None

    @property
    def key(self) -> str:
        """Name of the sample across all data sets, the same on every machine."""
        return f"{self.dataset}/{self.source_id}"


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadedSample:
    """Pixels and truth of one picture.

    Attributes
    ----------
    image : uint8 BGR [H, W, 3]
    instances, ignore : see `Truth`
    """

    image: Image
    instances: Ints
    ignore: NDArray[np.bool_] | None = None


def load(sample: Sample) -> LoadedSample:
    """Read a sample's picture and truth; a picture without labels has unknown truth everywhere."""
    image = read_image(sample.image_path)
    height, width = image.shape[:2]
    if sample.labels is None:
        return LoadedSample(
            image=image, instances=np.zeros((height, width), np.int32), ignore=np.ones((height, width), bool)
        )
    truth = sample.labels.read(height, width)
    return LoadedSample(image=image, instances=truth.instances, ignore=truth.ignore)


def read_image(path: Path) -> Image:
    """Decode a picture file as uint8 BGR [H, W, 3]; raises ConfigurationError, naming the file, if that fails."""
    return np.asarray(decode(path, cv2.IMREAD_COLOR), np.uint8)


def decode(path: Path, flags: int) -> NDArray:
    """Decode a picture file as OpenCV's `flags` say; raises ConfigurationError, naming the file, if that fails."""
    try:
        content = np.fromfile(path, np.uint8)
    except OSError as error:
        raise ConfigurationError(
            f"the picture {path} cannot be read ({error.strerror}); check the folder and its permissions"
        ) from error
    image = cv2.imdecode(content, flags) if content.size else None
    if image is None:
        raise ConfigurationError(f"{path} is not a readable picture, it may be damaged; fetch it again or take it away")
    return np.asarray(image)


def same_size(path: Path, mask: NDArray, height: int, width: int) -> None:
    """Raise ConfigurationError if a mask [H, W] read from `path` does not have the size of its picture."""
    if mask.shape[:2] != (height, width):
        raise ConfigurationError(
            f"the mask {path} is {mask.shape[1]}x{mask.shape[0]} px but its picture is {width}x{height} px; "
            "give a mask of the picture's own size"
        )
