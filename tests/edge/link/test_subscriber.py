from __future__ import annotations

import pytest
import zmq

from edge.errors import ConfigurationError
from edge.link import Event, Hello, LinkError, Result, RigDeadError, Status, Subscriber
from edge.link.messages import EventBody, HelloBody, StatusBody
from edge.link.sender import Sender
from edge.link.wire import encode
from tests.edge.link.rig import PATIENCE_S, publishing, receive_rest, receive_until
from tests.edge.link.samples import segmented_frame
from tests.golden.reading import read_golden
from tests.golden.write_golden import hello_body, status_body

GOLDEN = {golden.name: golden.parts for golden in read_golden()}


@pytest.fixture
def raw():
    """A bare PUB socket and a subscriber that is surely connected to it."""
    with zmq.Context() as context, context.socket(zmq.XPUB) as socket:
        socket.linger = 0
        socket.bind("tcp://127.0.0.1:*")
        with Subscriber(socket.last_endpoint.decode()) as subscriber:
            assert socket.recv() == b"\x01wbc/"
            yield socket, subscriber


def hello(session: str = "a", interval_s: float = 1.0) -> list[bytes]:
    body = HelloBody(**(hello_body() | {"status_interval_s": interval_s}))
    return encode(Sender(rig="lab", camera="smear", session=session, encoding="json").header("hello", 0), body)


def status(seq: int) -> list[bytes]:
    header = Sender(rig="lab", camera="smear", session="a", encoding="json").header("status", seq)
    return encode(header, StatusBody(**status_body()))


def test_messages_come_typed_and_in_order(raw):
    socket, subscriber = raw
    for name in ("hello", "status", "result_without_cells", "event_stopping"):
        socket.send_multipart(GOLDEN[name])
    assert [type(next(subscriber)) for _ in range(4)] == [Hello, Status, Result, Event]


def test_lost_results_are_counted(raw):
    socket, subscriber = raw
    for name in ("result_without_cells", "result_with_stage"):
        socket.send_multipart(GOLDEN[name])
    next(subscriber), next(subscriber)
    assert subscriber.lost["result"] == 2


def test_what_is_sent_again_for_others_is_yielded_once(raw):
    socket, subscriber = raw
    for parts in (hello(), status(4), hello(), status(4), status(5)):
        socket.send_multipart(parts)
    received = [next(subscriber) for _ in range(3)]
    assert [(type(message), message.header.seq) for message in received] == [(Hello, 0), (Status, 4), (Status, 5)]
    assert sum(subscriber.lost.values()) == 0


def test_a_new_session_is_noticed(raw):
    socket, subscriber = raw
    socket.send_multipart(hello("a"))
    socket.send_multipart(hello("b"))
    assert [next(subscriber).header.session for _ in range(2)] == ["a", "b"]
    assert (subscriber.session, subscriber.sessions) == ("b", 2)


def test_a_newer_version_is_refused_in_words_and_iterating_goes_on(raw):
    socket, subscriber = raw
    socket.send_multipart(GOLDEN["version_2"])
    socket.send_multipart(GOLDEN["hello"])
    with pytest.raises(LinkError, match="speaks version 2"):
        next(subscriber)
    assert isinstance(next(subscriber), Hello)


def test_a_broken_message_is_refused_and_iterating_goes_on(raw):
    socket, subscriber = raw
    socket.send_multipart([b"wbc/1/lab/smear/result", b"not json", b""])
    socket.send_multipart(GOLDEN["hello"])
    with pytest.raises(LinkError, match="header cannot be read"):
        next(subscriber)
    assert isinstance(next(subscriber), Hello)


def test_types_of_a_later_release_are_passed_over(raw):
    socket, subscriber = raw
    socket.send_multipart(GOLDEN["type_of_a_later_release"])
    socket.send_multipart(GOLDEN["hello"])
    assert isinstance(next(subscriber), Hello)


def test_three_missing_status_messages_mean_a_dead_rig(raw):
    socket, subscriber = raw
    socket.send_multipart(hello(interval_s=0.05))
    assert isinstance(next(subscriber), Hello)
    with pytest.raises(RigDeadError, match=r"for 0\.15 s"):
        next(subscriber)
    socket.send_multipart(status(0))
    assert isinstance(next(subscriber), Status)


def test_silence_after_stopping_is_no_death(raw):
    socket, subscriber = raw
    event = EventBody(type="stopping", message="bye")
    socket.send_multipart(hello(interval_s=0.01))
    header = Sender(rig="lab", camera="smear", session="a", encoding="json").header("event", 0)
    socket.send_multipart(encode(header, event))
    next(subscriber), next(subscriber)
    assert subscriber.receive(0.2) is None
    socket.send_multipart(hello("b"))
    assert next(subscriber).header.session == "b"


def test_no_message_within_the_timeout_is_none():
    with Subscriber("tcp://127.0.0.1:9") as subscriber:
        assert subscriber.receive(0.01) is None


@pytest.mark.parametrize("endpoint", ["", "127.0.0.1:5570", "tcp://", "tcp://127.0.0.1", "http://127.0.0.1:80"])
def test_an_address_that_is_none_is_refused(endpoint):
    with pytest.raises(ConfigurationError, match="not an address"):
        Subscriber(endpoint)


def test_a_restarted_rig_is_followed_on_its_old_address():
    with publishing() as first, Subscriber(first.endpoint) as subscriber:
        receive_until(subscriber, Status)
        endpoint, session = first.endpoint, first.session
        first.close()
        receive_rest(subscriber)
        with publishing(endpoint=endpoint) as second:
            message = subscriber.receive(PATIENCE_S)
            assert isinstance(message, Hello)
            assert message.header.session == second.session != session
            second.write(segmented_frame())
            assert receive_until(subscriber, Result)[-1].header.seq == 0
    assert sum(subscriber.lost.values()) == 0
