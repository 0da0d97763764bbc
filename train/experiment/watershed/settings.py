"""What the watershed can be set to."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class WatershedSettings:
    """The settings of `segment_watershed`; `dataclasses.asdict` gives JSON, `WatershedSettings(**...)` takes it back.

    Lengths are in pixels of the picture. The defaults are a start for crops of about 120 px; `tune` finds better ones.

    Attributes
    ----------
    background_percentile : the grey value of each channel that is taken for clear ground, percent of its pixels
    smoothing_px : standard deviation of the Gaussian that the picture is smoothed with; 0 leaves it
    blue_weight : 0 is the darkness of green, which shows pale cytoplasm best; 1 is Arslan's blue minus green, which
        weakens red cells; more weakens them further (see `cell_map`)
    nucleus_level : nuclei begin at the first Otsu threshold (0), at the second, which parts the stained pixels anew
        (1), or between
    lobe_gap_px : stained parts nearer than about twice this are lobes of one nucleus
    marker_depth_px : h of the h-maxima that part touching nuclei: a neck must be this much narrower than both sides
    cell_level : what is stained this strongly, in parts of the nuclei's own stain, is cell
    doubt : what is stained less than (1 - doubt) x cell_level is ground; between, the watershed decides
    shape_weight : how much the distance from the nucleus counts in that decision, against the colour's edges
    reach_px : cytoplasm reaches no further from its nucleus
    circle_radius_px : a cell in which no circle of this radius has room is dropped
    majority_px : half width of the square in which the majority smooths the outline; 0 leaves it
    convex : fill each cell up to its convex hull
    """

    background_percentile: float = 80.0
    smoothing_px: float = 1.0
    blue_weight: float = 0.5
    nucleus_level: float = 0.0
    lobe_gap_px: int = 2
    marker_depth_px: float = 2.0
    cell_level: float = 0.3
    doubt: float = 0.2
    shape_weight: float = 0.5
    reach_px: float = 25.0
    circle_radius_px: float = 8.0
    majority_px: int = 2
    convex: bool = False
