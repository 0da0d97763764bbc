"""A run with nothing but the live window, looked at from outside.

python -m tests.edge.sinks.overlay_session SNAPSHOTS WIDTH HEIGHT CELLS

Ends when the window ends it, or with code 3 after a minute; prints what happened as JSON.
"""

from __future__ import annotations

import json
import logging
import sys
import threading
import time
from pathlib import Path

import numpy as np

from edge.draw import OverlayStyle
from edge.sinks.overlay import Overlay
from edge.types import Frame, Instances, Quality, SegmentedFrame

LONGEST_S = 60.0
TITLE = "LeukoEdge test"
CELL_SHARE = 0.2
"""Width of the first cell as a share of the picture's; it lies in the picture's upper left."""


def result(index: int, width: int, height: int, cells: int) -> SegmentedFrame:
    """A grey picture whose brightness tells its index, with disc-shaped cells in a row."""
    image = np.full((height, width, 3), 60 + index * 5 % 150, np.uint8)
    side = CELL_SHARE * width
    boxes = np.array([[0.1 * width + i * 1.2 * side, 0.2 * height] for i in range(cells)], np.float32).reshape(-1, 2)
    boxes = np.concatenate([boxes, boxes + np.float32(side)], axis=1)
    grid = (np.arange(28, dtype=np.float32) + 0.5) / 14 - 1
    disc = np.clip(4 * (1 - np.hypot(grid[:, None], grid[None])), 0, 1).astype(np.float32)
    return SegmentedFrame(
        frame=Frame(image=image, index=index, source="test", capture_t_ns=time.time_ns(), capture_mono_ns=0),
        instances=Instances(
            boxes=boxes,
            scores=np.full(cells, 0.97, np.float32),
            labels=np.zeros(cells, np.int32),
            masks=np.broadcast_to(disc, (cells, 28, 28)).copy(),
            mask_boxes=boxes,
            truncated=cells > 2,
        ),
        quality=Quality(focus=1.0, clip_hi=0.0, bg_rgb=(0, 0, 0), countable=False, reasons=("out_of_focus",)),
    )


def main(arguments: list[str]) -> int:
    logging.basicConfig(level=logging.INFO)
    snapshots = Path(arguments[0])
    width, height, cells = (int(word) for word in arguments[1:])
    stop = threading.Event()
    overlay = Overlay(OverlayStyle(um_per_px=0.1), stop, snapshots, TITLE)
    written, began_s = 0, time.monotonic()
    while not stop.is_set() and time.monotonic() - began_s < LONGEST_S:
        overlay.write(result(written, width, height, cells))
        written += 1
        time.sleep(0.02)
    overlay.close()
    json.dump({"stopped": stop.is_set(), "written": written, "failures": overlay.failures}, sys.stdout)
    return 0 if stop.is_set() else 3


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
