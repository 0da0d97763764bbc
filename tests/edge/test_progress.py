from __future__ import annotations

import io
import json
import logging

import pytest

from edge import progress
from edge.logs import configure_logging
from edge.metrics import Counters, FrameCounts
from edge.progress import CLEAR_LINE, Progress, summary
from edge.types import SegmentedFrame
from tests.edge.examples import frame, instances

RESULT = SegmentedFrame(frame=frame(), instances=instances([]))


def counts(**changes) -> FrameCounts:
    values = {"captured": 0, "segmented": 0, "failed": 0, "dropped": {}, "in_flight": 0, "cells": 0, "span_s": 0.0}
    return FrameCounts(**(values | changes))


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.fixture(autouse=True)
def keep_logging():
    logger = logging.getLogger("edge")
    before = (logger.handlers, logger.level, logger.propagate)
    yield
    logger.handlers, logger.level, logger.propagate = before


@pytest.mark.parametrize(
    ("given", "text"),
    [
        (counts(), "0 frames, 0 cells, 0 dropped, 0 failed, 0.0 fps"),
        (
            counts(captured=5, segmented=1, cells=1, dropped={"oldest": 3, "stale": 1}, span_s=0.5),
            "1 frame, 1 cell, 4 dropped (3 oldest, 1 stale), 0 failed, 2.0 fps",
        ),
        (
            counts(captured=7, segmented=6, cells=9, failed=1, span_s=2),
            "6 frames, 9 cells, 0 dropped, 1 failed, 3.0 fps; 1 of 7 pictures could not be read",
        ),
        (
            counts(captured=5, segmented=3, dropped={"stop": 2}, span_s=1),
            "3 frames, 0 cells, 0 dropped, 0 failed, 3.0 fps; 2 left over when the run was stopped",
        ),
    ],
)
def test_the_summary_says_where_the_frames_went(given, text):
    assert summary(given) == text


def test_a_terminal_gets_one_line_that_rewrites_itself_and_is_cleared(monkeypatch):
    monkeypatch.setattr(progress, "TERMINAL_INTERVAL_S", 0.0)
    terminal = Terminal()
    shown = Progress(Counters(failed=lambda: 0), terminal)
    for _ in range(3):
        shown.write(RESULT)
    shown.close()
    assert "\n" not in terminal.getvalue()
    assert terminal.getvalue().count(CLEAR_LINE) == 4
    assert terminal.getvalue().endswith(CLEAR_LINE)


def test_elsewhere_the_log_gets_a_line_now_and_then_and_the_stream_nothing(monkeypatch, caplog):
    stream = io.StringIO()
    shown = Progress(Counters(failed=lambda: 0), stream)
    with caplog.at_level(logging.INFO, logger="edge"):
        shown.write(RESULT)  # within the first 10 s
        assert caplog.records == []
        monkeypatch.setattr(progress, "LOG_INTERVAL_S", 0.0)
        shown.write(RESULT)
    shown.close()
    assert len(caplog.records) == 1
    assert stream.getvalue() == ""


def test_json_logs_are_one_object_a_line():
    stream = io.StringIO()
    configure_logging("info", "json", stream)
    logger = logging.getLogger("edge.anything")
    logger.debug("not shown")
    logger.warning('a "quoted" µm\nsecond line')
    (line,) = stream.getvalue().splitlines()
    record = json.loads(line)
    assert record["message"] == 'a "quoted" µm\nsecond line'
    assert (record["level"], record["logger"]) == ("warning", "edge.anything")


def test_text_logs_make_room_on_a_terminal_only():
    for stream in (Terminal(), io.StringIO()):
        configure_logging("info", "text", stream)
        logging.getLogger("edge").info("hello")
        assert stream.getvalue().startswith(CLEAR_LINE) == stream.isatty()
        assert stream.getvalue().endswith("hello\n")
