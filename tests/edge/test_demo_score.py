from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from edge.demo_score import TruthScore
from edge.types import CellTruth, Frame, Instances, SegmentedFrame

WIDTH, HEIGHT = 200, 100


def truth(x0: int, y0: int, x1: int, y1: int) -> CellTruth:
    return CellTruth(bbox=(x0, y0, x1, y1), mask=np.ones((y1 - y0, x1 - x0), bool), kind="neutrophil")


def scored(cells: tuple[CellTruth, ...], boxes: list[list[float]]) -> TruthScore:
    """A score of one frame in which each found mask fills its box."""
    image = np.zeros((HEIGHT, WIDTH, 3), np.uint8)
    frame = Frame(image=image, index=0, source="s", capture_t_ns=0, capture_mono_ns=0, truth=cells)
    array = np.array(boxes, np.float32).reshape(-1, 4)
    count = len(array)
    instances = Instances(
        boxes=array,
        scores=np.linspace(0.9, 0.6, count, dtype=np.float32),
        labels=np.zeros(count, np.int32),
        masks=np.ones((count, 8, 8), np.float32),
        mask_boxes=array,
    )
    score = TruthScore()
    score.write(SegmentedFrame(frame=frame, instances=instances))
    return score


WHOLE = truth(20, 20, 60, 60)


def test_a_cell_that_is_found_counts_once_and_a_second_find_of_it_is_false() -> None:
    score = scored((WHOLE,), [[20, 20, 60, 60], [21, 21, 60, 60]]).score()
    assert (score.cells, score.found, score.false) == (1, 1, 1)
    assert score.recall == 1


def test_a_lost_and_an_invented_cell() -> None:
    score = scored((WHOLE,), [[120, 20, 160, 60]]).score()
    assert (score.cells, score.found, score.false) == (1, 0, 1)


def test_less_than_half_overlap_is_not_found() -> None:
    score = scored((WHOLE,), [[44, 20, 84, 60]]).score()
    assert (score.found, score.false) == (0, 1)


def test_a_sliver_at_the_border_counts_neither_way() -> None:
    sliver = truth(190, 30, 200, 60)
    missed = scored((WHOLE, sliver), [[20, 20, 60, 60]]).score()
    found = scored((WHOLE, sliver), [[20, 20, 60, 60], [190, 30, 200, 60]]).score()
    for score in (missed, found):
        assert (score.cells, score.found, score.false, score.slivers) == (1, 1, 0, 1)


def test_half_a_cell_at_the_border_counts() -> None:
    half = truth(180, 20, 200, 60)
    assert scored((WHOLE, half), [[20, 20, 60, 60]]).score().recall == 0.5


def test_an_empty_frame_without_cells_has_recall_0_for_nothing_was_shown() -> None:
    score = scored((), []).score()
    assert (score.frames, score.cells, score.false, score.recall) == (1, 0, 0, 0.0)


def test_a_frame_of_a_real_camera_cannot_be_scored() -> None:
    frame = Frame(image=np.zeros((4, 4, 3), np.uint8), index=0, source="cam", capture_t_ns=0, capture_mono_ns=0)
    none = scored((), [])
    empty = Instances(
        boxes=np.zeros((0, 4), np.float32),
        scores=np.zeros(0, np.float32),
        labels=np.zeros(0, np.int32),
        masks=np.zeros((0, 8, 8), np.float32),
        mask_boxes=np.zeros((0, 4), np.float32),
    )
    with pytest.raises(ValueError, match="does not know its cells"):
        none.write(SegmentedFrame(frame=frame, instances=empty))


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere a window needs no display server to be named")
def test_the_demo_says_that_it_runs_without_a_window_and_ends_with_the_code_of_the_error(tmp_path: Path) -> None:
    hidden = ("DISPLAY", "WAYLAND_DISPLAY")
    environment = {name: value for name, value in os.environ.items() if name not in hidden}
    environment["PYTHONPATH"] = str(Path(__file__).parents[2])
    command = [sys.executable, "-m", "edge.demo", "--model", "missing.onnx"]
    outcome = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
    assert outcome.returncode == 5
    assert "there is no display, so the demo runs without its window" in outcome.stderr
    assert "missing.onnx" in outcome.stderr
    assert "Traceback" not in outcome.stderr
