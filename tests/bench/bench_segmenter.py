"""How long the model takes, from tensor to boxes and soft masks, beside another ONNX file in the same run.

    python -m tests.bench.bench_segmenter [--model FILE.onnx] [--provider P] [--against OTHER.onnx] [--images GLOB]

The two take turns in blocks of ten runs, so that whatever else the machine does hits both; the ratio of the medians
counts, not the milliseconds. The other file is run as it is: whatever it does not decode is not counted.
"""

from __future__ import annotations

import argparse
import time
from glob import glob
from pathlib import Path

import cv2
import numpy as np
import onnxruntime

from edge.preprocess import preprocess
from edge.providers import PROVIDERS
from edge.segmenters import open_segmenter
from edge.simulator import SmearParameters, draw_field
from edge.types import Floats

BLOCK, SETTLING = 10, 2
"""Runs in a row of either, and how many of them are not counted: a runtime's threads go on spinning for a while when it
is done, and take the next one's cores."""
TYPES = {"tensor(float)": np.float32, "tensor(float16)": np.float16}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", type=Path, help="default: the packaged model")
    parser.add_argument("--against", type=Path, help="another ONNX file with one picture input")
    parser.add_argument("--images", help="quoted glob of pictures; default: simulated fields with about two cells each")
    parser.add_argument("--provider", choices=PROVIDERS, help="as of edge-run")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=60)
    options = parser.parse_args()

    segmenter = open_segmenter(options.model, threads=options.threads, provider=options.provider)
    tensors = [preprocess(image, segmenter.spec)[0] for image in read(options.images, 20)]
    other = against(options.against, options.threads) if options.against else None
    ours: list[float] = []
    theirs: list[float] = []
    cells: list[int] = []
    counted = BLOCK - SETTLING
    for block in range(1 + -(-options.rounds // counted)):  # the first block is not counted
        for place in range(BLOCK):
            start = time.perf_counter()
            outputs = segmenter.segment(tensors[(block * counted + place) % len(tensors)])
            ours.append(time.perf_counter() - start)
            cells.append(len(outputs.scores))
        if other is not None:
            session, name, value = other
            for _ in range(BLOCK):
                start = time.perf_counter()
                session.run(None, {name: value})
                theirs.append(time.perf_counter() - start)
    ours, theirs = settled(ours), settled(theirs)
    print(f"{segmenter.spec.name} on {segmenter.backend}, {options.threads} threads, {len(ours)} rounds")
    print(f"ours:    median {1e3 * np.median(ours):.1f} ms, {np.mean(cells):.1f} candidate cells a picture")
    if theirs:
        ratio = np.median(ours) / np.median(theirs)
        pairs = np.array(ours) / np.array(theirs)
        print(f"against: median {1e3 * np.median(theirs):.1f} ms ({options.against.name})")
        low, high = np.quantile(pairs, [0.25, 0.75])
        print(f"ratio:   {ratio:.2f} (quartiles of the pairs {low:.2f} to {high:.2f})")


def settled(seconds: list[float]) -> list[float]:
    """Without the first runs of each block, and without the first block."""
    return [value for i, value in enumerate(seconds) if i >= BLOCK and i % BLOCK >= SETTLING]


def read(pattern: str | None, count: int) -> list[np.ndarray]:
    """Pictures uint8 BGR."""
    if pattern is None:
        return [draw_field(SmearParameters(seed=seed, white_cell_px=62), 512, 384)[0] for seed in range(count)]
    files = sorted(glob(pattern))[:count]  # noqa: PTH207 (a user's pattern may be absolute)
    return [np.asarray(cv2.imread(file, cv2.IMREAD_COLOR)) for file in files]


def against(path: Path, threads: int) -> tuple[onnxruntime.InferenceSession, str, Floats]:
    """A session over the other file and an input for it; its own shape, or 384 x 512 where that is open."""
    settings = onnxruntime.SessionOptions()
    settings.intra_op_num_threads = threads
    session = onnxruntime.InferenceSession(path, settings, providers=["CPUExecutionProvider"])
    entry = session.get_inputs()[0]
    shape = [d if isinstance(d, int) else fallback for d, fallback in zip(entry.shape, (1, 3, 384, 512), strict=True)]
    return session, entry.name, np.random.default_rng(0).random(shape).astype(TYPES[entry.type])


if __name__ == "__main__":
    main()
