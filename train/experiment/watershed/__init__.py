"""The classical baseline: a marker-controlled watershed with a colour and a shape transformation.

In the manner of S. Arslan, E. Ozyurek, C. Gunduz-Demir, "A color and shape based algorithm for segmentation of white
blood cells in peripheral blood and bone marrow images", Cytometry Part A 85(6):480-490, 2014 (the paper's Ref. [8]).

What is known of the original, from the programs that its authors published with it (nothing of them is used here):
blue minus green as the colour transformation; a mask by Otsu's threshold, refined by active contours without edges
that start at a second Otsu threshold within the first; the distance to the mask's outline as the shape
transformation, its minima deeper than h as markers; a watershed on distance times colour; regions in which no circle
of radius R has room are dropped; a majority filter of width W smooths the outlines. h, R and W are set by hand.

What is kept: blue minus green, the two Otsu thresholds, the distance transform with markers of depth h, a watershed
whose surface joins colour and shape, the circle R and the majority filter W.

What is ours, so that the baseline finds cytoplasm as well as nuclei and fits other stains than the original's:
the clear ground is set to white first; a second colour map, of which blue minus green and the darkness of green are
cases, shows the cytoplasm; the watershed of that map's edges, with a ground marker and a limit on the
distance from the nucleus, takes the place of the active contours; lobes are closed up, holes filled and, where it
helps, cells filled to their convex hull; all settings are tuned on the training pictures.
"""

from train.experiment.watershed.segment import label_cells, segment_watershed
from train.experiment.watershed.settings import WatershedSettings
from train.experiment.watershed.tuning import tune

__all__ = ["WatershedSettings", "label_cells", "segment_watershed", "tune"]
