from __future__ import annotations

import errno
import json
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from edge.draw import OverlayStyle
from edge.errors import ConfigurationError, DiskFullError
from edge.link.body import ResultContext, result_body
from edge.sinks.record import Recorder
from edge.types import SegmentedFrame
from tests.edge.examples import frame, instances, smear
from tests.tiny_model import SPEC

CONTEXT = ResultContext(spec=SPEC, sha256="ab", backend="test", um_per_px=0.25)
CELL = [[32, 32, 64, 64]]


def result(index: int = 0, source: str | None = None, cells: list[list[float]] | None = None) -> SegmentedFrame:
    picture = replace(frame(index, smear([(1, 1)])), source=source or f"{index}.jpg")
    return SegmentedFrame(frame=picture, instances=instances(CELL if cells is None else cells))


def lines(folder: Path) -> list[dict]:
    return [json.loads(line) for line in (folder / "results.jsonl").read_bytes().splitlines()]


def test_each_frame_is_one_line_with_the_published_body(tmp_path):
    recorder = Recorder(tmp_path / "out", CONTEXT, lambda: {"oldest": 3})
    for index in range(3):
        recorder.write(result(index))
    recorder.close()
    recorded = lines(tmp_path / "out")
    assert [line["source"] for line in recorded] == ["0.jpg", "1.jpg", "2.jpg"]
    assert recorded[0]["drops"] == {"oldest": 3}
    assert recorded[0]["cells"][0]["bbox"] == [32, 32, 32, 32]
    area_px = result_body(result(), CONTEXT).cells[0].area_px
    assert 0.95 * 32 * 32 < area_px <= 32 * 32
    assert recorded[0]["cells"][0]["area_px"] == area_px
    assert recorded[0]["cells"][0]["area_um2"] == area_px * 0.25**2


def test_a_frame_without_cells_is_a_line_too(tmp_path):
    recorder = Recorder(tmp_path, CONTEXT, dict)
    recorder.write(result(cells=[]))
    recorder.close()
    assert lines(tmp_path)[0]["cells"] == []


def test_a_line_can_be_read_before_the_recorder_is_closed(tmp_path):
    recorder = Recorder(tmp_path, CONTEXT, dict)
    recorder.write(result())
    assert len(lines(tmp_path)) == 1
    recorder.close()


def test_a_folder_that_holds_a_run_is_refused_and_left_as_it_is(tmp_path):
    (tmp_path / "results.jsonl").write_text("old\n")
    with pytest.raises(ConfigurationError, match="already holds a run"):
        Recorder(tmp_path, CONTEXT, dict)
    assert (tmp_path / "results.jsonl").read_text() == "old\n"


def test_a_place_that_is_no_folder_is_refused(tmp_path):
    (tmp_path / "file").write_text("x")
    with pytest.raises(ConfigurationError, match="cannot be recorded to"):
        Recorder(tmp_path / "file" / "out", CONTEXT, dict)


def test_pictures_are_named_after_their_source_and_show_the_cell(tmp_path):
    recorder = Recorder(tmp_path, CONTEXT, dict, OverlayStyle(layers=frozenset(("mask", "box"))))
    for index, source in enumerate(["a b.bmp", "neut/1-1(2).png", "a b.bmp", "/dev/video0", "x.mp4"]):
        recorder.write(result(index, source))
    recorder.write(result(5, "plain.png", cells=[]))
    recorder.close()
    assert sorted(path.name for path in (tmp_path / "pictures").iterdir()) == [
        "a_b-000002.jpg",
        "a_b.jpg",
        "dev_video0-000003.jpg",
        "neut_1-1(2).jpg",
        "plain.jpg",
        "x.mp4-000004.jpg",
    ]
    drawn, plain = (cv2.imread(str(tmp_path / "pictures" / name)).astype(int) for name in ("a_b.jpg", "plain.jpg"))
    difference = np.abs(drawn - plain).max(axis=2)
    assert difference[36:60, 36:60].mean() > 20  # the cell is tinted
    assert difference[:16].max() < 10  # far from it nothing is, but for what JPEG smears into the next block


def write_frames(recorder: Recorder, count: int) -> None:
    for index in range(count):
        recorder.write(result(index))


class FullDisk:
    """Stands for the file: takes so many bytes, then reports a full disk."""

    def __init__(self, room: int) -> None:
        self.data = b""
        self._room = room

    def tell(self) -> int:
        return len(self.data)

    def write(self, data: bytes) -> int:
        taken = bytes(data[: self._room - len(self.data)])
        if not taken:
            raise OSError(errno.ENOSPC, "No space left on device")
        self.data += taken
        return len(taken)

    def truncate(self, size: int) -> None:
        self.data = self.data[:size]

    def close(self) -> None:
        """Nothing to release."""


def test_a_full_disk_ends_the_recording_with_only_whole_lines(tmp_path, monkeypatch):
    recorder = Recorder(tmp_path, CONTEXT, dict)
    recorder.close()
    line = len(json.dumps(lines(tmp_path))) + 900
    disk = FullDisk(room=2 * line)
    monkeypatch.setattr(recorder, "_file", disk)
    with pytest.raises(DiskFullError, match="No space left on device") as caught:
        write_frames(recorder, 100)
    assert disk.data.endswith(b"\n")
    whole = [json.loads(text) for text in disk.data.splitlines()]
    assert whole
    assert f"ended after {len(whole)} frames" in str(caught.value)


def test_a_picture_that_does_not_fit_leaves_no_half_of_it(tmp_path, monkeypatch):
    recorder = Recorder(tmp_path, CONTEXT, dict, OverlayStyle())

    def full(path: Path, data: bytes) -> int:
        with path.open("wb") as file:
            file.write(data[:10])
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(DiskFullError):
        recorder.write(result())
    recorder.close()
    assert list((tmp_path / "pictures").iterdir()) == []
    assert lines(tmp_path) == []


def test_a_real_full_file_system_ends_the_recording(tmp_path):
    """On a tmpfs of 64 kB, in a mount namespace of its own; where that is not allowed, nothing is proved."""
    if (
        shutil.which("unshare") is None
        or subprocess.run(["unshare", "-rm", "true"], capture_output=True, check=False).returncode
    ):
        pytest.skip("needs a user namespace with mounts")
    script = (
        "import sys; from tests.edge.test_record import *\n"
        "recorder = Recorder(Path(sys.argv[1]) / 'out', CONTEXT, dict)\n"
        "try:\n"
        "    write_frames(recorder, 1000)\n"
        "except DiskFullError:\n"
        "    text = (Path(sys.argv[1]) / 'out' / 'results.jsonl').read_bytes()\n"
        "    print(len(text.splitlines()), text.endswith(b'\\n'))\n"
    )
    command = f'mount -t tmpfs -o size=64k none "{tmp_path}" && exec "{sys.executable}" -c "$SCRIPT" "{tmp_path}"'
    done = subprocess.run(
        ["unshare", "-rm", "sh", "-c", command],
        env={"SCRIPT": script, "PATH": "/usr/bin:/bin:/usr/sbin:/sbin", "PYTHONPATH": str(Path(__file__).parents[2])},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    if "unshare:" in done.stderr or "mount:" in done.stderr:
        pytest.skip(f"may not mount a tmpfs here: {done.stderr.strip()}")
    count, ends_whole = done.stdout.split()
    assert int(count) > 5
    assert ends_whole == "True"
