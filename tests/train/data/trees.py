"""Small data sets in the publishers' layouts, drawn by the tests."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

Mask = NDArray[np.uint8]


def picture(height: int, width: int, seed: int = 0) -> NDArray[np.uint8]:
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), np.uint8)


def disc(height: int, width: int, x: int, y: int, radius: int, value: int = 255) -> Mask:
    rows, columns = np.mgrid[:height, :width]
    return np.where((columns - x) ** 2 + (rows - y) ** 2 <= radius**2, value, 0).astype(np.uint8)


def save(path: Path, pixels: NDArray) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    assert cv2.imwrite(str(path), pixels)
    return path


def segmentation_wbc(root: Path) -> Path:
    """Dataset 1 with two pictures, Dataset 2 with one whose mask has stray greys."""
    for name, stray in (("Dataset 1/001", 0), ("Dataset 1/002", 0), ("Dataset 2/010", 30)):
        save(root / f"{name}.bmp", picture(60, 80, seed=int(name[-3:])))
        mask = np.maximum(disc(60, 80, 40, 30, 20, 128), disc(60, 80, 40, 30, 8, 255))
        mask[0, :5] = stray
        save(root / f"{name}.png", mask)
    (root / "Class Labels of Dataset 1.csv").write_text("image ID,class label\n1,2\n2,5\n")
    return root


def bcisc(root: Path) -> Path:
    """Five fields: one mask, two masks in 0/1, two cells in one lossy mask, one mask too few, one cell saved twice."""
    fields = root / "original-images" / "neut"
    crops = root / "sub-images"
    left, right = disc(96, 128, 30, 40, 15), disc(96, 128, 90, 60, 18)
    masks: dict[str, dict[str, NDArray]] = {
        "1-1": {"1-1.png": left},
        "1-2": {"1-2(1).png": left // 255, "1-2(2).png": right // 255},
        "1-3": {"1-3.png": _lossy(np.maximum(left, right))},
        "1-4": {"1-4_2.png": right},
        "1-5": {"1-5.png": left, "1-5(1).png": left, "1-5(2).png": right},
    }
    crops_per_field = {"1-1": 1, "1-2": 2, "1-3": 2, "1-4": 2, "1-5": 1}
    for seed, (field, files) in enumerate(masks.items()):
        save(fields / f"{field}.jpg", picture(96, 128, seed))
        for name, mask in files.items():
            save(fields / name, mask)
        for number in range(crops_per_field[field]):
            save(crops / "images" / f"neut_{field}_{number}.jpg", picture(32, 32, seed * 10 + number))
            save(crops / "masks" / f"neut_{field}_{number}.png", disc(32, 32, 16, 16, 9))
    return root


def _lossy(mask: Mask) -> NDArray:
    """Three channels after a JPEG round trip, as some published masks are."""
    noisy = np.random.default_rng(0).normal(mask.astype(float), 6).clip(0, 255).astype(np.uint8)
    return np.dstack([noisy] * 3)


def dranet(root: Path) -> Path:
    """Two training pictures (a neutrophil pair with a speck, an erythroblast) and one held-out monocyte."""
    pair = np.maximum(disc(64, 64, 15, 20, 10, 3), disc(64, 64, 45, 40, 9, 3))
    pair[0, 0] = 3
    labels = {"train/3001": pair, "train/6001": disc(64, 64, 30, 30, 12, 6), "valid/5001": disc(64, 64, 30, 30, 12, 5)}
    for seed, (name, label) in enumerate(labels.items()):
        part, stem = name.split("/")
        save(root / part / "image" / f"{stem}.jpg", picture(64, 64, seed))
        save(root / part / "label" / f"{stem}.png", label)
    return root


def lisc(root: Path) -> Path:
    """A basophil and a mixed picture at the published size; masks with nucleus and cytoplasm levels."""
    for seed, (folder, cells) in enumerate({"Baso": [(100, 200)], "mixt": [(100, 200), (500, 300)]}.items()):
        save(root / "Main Dataset" / folder / "1.bmp", picture(576, 720, seed))
        mask = np.zeros((568, 712), np.uint8)
        for x, y in cells:
            mask = np.maximum(mask, np.maximum(disc(568, 712, x, y, 40, 100), disc(568, 712, x, y, 20, 255)))
        save(root / "Ground Truth Segmentation" / folder / "areaforexpert1" / "1_expert.bmp", mask)
    return root
