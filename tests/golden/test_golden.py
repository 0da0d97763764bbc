"""Messages of the first release keep their meaning in every later one."""

from __future__ import annotations

import json

import cv2
import numpy as np
import pytest

from edge.link import Event, Hello, Image, LinkError, Result, Status, decode_mask
from edge.link.wire import decode, encode
from tests.golden.reading import Golden, read_golden
from tests.golden.write_golden import MESSAGES, bitmaps, write_messages

GOLDEN = read_golden()
BY_NAME = {golden.name: golden for golden in GOLDEN}
FROM_A_LATER_RELEASE = "result_with_fields_of_a_later_release"
TYPES = {"hello": Hello, "status": Status, "result": Result, "event": Event, "frame": Image}


def decoded(name: str):
    return decode(BY_NAME[name].parts)


def readable(golden: Golden) -> bool:
    return golden.reads in TYPES


def rewritable(golden: Golden) -> bool:
    """Fields that are passed over cannot be written again."""
    return readable(golden) and golden.name != FROM_A_LATER_RELEASE


@pytest.mark.parametrize("golden", [*filter(readable, GOLDEN)], ids=lambda golden: golden.name)
def test_a_golden_message_reads_as_its_type(golden):
    message = decode(golden.parts)
    assert type(message) is TYPES[golden.reads]
    assert (message.header.rig, message.header.camera) == ("lab-1", "smear")


@pytest.mark.parametrize("golden", [*filter(rewritable, GOLDEN)], ids=lambda golden: golden.name)
def test_writing_a_golden_message_gives_its_bytes_again(golden):
    message = decode(golden.parts)
    assert encode(message.header, message.body, golden.parts[3:]) == golden.parts


@pytest.mark.parametrize("name", ["result_with_every_kind_of_mask", "result_as_msgpack"])
def test_the_masks_of_a_golden_result_decode_to_their_bitmaps(name):
    cells = decoded(name).cells
    for cell, bitmap in zip(cells, bitmaps().values(), strict=True):
        assert (decode_mask(cell) == bitmap).all()
    assert [cell.area_px for cell in cells] == BY_NAME[name].areas == [int(b.sum()) for b in bitmaps().values()]


def test_fields_of_a_later_release_leave_the_known_ones_readable():
    message = decoded(FROM_A_LATER_RELEASE)
    assert [decode_mask(cell).sum() for cell in message.cells] == BY_NAME[FROM_A_LATER_RELEASE].areas


def test_the_frame_accounting_of_the_golden_status_adds_up():
    frames = decoded("status").body.frames
    assert frames.captured == frames.segmented + sum(frames.dropped.values()) + frames.failed


def test_the_golden_picture_is_a_jpeg_of_the_size_it_claims():
    message = decoded("frame")
    pixels = cv2.imdecode(np.frombuffer(message.jpeg, np.uint8), cv2.IMREAD_COLOR)
    assert pixels.shape == (message.body.height, message.body.width, 3)


def test_a_type_of_a_later_release_is_passed_over():
    assert decoded("type_of_a_later_release") is None


def test_version_2_is_refused():
    with pytest.raises(LinkError, match="version 2"):
        decoded("version_2")


def test_the_writer_still_writes_the_committed_messages(tmp_path):
    write_messages(tmp_path / "again.jsonl")
    again = [json.loads(line) for line in (tmp_path / "again.jsonl").read_text(encoding="utf-8").splitlines()]
    assert again == [json.loads(line) for line in MESSAGES.read_text(encoding="utf-8").splitlines()]
