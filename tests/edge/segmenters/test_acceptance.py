from __future__ import annotations

import json

import msgspec
import pytest

from edge.errors import ModelError
from edge.segmenters.acceptance import (
    WorstPicture,
    acceptance_path,
    check_acceptance,
    read_acceptance,
    write_acceptance,
)
from tests.edge.segmenters.stand_in_tensorrt import REPORT, SIDECAR

replace = msgspec.structs.replace


@pytest.fixture
def engine(tmp_path):
    return tmp_path / "x.engine"


def test_a_report_is_read_as_it_was_written(engine):
    report = replace(REPORT, worst=WorstPicture(name="a.jpg", miou_loss=0.01))
    write_acceptance(engine, report)
    assert read_acceptance(engine) == report


def test_the_limits_are_two_and_five_thousandths():
    assert (REPORT.miou_loss_limit, REPORT.recall_loss_limit) == (0.002, 0.005)


def test_no_report_is_none(engine):
    assert read_acceptance(engine) is None


def test_a_verdict_changed_by_hand_is_found(engine):
    write_acceptance(engine, replace(REPORT, passed=False, faults=("loses 0.1 mIoU",)))
    path = acceptance_path(engine)
    path.write_text(path.read_text().replace('"passed": false', '"passed": true'))
    with pytest.raises(ModelError, match=r"was changed.*export verify .*--allow-unverified"):
        read_acceptance(engine)


def test_a_figure_that_is_no_number_is_never_written(engine):
    with pytest.raises(ValueError, match="JSON"):
        write_acceptance(engine, replace(REPORT, miou_loss=float("nan")))
    assert not acceptance_path(engine).exists()


def test_a_report_of_another_version_is_refused(engine):
    write_acceptance(engine, replace(REPORT, version=2))
    with pytest.raises(ModelError, match="version 2"):
        read_acceptance(engine)


def test_the_file_shows_the_figures_to_a_reader(engine):
    write_acceptance(engine, REPORT)
    assert json.loads(acceptance_path(engine).read_text())["figures"]["int8"]["missed"] == 1


def test_a_report_of_this_engine_that_passed_is_accepted(engine):
    check_acceptance(REPORT, SIDECAR, engine)


@pytest.mark.parametrize(
    ("report", "named"),
    [
        (None, "never verified"),
        (replace(REPORT, plan_sha256="f" * 64), "another engine"),
        (replace(REPORT, onnx_sha256="f" * 64), "another engine"),
        (replace(REPORT, candidate="fp16"), "judges fp16"),
        (replace(REPORT, passed=False, faults=("mask mIoU falls by 0.031", "9 cells missed")), "0.031; 9 cells"),
        (replace(REPORT, passed=False), "no reason is given"),
    ],
)
def test_anything_else_is_refused_in_one_sentence_with_both_ways_out(engine, report, named):
    with pytest.raises(ModelError, match=named) as caught:
        check_acceptance(report, SIDECAR, engine)
    text = str(caught.value)
    assert "\n" not in text
    assert f"`python -m export verify {engine} IMAGES`" in text
    assert "--allow-unverified" in text
