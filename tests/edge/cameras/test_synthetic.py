from __future__ import annotations

import threading
import time
from itertools import islice

import numpy as np
import pytest

from edge.cameras.synthetic import SyntheticSettings, next_due, open_synthetic
from edge.errors import ConfigurationError
from edge.simulator.stage import DriftingStage
from edge.simulator.white_cells import Stamp, draw_white_cell


def test_frames_depend_on_seed_and_index_alone() -> None:
    first = list(islice(open_synthetic("synth://smear?seed=3&fps=0&size=320x240").frames(), 3))
    paced = list(islice(open_synthetic("synth://smear?seed=3&fps=200&size=320x240").frames(), 3))
    for a, b in zip(first, paced, strict=True):
        np.testing.assert_array_equal(a.image, b.image)
        assert [cell.bbox for cell in a.truth or ()] == [cell.bbox for cell in b.truth or ()]
    assert [frame.index for frame in first] == [0, 1, 2]
    assert (first[0].image != first[1].image).any()


def test_truth_fits_the_frame() -> None:
    camera = open_synthetic("synth://smear?seed=2&fps=0&size=400x300&density=12&frames=60")
    frames = list(camera.frames())
    assert len(frames) == 60
    cells = [cell for frame in frames for cell in frame.truth or ()]
    assert len(cells) > 60
    for cell in cells:
        x0, y0, x1, y1 = cell.bbox
        assert 0 <= x0 < x1 <= 400
        assert 0 <= y0 < y1 <= 300
        assert cell.mask.shape == (y1 - y0, x1 - x0)


def test_real_time_is_live_and_full_speed_is_not() -> None:
    assert open_synthetic("synth://smear").live
    assert not open_synthetic("synth://smear?fps=0").live
    assert "2048x1536" in open_synthetic("synth://smear").negotiated


def test_closing_ends_a_slow_camera_at_once() -> None:
    camera = open_synthetic("synth://smear?fps=0.01&size=128x96")
    taken: list[int] = []
    thread = threading.Thread(target=lambda: taken.extend(frame.index for frame in camera.frames()))
    thread.start()
    while not taken:
        time.sleep(0.01)
        if not thread.is_alive():
            break
    camera.close()
    camera.close()
    thread.join(timeout=20)
    assert not thread.is_alive()


def test_closing_ends_the_drawing_of_the_slide(monkeypatch: pytest.MonkeyPatch) -> None:
    """The camera is closed while the first white cell is drawn; no red cell follows."""
    camera = open_synthetic("synth://smear?size=128x96&density=50")
    drawn: list[str] = []

    def draw_white(*arguments: object) -> Stamp:
        camera.close()
        drawn.append("white")
        return draw_white_cell(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr("edge.simulator.slide.draw_white_cell", draw_white)
    monkeypatch.setattr("edge.simulator.slide.draw_red_cell", lambda *_: pytest.fail("drawing went on"))
    assert list(camera.frames()) == []
    assert drawn == ["white"]


def test_a_late_frame_does_not_bring_a_burst_of_others() -> None:
    assert next_due(10.0, 10.0, 0.5) == 10.5
    assert next_due(10.0, 10.1, 0.5) == 10.5  # the beat is kept
    assert next_due(10.0, 17.0, 0.5) == 17.5  # and starts anew after a long wait


@pytest.mark.parametrize("size", [(64, 64), (2048, 1536), (5472, 3648), (8192, 8192)])
def test_a_slide_holds_the_window_and_stays_small(size: tuple[int, int]) -> None:
    width, height = SyntheticSettings(width=size[0], height=size[1]).slide_size
    assert width >= size[0]
    assert height >= size[1]
    assert 3 * width * height <= max(73e6, 3 * size[0] * size[1])


def test_a_camera_without_white_cells_says_so() -> None:
    frames = list(open_synthetic("synth://smear?fps=0&size=128x96&density=0&frames=3").frames())
    assert [frame.truth for frame in frames] == [(), (), ()]


def test_all_faults_of_a_uri_are_named_at_once() -> None:
    with pytest.raises(ConfigurationError) as caught:
        open_synthetic("synth://smear?seed=x&colour=red&size=10&fps=-1&stain=pink")
    for part in ("seed=x", "'colour' is not one of", "size=10", "fps=-1", "stain=pink"):
        assert part in str(caught.value)
    with pytest.raises(ConfigurationError, match="only 'smear'"):
        open_synthetic("synth://marrow")
    with pytest.raises(ConfigurationError, match="'smear/thick' is not simulated"):
        open_synthetic("synth://smear/thick?seed=1")
    with pytest.raises(ConfigurationError, match="seed is given more than once"):
        open_synthetic("synth://smear?seed=1&seed=2")
    with pytest.raises(ConfigurationError, match="fps=nan"):
        open_synthetic("synth://smear?fps=nan")


@pytest.mark.parametrize("travel", [(0, 0), (10, 5), (3000, 2000)])
def test_the_stage_stays_on_the_slide_and_drifts_slowly(travel: tuple[int, int]) -> None:
    stage = DriftingStage(1, travel, 600)
    places = np.array([stage.position(i) for i in range(400)])
    assert (places >= 0).all()
    assert (places <= np.array(travel)).all()
    steps = np.abs(np.diff(places, axis=0)).max(axis=1)
    within_a_field = np.arange(1, 400) % 40 != 0
    assert steps[within_a_field].max(initial=0) <= 80
