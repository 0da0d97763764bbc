"""What the simulated smear costs: drawing the slide, one frame of the camera, one small training picture.

    python tests/bench/bench_simulator.py [--size 2048x1536] [--frames 200]

One thread; medians of wall-clock time, so run it on a machine that does nothing else.
"""

from __future__ import annotations

import argparse
import statistics
import time

import cv2

from edge.cameras.synthetic import open_synthetic
from edge.simulator import SmearParameters, draw_field


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--size", default="2048x1536", help="of the window, WIDTHxHEIGHT in px")
    parser.add_argument("--frames", type=int, default=200)
    arguments = parser.parse_args()
    cv2.setNumThreads(1)

    camera = open_synthetic(f"synth://smear?seed=1&fps=0&size={arguments.size}&frames={arguments.frames + 1}")
    times_ms = []
    before = time.perf_counter()
    for _ in camera.frames():
        times_ms.append(1e3 * (time.perf_counter() - before))
        before = time.perf_counter()
    slide_ms, *frames_ms = times_ms
    print(f"slide and first frame  {slide_ms / 1e3:8.2f} s")
    print(f"frame {arguments.size:>15}  {statistics.median(frames_ms):8.2f} ms")

    for cell_px in (25.0, 60.0, 110.0, 400.0):
        fields_ms = []
        for seed in range(9):
            before = time.perf_counter()
            draw_field(SmearParameters(seed=seed, white_cell_px=cell_px), 512, 384)
            fields_ms.append(1e3 * (time.perf_counter() - before))
        print(f"field 512x384, cells of {cell_px:3.0f} px  {statistics.median(fields_ms):8.2f} ms")


if __name__ == "__main__":
    main()
