"""`python -m export quantise`: the command line around `export.quantise`."""

from __future__ import annotations

import argparse
from contextlib import ExitStack

from edge.segmenters import open_segmenter, packaged_model
from export.quantise import prepare, quantise
from export.verify_command import labelled_pictures


def run_quantise(options: argparse.Namespace) -> int:
    """Run the command; returns the exit code."""
    model = options.model or packaged_model()
    prepared = prepare(model, options.ranges, options.out)
    open_segmenter(model, provider="openvino").close()  # is it there? before minutes of judging
    with ExitStack() as stack:
        samples, source = labelled_pictures(options, stack)
        done = quantise(prepared, samples, source)
    print(
        f"{source}: FP32 finds {done.fp32.found} of {done.fp32.found + done.fp32.missed} cells with mask mIoU "
        f"{done.fp32.miou:.4f} and invents {done.fp32.false_cells}; INT8 finds {done.int8.found} with "
        f"{done.int8.miou:.4f} and invents {done.int8.false_cells}\n"
        f"wrote {options.out} ({options.out.stat().st_size / 1e6:.1f} MB): int8, ranges by {done.method}, "
        f"{100 * done.share:.0f} % of the multiply-adds\n"
        f"next: edge-run --camera 0 --model {options.out} --provider openvino"
    )
    return 0
