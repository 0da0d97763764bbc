"""The example in another language reads what Python writes."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import zmq

from edge.link.body import result_body
from tests.edge.link.rig import PATIENCE_S, publishing
from tests.edge.link.samples import CONTEXT, segmented_frame
from tests.golden.reading import read_golden

EXAMPLE = Path(__file__).parents[3] / "examples" / "node"
BOXES = ((10, 20, 50, 60), (-5, -5, 30, 30), (100.5, 70.25, 128, 96))


@pytest.fixture(scope="session")
def example() -> Path:
    """The example with its library, installed from npm on first use (git ignores node_modules)."""
    if shutil.which("node") is None or shutil.which("npm") is None:
        pytest.skip("Node.js is not installed, so the example in JavaScript cannot run")
    if not (EXAMPLE / "node_modules" / "zeromq").is_dir():
        # The package brings its binaries with it, so its install script has nothing to do.
        command = ["npm", "install", "--ignore-scripts", "--no-audit", "--no-fund", "--no-package-lock"]
        done = subprocess.run(command, cwd=EXAMPLE, capture_output=True, text=True, timeout=120, check=False)
        if done.returncode != 0:
            pytest.skip(f"npm could not install zeromq: {done.stderr.strip()[-300:]}")
    return EXAMPLE / "subscribe.mjs"


@contextmanager
def node(script: Path, endpoint: str, results: int) -> Iterator[subprocess.Popen[str]]:
    command = ["node", str(script), endpoint, str(results)]
    process = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=os.environ | {"NODE_NO_WARNINGS": "1"}
    )
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def finish(process: subprocess.Popen[str]) -> list[str]:
    out, err = process.communicate(timeout=PATIENCE_S)
    assert process.returncode == 0, err
    return out.splitlines()


def decoded_areas(lines: list[str]) -> list[tuple[int, int]]:
    """Area counted in the decoded mask and area in the message, of each cell."""
    words = [line.split() for line in lines if line.startswith("frame ")]
    return [(int(line[-4]), int(line[-2])) for line in words]


def test_node_decodes_the_masks_of_a_live_publisher(example):
    with publishing() as publisher, node(example, publisher.endpoint, 2) as process:
        first = [process.stdout.readline() for _ in range(2)]
        publisher.write(segmented_frame(0, ()))
        publisher.write(segmented_frame(1, BOXES))
        areas = decoded_areas(finish(process))
    assert first[0] == "wbc/1/lab/smear/hello seq 0\n"
    assert first[1].startswith("wbc/1/lab/smear/status seq ")  # not 0 where node took seconds to start
    cells = result_body(segmented_frame(1, BOXES), CONTEXT).cells
    assert areas == [(cell.area_px, cell.area_px) for cell in cells]
    assert all(cell.area_px > 0 for cell in cells)


def test_node_decodes_the_golden_messages(example):
    golden = [one for one in read_golden() if one.reads == "result" and b'"enc":"json"' in one.parts[1]]
    expected = [area for one in golden for area in one.areas]
    with zmq.Context() as context, context.socket(zmq.XPUB) as socket:
        socket.linger = 0
        socket.bind("tcp://127.0.0.1:*")
        with node(example, socket.last_endpoint.decode(), len(golden)) as process:
            assert socket.poll(PATIENCE_S * 1000)
            socket.recv()
            for one in golden:
                socket.send_multipart(one.parts)
            areas = decoded_areas(finish(process))
    assert len(expected) > 5
    assert areas == [(area, area) for area in expected]
