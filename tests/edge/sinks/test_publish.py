from __future__ import annotations

import socket
import threading
from dataclasses import replace
from itertools import pairwise

import cv2
import numpy as np
import pytest
import zmq

from edge.errors import ConfigurationError, EndpointInUseError
from edge.link import Event, Hello, Image, Result, Status, Subscriber
from edge.link.endpoint import check_endpoint
from edge.link.image_publisher import encode_jpeg
from edge.link.messages import RESULTS_HIGH_WATER_MARK
from edge.link.wire import decode
from edge.sinks.publish import Publisher
from tests.edge.link.rig import PATIENCE_S, options, publishing, receive_rest, receive_until
from tests.edge.link.samples import CONTEXT, Account, segmented_frame


class Flow:
    """Writes frames to a publisher from a thread of its own until it is left."""

    def __init__(self, publisher: Publisher, pause_s: float = 0.001) -> None:
        self._publisher, self._pause_s = publisher, pause_s
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run)

    def __enter__(self) -> Flow:
        self._thread.start()
        return self

    def __exit__(self, *_) -> None:
        self._stop.set()
        self._thread.join()

    def _run(self) -> None:
        index = 0
        while not self._stop.wait(self._pause_s):
            self._publisher.write(segmented_frame(index))
            index += 1


def bare_subscriber(context: zmq.Context, endpoint: str, high_water_mark: int) -> zmq.Socket:
    sub = context.socket(zmq.SUB)
    sub.linger = 0
    sub.rcvhwm = high_water_mark
    sub.rcvbuf = 4096
    sub.subscribe(b"")
    sub.connect(endpoint)
    return sub


def test_a_late_joiner_gets_hello_and_status_before_any_result():
    with publishing(images_endpoint=None) as publisher, Flow(publisher):
        for _ in range(30):
            with Subscriber(publisher.endpoint) as subscriber:
                first = [subscriber.receive(PATIENCE_S) for _ in range(3)]
            assert [type(message) for message in first] == [Hello, Status, Result]


def test_a_joiner_of_an_idle_rig_gets_hello_and_status():
    with publishing() as publisher, Subscriber(publisher.endpoint) as subscriber:
        assert isinstance(subscriber.receive(PATIENCE_S), Hello)
        assert isinstance(subscriber.receive(PATIENCE_S), Status)


def test_what_is_sent_again_keeps_its_number():
    with (
        publishing(status_interval_s=3600) as publisher,
        zmq.Context() as context,
        bare_subscriber(context, publisher.endpoint, 100) as early,
    ):
        sent = [decode(early.recv_multipart()) for _ in range(2)]
        with Subscriber(publisher.endpoint) as late:
            receive_until(late, Status)
        again = [decode(early.recv_multipart()) for _ in range(2)]
    assert [message.header for message in again] == [message.header for message in sent]


def test_results_arrive_in_order_with_what_was_found():
    account = Account(captured=9, segmented=4, dropped={"oldest": 5})
    with publishing(account) as publisher, Subscriber(publisher.endpoint) as subscriber:
        receive_until(subscriber, Status)
        for index in range(5):
            publisher.write(segmented_frame(index, boxes=((10, 20, 50, 60),) * (index % 2)))
        results = [m for m in receive_until(subscriber, Result, 5) if isinstance(m, Result)]
    assert [m.header.seq for m in results] == [m.header.frame for m in results] == [0, 1, 2, 3, 4]
    assert [len(m.cells) for m in results] == [0, 1, 0, 1, 0]
    assert results[0].header.topic == "wbc/1/lab/smear/result"
    assert results[0].header.session == publisher.session
    assert results[0].body.drops == {"oldest": 5}


def test_bodies_may_be_msgpack():
    with publishing(encoding="msgpack") as publisher, Subscriber(publisher.endpoint) as subscriber:
        receive_until(subscriber, Status)
        publisher.write(segmented_frame(3))
        result = receive_until(subscriber, Result)[-1]
    assert result.header.enc == "msgpack"
    assert result.body.source == "0003.png"


def test_the_hello_introduces_the_rig():
    changes = {"camera_mode": "asked 30, got 10", "threshold": 0.3}
    with publishing(**changes) as publisher, Subscriber(publisher.endpoint) as subscriber:
        (hello,) = receive_until(subscriber, Hello)
    assert hello.body.software.startswith("leukoedge ")
    assert hello.body.model == CONTEXT.model
    assert hello.body.images_endpoint == publisher.images_endpoint
    assert (hello.body.camera_mode, hello.body.threshold, hello.body.classes) == ("asked 30, got 10", 0.3, ("wbc",))


def test_status_carries_the_frame_accounting_and_the_subscribers():
    account = Account(captured=20, segmented=14, dropped={"oldest": 3, "stale": 2}, failed=1)
    with publishing(account, status_interval_s=0.05) as publisher, Subscriber(publisher.endpoint) as subscriber:
        with Subscriber(publisher.endpoint):
            while (status := receive_until(subscriber, Status)[-1]).body.subscribers != 2:
                pass
        frames = status.body.frames
        assert frames.captured == frames.segmented + sum(frames.dropped.values()) + frames.failed == 20
        while receive_until(subscriber, Status)[-1].body.subscribers != 1:
            pass


