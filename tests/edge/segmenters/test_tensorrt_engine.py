"""The whole life of an engine on the stand-in GPU, whose rules of order fail a test by themselves."""

from __future__ import annotations

import logging
import threading
from types import SimpleNamespace

import msgspec
import numpy as np
import pytest

from edge.config import ModelSection
from edge.errors import ModelError
from edge.preprocess import preprocess
from edge.segmenters import open_segmenter
from edge.session import open_model
from tests.edge.examples import smear
from tests.edge.segmenters.stand_in_gpu import Gpu
from tests.edge.segmenters.stand_in_rig import Rig, one_sentence
from tests.edge.segmenters.stand_in_tensorrt import SIDECAR, write_engine
from tests.tiny_model import HEIGHT, MASK, SPEC, WIDTH

replace = msgspec.structs.replace
NOTHING = np.ones((1, 3, HEIGHT, WIDTH), np.float32)


def tensor_of(cells):
    return preprocess(smear(cells), SPEC)[0]


@pytest.mark.parametrize("integrated", [False, True], ids=["own memory", "shared memory"])
@pytest.mark.parametrize("graphs", [True, False], ids=["graph", "no graph"])
def test_two_frames_give_what_each_of_them_shows(monkeypatch, tmp_path, integrated, graphs):
    rig = Rig(monkeypatch, Gpu(integrated=integrated))
    if not graphs:
        rig.modules["cuda.bindings.driver"] = None
    segmenter = open_segmenter(write_engine(tmp_path))
    first = segmenter.segment(tensor_of([(1, 0), (3, 2)]))
    second = segmenter.segment(tensor_of([(0, 1)]))
    assert sorted(first.boxes.tolist()) == [[32, 0, 64, 32], [96, 64, 128, 96]]
    assert second.boxes.tolist() == [[0, 32, 32, 64]]
    np.testing.assert_allclose(first.scores, 1 - 30 / 255, atol=1e-5)  # a float32 mean of 1024 pixels
    assert first.masks.shape == (2, MASK, MASK)
    assert {array.dtype for array in (first.boxes, first.scores, first.masks)} == {np.dtype(np.float32)}
    segmenter.close()
    rig.assert_nothing_is_left()
    assert rig.journal.count("enqueue") == (1 if graphs else 3)
    assert rig.journal.count("launch graph") == (2 if graphs else 0)


def test_an_empty_picture_gives_arrays_of_no_cells_and_a_full_one_fills_the_slots(rig, tmp_path):
    segmenter = open_segmenter(write_engine(tmp_path))
    outputs = segmenter.segment(NOTHING)
    assert (outputs.boxes.shape, outputs.scores.shape, outputs.masks.shape) == ((0, 4), (0,), (0, MASK, MASK))
    assert len(segmenter.segment(np.zeros_like(NOTHING)).scores) == SPEC.slots
    segmenter.close()


def test_the_segmenter_says_what_runs(rig, tmp_path):
    segmenter = open_segmenter(write_engine(tmp_path))
    assert segmenter.backend == "tensorrt-10.3.0.30"
    assert segmenter.sha256 == SIDECAR.plan_sha256
    assert segmenter.spec == SIDECAR.spec
    segmenter.close()


def test_everything_happens_in_order(rig, tmp_path):
    segmenter = open_segmenter(write_engine(tmp_path))
    segmenter.close()
    assert rig.journal == [
        "retain primary context",
        "create runtime",
        "load plugin",
        "create engine",
        "create context",
        "enqueue",
        "synchronize",
        "begin capture",
        "capture run",
        "end capture",
        "synchronize",
        "destroy graph",
        "synchronize",
        "synchronize",
        "destroy context",
        "destroy engine",
        "unload plugin",
        "destroy runtime",
        "release context",
    ]


def test_a_plain_engine_needs_no_plugin(monkeypatch, tmp_path):
    rig = Rig(monkeypatch, Gpu())
    rig.gpu.alive.add("plugin")  # the stand-in's plan wants one; a plain plan would not
    segmenter = open_segmenter(write_engine(tmp_path, replace(SIDECAR, plugin=None, roi_align="plain")))
    assert "load plugin" not in rig.journal
    rig.gpu.alive.discard("plugin")
    segmenter.close()
    rig.assert_nothing_is_left()


def test_results_stay_what_they_are_when_the_next_frame_comes(rig, tmp_path):
    segmenter = open_segmenter(write_engine(tmp_path))
    first = segmenter.segment(tensor_of([(1, 0)]))
    before = first.boxes.copy()
    segmenter.segment(np.zeros_like(NOTHING))
    segmenter.close()
    np.testing.assert_array_equal(first.boxes, before)


def test_between_calls_no_context_is_left_on_the_threads_stack(rig, tmp_path):
    segmenter = open_segmenter(write_engine(tmp_path))
    assert rig.gpu.stack == []
    segmenter.segment(NOTHING)
    assert rig.gpu.stack == []
    segmenter.close()


def test_a_closed_engine_may_be_closed_again_but_not_used(rig, tmp_path):
    segmenter = open_segmenter(write_engine(tmp_path))
    segmenter.close()
    journal = list(rig.journal)
    segmenter.close()
    assert rig.journal == journal
    with pytest.raises(ModelError, match="closed"):
        segmenter.segment(NOTHING)


