"""How long publishing takes: `python -m tests.bench.bench_publish [--cells 20] [--diameter-px 300]`.

Prints medians over a 2048x1536 frame: what the loop pays (`write`), what the publisher's thread pays for each cell,
the same with pycocotools on a bitmap of the full picture, and the size of a message.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import time
from collections.abc import Callable

import msgspec
import numpy as np
from pycocotools import mask as coco

from edge.geometry import paste_mask
from edge.link.body import result_body
from edge.types import SegmentedFrame
from tests.edge.link.rig import publishing
from tests.edge.link.samples import CONTEXT, segmented_frame

SIZE = (2048, 1536)


def median_ms(work: Callable[[], object], repeats: int) -> float:
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        work()
        times.append(time.perf_counter() - start)
    return statistics.median(times) * 1e3


def crowded_frame(cells: int, diameter_px: int) -> SegmentedFrame:
    corners = np.random.default_rng(0).uniform((0, 0), np.array(SIZE) - diameter_px, (cells, 2))
    return segmented_frame(0, tuple((x, y, x + diameter_px, y + diameter_px) for x, y in corners), size=SIZE)


def encode_full_bitmaps(result: SegmentedFrame) -> None:
    """The plain way, for comparison."""
    for mask, box in zip(result.instances.masks, result.instances.mask_boxes, strict=True):
        patch = paste_mask(mask, box, *SIZE)
        bitmap = np.zeros(SIZE[::-1], np.uint8, order="F")
        bitmap[patch.window] = patch.values >= 0.5
        coco.encode(bitmap)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--cells", type=int, default=20)
    parser.add_argument("--diameter-px", type=int, default=300)
    parser.add_argument("--repeats", type=int, default=50)
    options = parser.parse_args()
    result = crowded_frame(options.cells, options.diameter_px)
    body = median_ms(lambda: result_body(result, CONTEXT), options.repeats)
    plain = median_ms(lambda: encode_full_bitmaps(result), 5)
    message = msgspec.json.encode(result_body(result, CONTEXT))
    encode = median_ms(lambda: msgspec.json.encode(result_body(result, CONTEXT)), options.repeats) - body
    with publishing() as publisher:
        write = median_ms(lambda: publisher.write(result), options.repeats)
    sys.stdout.write(
        f"{options.cells} cells of {options.diameter_px} px in {SIZE[0]}x{SIZE[1]}\n"
        f"write (the loop)          {write:8.3f} ms a frame\n"
        f"result_body               {body:8.3f} ms a frame, {body / options.cells:.3f} ms a cell\n"
        f"full bitmaps, pycocotools {plain:8.3f} ms a frame, {plain / options.cells:.3f} ms a cell\n"
        f"JSON                      {encode:8.3f} ms a frame, {len(message)} bytes\n"
    )


if __name__ == "__main__":
    main()