def test_the_frame_rate_is_that_of_segmented_frames():
    account = Account()
    with publishing(account, status_interval_s=0.05) as publisher, Subscriber(publisher.endpoint) as subscriber:
        assert receive_until(subscriber, Status)[-1].body.fps == 0
        account.segmented = 1000
        statuses = [m for m in receive_until(subscriber, Status, 4) if isinstance(m, Status)]
    assert all(before.body.uptime_s < after.body.uptime_s for before, after in pairwise(statuses))
    assert max(status.body.fps for status in statuses) > 0


def test_stopping_is_the_last_message():
    with publishing() as publisher, Subscriber(publisher.endpoint) as subscriber:
        receive_until(subscriber, Status)
        for index in range(5):
            publisher.write(segmented_frame(index))
        publisher.close()
        received = receive_rest(subscriber)
        assert subscriber.receive(0.2) is None
    assert isinstance(received[-1], Event)
    assert received[-1].body.type == "stopping"
    assert sum(isinstance(message, Result) for message in received) == 5


def test_closing_twice_is_harmless():
    with publishing() as publisher:
        publisher.close()


def test_a_stalled_subscriber_costs_neither_the_loop_nor_the_others_anything():
    # A ragged mask makes 30 kB of a result, so that the mark and the kernel's buffers are full long before the end.
    ragged = np.random.default_rng(0).random((200, 200), np.float32)
    frames = 3 * RESULTS_HIGH_WATER_MARK
    with (
        publishing(images_endpoint=None) as publisher,
        zmq.Context() as context,
        Subscriber(publisher.endpoint) as reader,
        bare_subscriber(context, publisher.endpoint, 1) as stalled,
    ):
        receive_until(reader, Status)
        assert stalled.poll(PATIENCE_S * 1000)
        received = []
        for index in range(frames):
            publisher.write(segmented_frame(index, ((20, 20, 220, 220),), size=(240, 240), mask=ragged))
            received.append(receive_until(reader, Result)[-1].header.seq)
        seen = stalled_results(stalled, publisher)
    assert received == list(range(frames))
    assert publisher.dropped == 0
    assert seen[0] == 0
    assert max(np.diff(seen)) > 1


def stalled_results(stalled: zmq.Socket, publisher: Publisher) -> list[int]:
    """Numbers of the results that a subscriber gets when it wakes up while the rig goes on."""
    seen: list[int] = []
    for index in range(10_000, 20_000):
        while stalled.poll(5):
            message = decode(stalled.recv_multipart())
            if isinstance(message, Result):
                seen.append(message.header.seq)
        if len(seen) > 1 and max(np.diff(seen)) > 1:
            return seen
        publisher.write(segmented_frame(index, boxes=()))
    return seen


def test_a_full_queue_leaves_a_gap_that_subscribers_see():
    account = Account()
    with publishing(account) as publisher, Subscriber(publisher.endpoint) as subscriber:
        receive_until(subscriber, Status)
        for index in range(2000):
            publisher.write(segmented_frame(index, boxes=((10, 20, 50, 60),) * 20))
        publisher.close()
        results = sum(isinstance(message, Result) for message in receive_rest(subscriber))
        unpublished = publisher.dropped
    assert unpublished > 0
    assert results + unpublished == 2000


def test_a_result_that_cannot_be_encoded_is_counted_and_logged_once(caplog):
    bad = segmented_frame(0)
    bad = replace(bad, instances=replace(bad.instances, labels=np.array([99], np.int32)))
    with publishing() as publisher, Subscriber(publisher.endpoint) as subscriber:
        receive_until(subscriber, Status)
        for _ in range(3):
            publisher.write(bad)
        publisher.write(segmented_frame(3))
        assert receive_until(subscriber, Result)[-1].header.seq == 3
        assert publisher.dropped == 3
    assert caplog.text.count("could not be published") == 1


def test_pictures_travel_on_their_own_socket():
    with (
        publishing(image_max_width_px=64) as publisher,
        Flow(publisher, 0.005),
        Subscriber(publisher.endpoint, publisher.images_endpoint) as subscriber,
    ):
        image = receive_until(subscriber, Image)[-1]
    pixels = cv2.imdecode(np.frombuffer(image.jpeg, np.uint8), cv2.IMREAD_COLOR)
    assert pixels.shape == (48, 64, 3)
    # A grey picture survives JPEG within a level or two.
    assert abs(pixels.astype(int) - 128).max() <= 2
    assert (image.body.width, image.body.height) == (64, 48)
    assert (image.body.source_width, image.body.source_height) == (128, 96)
    assert image.header.parts[0].type == "image/jpeg"
    assert image.body.source == f"{image.header.frame:04}.png"


