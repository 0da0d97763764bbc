from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import cv2
import pytest

from edge.link import Event, Hello, Result, Status, Subscriber
from tests.e2e.running import command, edge_run, environment, start, wait_until
from tests.edge.examples import smear
from tests.tiny_model import write_tiny_model


@pytest.fixture(scope="module")
def model(tmp_path_factory) -> Path:
    return write_tiny_model(tmp_path_factory.mktemp("model") / "tiny.onnx")


@pytest.fixture
def slides(tmp_path) -> Path:
    """Three good pictures and a broken one, of a camera's size: tiny ones run at 1000 a second, which no subscriber is
    meant to keep up with, and who lags so far behind misses the last event."""
    for index in range(3):
        picture = smear([(1, 1)][: index % 2], seed=index).repeat(12, axis=0).repeat(12, axis=1)
        cv2.imwrite(str(tmp_path / f"{index}.png"), picture)
    (tmp_path / "3.png").write_bytes(b"broken")
    return tmp_path


@pytest.fixture
def silent_server() -> Iterator[socket.socket]:
    """Accepts connections and never says a word."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server


def url(server: socket.socket) -> str:
    return f"rtsp://me:secret@127.0.0.1:{server.getsockname()[1]}/x"


def test_a_silent_stream_is_4_in_time_and_its_password_stays_secret(silent_server, model):
    done = edge_run("--camera", url(silent_server), "--model", model, WBC_CAMERA__OPEN_TIMEOUT_S="1")
    assert done.returncode == 4
    assert "***@127.0.0.1" in done.stderr
    assert "secret" not in done.stdout + done.stderr


def test_a_signal_while_the_camera_opens_ends_the_run_cleanly(silent_server, model):
    process = start("--camera", url(silent_server), "--model", model)
    silent_server.settimeout(60)
    connection, _ = silent_server.accept()
    process.send_signal(signal.SIGINT)
    _, stderr = process.communicate(timeout=30)
    connection.close()
    assert process.returncode == 0, stderr
    assert "Traceback" not in stderr


def test_a_busy_port_is_8(slides, model):
    with socket.create_server(("127.0.0.1", 0)) as holder:
        endpoint = f"tcp://127.0.0.1:{holder.getsockname()[1]}"
        arguments = command("--camera", slides, "--model", model, "--headless", "--pub", endpoint)
        done = subprocess.run(arguments, capture_output=True, text=True, timeout=60, check=False, env=environment())
    assert done.returncode == 8
    assert endpoint in done.stderr
    assert "Traceback" not in done.stderr


def test_a_subscriber_gets_everything_and_every_status_adds_up(slides, model):
    arguments = ("--camera", slides, "--model", model, "--loop", "0", "--headless", "--threads", "1")
    # Sockets in a short folder of their own: a Unix socket's path is limited to about 100 characters.
    with tempfile.TemporaryDirectory(prefix="edge-") as folder:
        endpoint = f"ipc://{folder}/results"
        process = subprocess.Popen(
            command(*arguments, "--pub", endpoint, "--pub-images", "none"),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=environment(),
        )
        wait_until(lambda: os.path.exists(f"{folder}/results"), process)  # noqa: PTH110 - a socket, not a file
        messages = []
        with Subscriber(endpoint) as subscriber:
            for message in subscriber:
                messages.append(message)
                if isinstance(message, Status) and sum(isinstance(item, Status) for item in messages) == 3:
                    process.send_signal(signal.SIGTERM)
                if isinstance(message, Event):
                    break
        stdout, stderr = process.communicate(timeout=30)
    assert process.returncode == 0, stderr
    assert isinstance(messages[0], Hello)
    assert isinstance(messages[-1], Event)
    assert {item.body.source for item in messages if isinstance(item, Result)} == {"0.png", "1.png", "2.png"}
    statuses = [item.body.frames for item in messages if isinstance(item, Status)]
    for frames in statuses:
        assert frames.captured == frames.segmented + sum(frames.dropped.values()) + frames.failed
    assert statuses[-1].failed > 0
    last = re.fullmatch(r"(\d+) frames?, .* of (\d+) pictures could not be read\n", stdout)
    assert last is not None
    assert (statuses[-1].segmented, statuses[-1].captured) == (int(last[1]), int(last[2]))
