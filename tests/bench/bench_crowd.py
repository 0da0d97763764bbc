"""What a crowded field costs: 20 cells beside 1, from tensor to run-length codes, interleaved in one run.

python -m tests.bench.bench_crowd [--model FILE.onnx] [--provider P] [--cells 20] [--rounds 60]
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path

import numpy as np

from edge.geometry import Letterbox
from edge.link.body import cell_runs
from edge.link.rle import encode_counts
from edge.postprocess import postprocess
from edge.preprocess import preprocess
from edge.providers import PROVIDERS
from edge.segmenters import open_segmenter
from edge.segmenters.protocol import Segmenter
from edge.simulator import SmearParameters, draw_field
from edge.types import Floats, Image


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", type=Path, help="default: the packaged model")
    parser.add_argument("--cells", type=int, default=20, help="cells of the crowded field (default: 20)")
    parser.add_argument("--provider", choices=PROVIDERS, help="as of edge-run")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=60)
    options = parser.parse_args()

    segmenter = open_segmenter(options.model, threads=options.threads, provider=options.provider)
    fields = [preprocess(field_with(segmenter, wanted), segmenter.spec) for wanted in (1, options.cells)]
    seconds: tuple[list[float], list[float]] = ([], [])
    for _ in range(options.rounds + 5):
        for (tensor, letterbox), times in zip(fields, seconds, strict=True):
            start = time.perf_counter()
            segment_and_encode(segmenter, tensor, letterbox)
            times.append(time.perf_counter() - start)
    one, many = (np.array(times[5:]) for times in seconds)
    low, high = np.quantile(many / one, [0.25, 0.75])
    print(f"{segmenter.spec.name} on {segmenter.backend}, {options.threads} threads, {options.rounds} rounds")
    print(f"1 cell:   median {1e3 * np.median(one):.1f} ms")
    print(f"{options.cells} cells: median {1e3 * np.median(many):.1f} ms")
    print(f"ratio:    {np.median(many) / np.median(one):.2f} (quartiles of the pairs {low:.2f} to {high:.2f})")


def field_with(segmenter: Segmenter, wanted: int) -> Image:
    """A simulated field in which the model finds so many cells."""
    for seed in range(400):
        parameters = SmearParameters(
            seed=seed, white_cell_px=70, density=0.75 * wanted + 0.3, red_cover=0.3, touching=0
        )
        image, truth = draw_field(parameters, 640, 480)
        if abs(len(truth) - wanted) > 0.2 * wanted:
            continue
        tensor, letterbox = preprocess(image, segmenter.spec)
        if segment_and_encode(segmenter, tensor, letterbox) == wanted:
            return image
    raise SystemExit(f"no simulated field in which the model finds {wanted} cells; ask for fewer --cells")


def segment_and_encode(segmenter: Segmenter, tensor: Floats, letterbox: Letterbox) -> int:
    """What the camera loop does with a frame up to what is published; returns the number of cells."""
    cells = postprocess(segmenter.segment(tensor), letterbox, segmenter.spec)
    size = (letterbox.source_width, letterbox.source_height)
    for index in range(len(cells)):
        encode_counts(cell_runs(cells, index, size, segmenter.spec.mask_threshold))
    return len(cells)


if __name__ == "__main__":
    main()