@pytest.mark.parametrize("graphs", [True, False], ids=["graph", "no graph"])
def test_a_cuda_error_in_flight_is_one_sentence_and_closing_still_works(rig, tmp_path, graphs, caplog):
    if not graphs:
        rig.modules["cuda.bindings.driver"] = None
    segmenter = open_segmenter(write_engine(tmp_path))
    rig.gpu.faulty = True
    with pytest.raises(ModelError, match=r"illegal.*build it\s+anew with `python -m export build-engine") as caught:
        segmenter.segment(NOTHING)
    one_sentence(caught)
    with pytest.raises(ModelError, match="failed before"):
        segmenter.segment(NOTHING)
    segmenter.close()
    segmenter.close()
    rig.assert_nothing_is_left()


def test_an_error_that_only_waiting_shows_is_one_sentence(rig, tmp_path, monkeypatch):
    segmenter = open_segmenter(write_engine(tmp_path))
    launch = rig.modules["cuda.bindings.driver"].cuGraphLaunch

    def poisoned(*arguments):
        result = launch(*arguments)
        rig.gpu.faulty = True
        return result

    rig.modules["cuda.bindings.driver"].cuGraphLaunch = poisoned
    with pytest.raises(ModelError, match="cuStreamSynchronize failed"):
        segmenter.segment(NOTHING)
    segmenter.close()
    rig.assert_nothing_is_left()


def test_an_engine_that_tensorrt_refuses_to_run_says_what_tensorrt_said(rig, tmp_path):
    rig.modules["cuda.bindings.driver"] = None
    segmenter = open_segmenter(write_engine(tmp_path))
    rig.modules["tensorrt"].fails.add("enqueue")
    with pytest.raises(ModelError, match="cudnn status 8"):
        segmenter.segment(NOTHING)
    segmenter.close()
    rig.assert_nothing_is_left()


def test_an_engine_that_cannot_be_captured_runs_without_a_graph_and_says_so(rig, tmp_path, caplog):
    rig.modules["tensorrt"].fails.add("capture")
    segmenter = open_segmenter(write_engine(tmp_path))
    assert "it runs without one" in caplog.text
    assert len(segmenter.segment(tensor_of([(2, 1)])).scores) == 1
    segmenter.close()
    rig.assert_nothing_is_left()


def test_without_cuda_python_one_line_says_what_it_would_bring(rig, tmp_path, caplog):
    rig.modules["cuda.bindings.driver"] = None
    with caplog.at_level(logging.INFO):
        segmenter = open_segmenter(write_engine(tmp_path))
        segmenter.segment(NOTHING)
        segmenter.segment(NOTHING)
        segmenter.close()
    assert caplog.text.count("cuda-python") == 1


def test_another_thread_is_refused_whatever_it_wants(rig, tmp_path):
    segmenter = open_segmenter(write_engine(tmp_path))
    seen = []

    def intrude():
        for call in (lambda: segmenter.segment(NOTHING), segmenter.close):
            try:
                call()
            except RuntimeError as error:
                seen.append(str(error))

    thread = threading.Thread(target=intrude)
    thread.start()
    thread.join()
    assert len(seen) == 2
    assert all("another thread" in text for text in seen)
    assert len(segmenter.segment(tensor_of([(1, 1)])).scores) == 1
    segmenter.close()
    rig.assert_nothing_is_left()


@pytest.mark.parametrize("output", ["boxes", "scores", "masks"])
def test_values_that_are_no_numbers_are_an_error(monkeypatch, tmp_path, output):
    rig = Rig(monkeypatch, Gpu(), infinite=output)
    segmenter = open_segmenter(write_engine(tmp_path))
    with pytest.raises(ModelError, match="no numbers"):
        segmenter.segment(np.zeros_like(NOTHING))
    segmenter.close()
    rig.assert_nothing_is_left()


@pytest.mark.parametrize("tensor", [np.zeros((1, 3, 10, 10), np.float32), np.zeros((1, 3, HEIGHT, WIDTH), np.float64)])
def test_a_tensor_of_another_shape_or_type_is_refused_in_words(rig, tmp_path, tensor):
    segmenter = open_segmenter(write_engine(tmp_path))
    with pytest.raises(ModelError, match=r"takes float32 \[1, 3, 96, 128\]"):
        segmenter.segment(tensor)
    assert len(segmenter.segment(NOTHING).scores) == 0
    segmenter.close()


def test_closing_takes_off_the_drivers_stack_what_pycuda_leaves_there(rig, tmp_path, monkeypatch):
    popped = []
    library = SimpleNamespace(cuCtxPopCurrent_v2=lambda context: popped.append(rig.gpu.context_alive))
    monkeypatch.setattr("edge.segmenters.pycuda_driver.ctypes.CDLL", lambda name: library)
    segmenter = open_segmenter(write_engine(tmp_path))
    assert popped == []
    segmenter.close()
    segmenter.close()
    assert popped == [False], "once, after the context was released"


def test_an_unverified_engine_runs_if_allowed_and_the_log_says_so(rig, tmp_path, caplog):
    segmenter = open_model(ModelSection(path=write_engine(tmp_path, report=None), allow_unverified=True))
    assert "--allow-unverified" in caplog.text
    segmenter.close()
