"""The colour and the shape transformation: what the watershed floods and where it starts.

Both colour maps are made of the picture after its clear ground was set to white, so that one setting serves smears on
yellow, pink and grey ground.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray
from skimage.filters import threshold_otsu
from skimage.measure import label
from skimage.morphology import local_maxima, reconstruction
from skimage.segmentation import watershed

from edge.types import Floats, Image, Ints
from train.experiment.watershed.settings import WatershedSettings

Mask = NDArray[np.bool_]

WHITE = 255.0
FAINTEST_STAIN = 12.0  # grey levels between nuclei and the rest; sensor noise parts two classes by less
SMALLEST_NUCLEUS = 0.001  # of the picture's pixels; a platelet or a grain of stain is smaller


def whiten(image: Image, settings: WatershedSettings) -> Floats:
    """Smooth a picture uint8 BGR [H, W, 3] and scale each channel so that clear ground is 255; float32, 0..255."""
    smooth: Floats = image.astype(np.float32)
    if settings.smoothing_px > 0:
        smooth = np.asarray(cv2.GaussianBlur(smooth, (0, 0), settings.smoothing_px), np.float32)
    ground = np.percentile(smooth.reshape(-1, 3), settings.background_percentile, axis=0)
    return np.minimum(smooth * (WHITE / np.maximum(ground, 1.0)), WHITE).astype(np.float32)


def nucleus_map(white: Floats) -> Floats:
    """Arslan's colour transformation, blue minus green: float32 [H, W], 0..255, large where purple."""
    return np.maximum(white[..., 0] - white[..., 1], 0.0)


def cell_map(white: Floats, blue_weight: float) -> Floats:
    """How much green is lacking, less `blue_weight` times how much blue is: float32 [H, W], 0..255.

    Haemoglobin absorbs blue as it does green, cytoplasm and nuclei absorb green far more.
    """
    return np.maximum((WHITE - white[..., 1]) - blue_weight * (WHITE - white[..., 0]), 0.0)


def find_nuclei(purple: Floats, settings: WatershedSettings) -> Mask:
    """The stained parts of a nucleus map, bool [H, W]: gaps between lobes closed, holes filled, specks dropped."""
    stained = _stained(purple, settings.nucleus_level)
    if not stained.any():
        return stained
    nuclei = stained.astype(np.uint8)
    if settings.lobe_gap_px > 0:
        nuclei = _close(nuclei, settings.lobe_gap_px)
    outlines, _ = cv2.findContours(nuclei, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    nuclei = np.asarray(cv2.drawContours(nuclei, outlines, -1, 1, cv2.FILLED), np.uint8)
    _, labels, stats, _ = cv2.connectedComponentsWithStats(nuclei, connectivity=4)
    large = stats[:, cv2.CC_STAT_AREA] >= SMALLEST_NUCLEUS * purple.size
    large[0] = False
    return np.asarray(large[labels])


def _stained(purple: Floats, level: float) -> Mask:
    """Otsu's threshold (level 0), Otsu's threshold among what lies above it (1), or between; nothing if too faint."""
    nothing = np.zeros(purple.shape, bool)
    if purple.max() - purple.min() < FAINTEST_STAIN:
        return nothing
    outer = float(threshold_otsu(purple))
    stained = purple > outer
    values, rest = purple[stained], purple[~stained]
    if not values.size or not rest.size or float(values.mean() - rest.mean()) < FAINTEST_STAIN:
        return nothing
    inner = float(threshold_otsu(values)) if values.max() > values.min() else outer
    return np.asarray(purple > outer + level * (inner - outer))


def part_nuclei(nuclei: Mask, depth_px: float) -> Ints:
    """The shape transformation: number the nuclei, touching ones parted at their necks; int32 [H, W], 0 outside.

    Markers are the maxima of the distance to the outline that stand out by `depth_px`; the distance is flooded from
    them. Each connected part is worked on in its own box, which is many times faster than the whole picture.
    """
    numbers = np.zeros(nuclei.shape, np.int32)
    distance = inner_distance(nuclei)
    count, parts, stats, _ = cv2.connectedComponentsWithStats(nuclei.astype(np.uint8), connectivity=4)
    for part in range(1, count):
        left, top, width, height = stats[part, :4]
        box = np.s_[top : top + height, left : left + width]
        mask = np.pad(parts[box] == part, 1)  # a part that fills its box has no maximum without lower ground around
        inner = np.where(mask, np.pad(distance[box], 1), 0.0)
        depth = min(max(depth_px, 0.5), 0.9 * float(inner.max()))  # so that a small nucleus keeps its one marker
        markers = label(local_maxima(reconstruction(inner - depth, inner)), connectivity=2)
        parted = watershed(-inner, markers, mask=mask)[1:-1, 1:-1]
        numbers[box][parted > 0] = parted[parted > 0] + numbers.max()
    return numbers


def inner_distance(mask: Mask) -> Floats:
    """Distance in px of each pixel in a mask bool [H, W] to the nearest one outside; the picture's edge is outside."""
    padded = cv2.copyMakeBorder(mask.astype(np.uint8), 1, 1, 1, 1, cv2.BORDER_CONSTANT, value=0)
    return np.asarray(cv2.distanceTransform(padded, cv2.DIST_L2, cv2.DIST_MASK_PRECISE)[1:-1, 1:-1])


def outer_distance(mask: Mask) -> Floats:
    """Distance in px of each pixel to the nearest pixel of a mask bool [H, W] that holds any."""
    return np.asarray(cv2.distanceTransform((~mask).astype(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_PRECISE))


def _close(mask: NDArray[np.uint8], radius: int) -> NDArray[np.uint8]:
    """Morphological closing with a disc, as if the mask went on empty beyond the picture's edge."""
    disc = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * radius + 1, 2 * radius + 1))
    wide = cv2.copyMakeBorder(mask, radius, radius, radius, radius, cv2.BORDER_CONSTANT, value=0)
    closed = cv2.morphologyEx(wide, cv2.MORPH_CLOSE, disc)
    return np.asarray(closed[radius:-radius, radius:-radius])
