from __future__ import annotations

import json
import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.link.body import result_body
from edge.link.errors import LinkError
from edge.link.messages import Event, EventBody, Image, ImageBody, Part, Result
from edge.link.sender import Sender
from edge.link.wire import decode, encode
from tests.edge.link.samples import CONTEXT, segmented_frame


def sender(encoding: str = "json") -> Sender:
    return Sender(rig="lab", camera="smear", session="s-1", encoding=encoding)


def result_parts(encoding: str = "json") -> list[bytes]:
    result = segmented_frame(7)
    return encode(sender(encoding).frame_header("result", 3, result.frame), result_body(result, CONTEXT))


def with_header(parts: list[bytes], **changes) -> list[bytes]:
    return [parts[0], json.dumps(json.loads(parts[1]) | changes).encode(), *parts[2:]]


@pytest.mark.parametrize("encoding", ["json", "msgpack"])
def test_a_result_survives_the_wire(encoding):
    message = decode(result_parts(encoding))
    assert isinstance(message, Result)
    assert message.body == result_body(segmented_frame(7), CONTEXT)
    assert message.header == sender(encoding).frame_header("result", 3, segmented_frame(7).frame)


def test_topic_and_header_are_as_documented():
    topic, header, body = result_parts()
    assert topic == b"wbc/1/lab/smear/result"
    assert json.loads(header) == {
        "schema": "wbc.result", "v": 1, "rig": "lab", "camera": "smear", "session": "s-1", "seq": 3, "frame": 7,
        "t_capture_ns": 1_750_000_000_000_000_007, "t_mono_ns": 1007, "clock": "host", "enc": "json", "parts": [],
    }  # fmt: skip
    assert json.loads(body)["source"] == "0007.png"


def test_a_message_about_no_frame_has_none():
    message = decode(encode(sender().header("event", 0), EventBody(type="stopping", message="bye")))
    assert isinstance(message, Event)
    assert message.header.frame is None
    assert message.header.t_capture_ns > 1_700_000_000_000_000_000


def test_a_picture_travels_as_a_named_blob():
    header = sender().frame_header("frame", 0, segmented_frame().frame, (Part(name="image", type="image/jpeg"),))
    body = ImageBody(source="a.png", width=2, height=1, source_width=4, source_height=2)
    message = decode(encode(header, body, [b"\xff\xd8"]))
    assert isinstance(message, Image)
    assert message.jpeg == b"\xff\xd8"
    assert message.header.parts[0].name == "image"


def test_each_topic_counts_for_itself():
    source = sender()
    assert [source.take_seq(kind) for kind in ("status", "status", "event", "status")] == [0, 1, 0, 2]


@pytest.mark.parametrize(
    ("damage", "words"),
    [
        (lambda parts: [], "has 0 parts"),
        (lambda parts: parts[:2], "has 2 parts"),
        (lambda parts: [parts[0], b"{", parts[2]], "header cannot be read"),
        (lambda parts: [parts[0], b"[]", parts[2]], "header cannot be read"),
        (lambda parts: [parts[0], b"\xff\xfe", parts[2]], "header cannot be read"),
        (lambda parts: [parts[0], parts[1], parts[2][:-5]], "body of wbc/1/lab/smear/result number 3 cannot be read"),
        (lambda parts: [parts[0], parts[1], b'{"cells": 5}'], "cannot be read as json"),
        (lambda parts: [b"wbc/1/lab/other/result", *parts[1:]], "but its header says"),
        (lambda parts: [*parts, b"blob"], "names 0 blobs but 1 came"),
        (lambda parts: with_header(parts, seq=-1), "header cannot be read"),
        (lambda parts: with_header(parts, enc="pickle"), "header cannot be read"),
    ],
)
def test_a_broken_message_is_refused_in_words(damage, words):
    with pytest.raises(LinkError, match=words):
        decode(damage(result_parts()))


@pytest.mark.parametrize(("version", "whom"), [(2, "update the subscriber"), (0, "update the rig")])
def test_another_version_is_refused_with_what_to_update(version, whom):
    with pytest.raises(LinkError, match=whom):
        decode(with_header(result_parts(), v=version))


def test_a_frame_message_without_its_picture_is_refused():
    header = sender().frame_header("frame", 0, segmented_frame().frame)
    body = ImageBody(source="a.png", width=2, height=1, source_width=4, source_height=2)
    with pytest.raises(LinkError, match="without its picture"):
        decode(encode(header, body))


def test_fields_of_a_later_release_are_passed_over():
    parts = with_header(result_parts(), added_later={"a": 1})
    parts[2] = json.dumps(json.loads(parts[2]) | {"added_later": [1]}).encode()
    message = decode(parts)
    assert isinstance(message, Result)
    assert len(message.cells) == 1


def test_a_type_of_a_later_release_is_no_error():
    parts = with_header(result_parts(), schema="wbc.crop")
    assert decode([b"wbc/1/lab/smear/crop", *parts[1:]]) is None


@given(st.lists(st.binary(max_size=40), max_size=5))
def test_no_bytes_do_worse_than_a_refusal(parts):
    with pytest.raises(LinkError):
        decode(parts)


def test_importing_the_link_loads_no_heavy_library():
    heavy = {"cv2", "onnxruntime", "pydantic", "rich", "torch"}
    code = f"import sys, edge.link; print(sorted({heavy} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