def test_no_picture_is_encoded_without_somebody_who_wants_it(monkeypatch):
    encoded = []

    def spy(*arguments):
        encoded.append(arguments)
        return encode_jpeg(*arguments)

    monkeypatch.setattr("edge.link.image_publisher.encode_jpeg", spy)
    with publishing() as publisher, Subscriber(publisher.endpoint) as subscriber:
        receive_until(subscriber, Status)
        publisher.write(segmented_frame())
        receive_until(subscriber, Result)
        publisher.close()
    assert encoded == []


def test_a_small_picture_is_not_enlarged():
    assert encode_jpeg(np.zeros((3, 5, 3), np.uint8), 85, 1024)[1:] == (5, 3)
    assert encode_jpeg(np.zeros((1, 3000, 3), np.uint8), 85, 1000)[1:] == (1000, 1)


@pytest.mark.parametrize(
    "endpoint",
    ["tcp://0.0.0.0:5570", "tcp://*:5570", "tcp://192.168.1.7:5570", "tcp://[::]:5570", "tcp://eth0:5570",
     "tcp://rig.example:5570", "tcp://128.0.0.1:5570"],
)  # fmt: skip
def test_an_address_for_other_machines_is_refused_unless_allowed(endpoint):
    with pytest.raises(ConfigurationError, match="--insecure-bind") as caught:
        Publisher(options(endpoint=endpoint), CONTEXT, Account)
    assert caught.value.exit_code == 3
    with pytest.raises(ConfigurationError, match="--insecure-bind"):
        Publisher(options(images_endpoint=endpoint), CONTEXT, Account)
    assert check_endpoint(endpoint, insecure_bind=True) == endpoint


@pytest.mark.parametrize(
    ("endpoint", "bindable"),
    [
        ("tcp://127.0.0.1:5570", "tcp://127.0.0.1:5570"),
        ("tcp://127.9.9.9:*", "tcp://127.9.9.9:*"),
        ("tcp://localhost:5570", "tcp://127.0.0.1:5570"),
        ("tcp://[::1]:5570", "tcp://[::1]:5570"),
        ("ipc:///run/wbc.sock", "ipc:///run/wbc.sock"),
        ("inproc://wbc", "inproc://wbc"),
    ],
)
def test_an_address_of_this_machine_is_allowed(endpoint, bindable):
    assert check_endpoint(endpoint, insecure_bind=False) == bindable


@pytest.mark.parametrize(
    "endpoint", ["", "5570", "127.0.0.1:5570", "tcp://127.0.0.1", "tcp://127.0.0.1:http", "tcp://127.0.0.1:99999",
                 "udp://127.0.0.1:5570", "ipc://", "tcp://127.0.0.1:5570 "],
)  # fmt: skip
def test_what_is_no_address_is_refused(endpoint):
    with pytest.raises(ConfigurationError, match="not an address"):
        Publisher(options(endpoint=endpoint), CONTEXT, Account)


def test_an_open_address_can_be_bound_when_allowed():
    with publishing(endpoint="tcp://0.0.0.0:*", insecure_bind=True) as publisher:
        assert publisher.endpoint.startswith("tcp://0.0.0.0:")


def test_an_address_that_this_machine_does_not_have_is_refused():
    with pytest.raises(ConfigurationError, match="cannot be bound"):
        Publisher(options(endpoint="tcp://192.0.2.1:5570", insecure_bind=True), CONTEXT, Account)


@pytest.mark.parametrize("which", ["endpoint", "images_endpoint"])
def test_a_busy_port_is_named_and_frees_what_was_opened(which):
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", 0))
        holder.listen()
        busy = f"tcp://127.0.0.1:{holder.getsockname()[1]}"
        threads = threading.active_count()
        with pytest.raises(EndpointInUseError, match=busy) as caught:
            Publisher(options(**{which: busy}), CONTEXT, Account)
    assert caught.value.exit_code == 8
    assert threading.active_count() == threads


def test_a_unix_socket_in_use_is_not_taken_away(tmp_path):
    endpoint = f"ipc://{tmp_path}/rig.sock"
    with publishing(endpoint=endpoint) as publisher:
        with pytest.raises(EndpointInUseError, match=r"rig\.sock"):
            Publisher(options(endpoint=endpoint), CONTEXT, Account)
        with Subscriber(publisher.endpoint) as subscriber:
            receive_until(subscriber, Status)


def test_a_unix_socket_left_by_a_killed_run_is_reused(tmp_path):
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(f"{tmp_path}/rig.sock")
    with publishing(endpoint=f"ipc://{tmp_path}/rig.sock") as publisher, Subscriber(publisher.endpoint) as subscriber:
        receive_until(subscriber, Status)


@pytest.mark.parametrize("names", [{"rig": "a/b"}, {"rig": ""}, {"camera": "käfer"}, {"camera": "a b"}])
def test_a_name_that_cannot_be_part_of_a_topic_is_refused(names):
    with pytest.raises(ConfigurationError, match="cannot be part of a topic"):
        Publisher(options(**names), CONTEXT, Account)
