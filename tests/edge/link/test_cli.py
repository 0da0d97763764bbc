from __future__ import annotations

import csv
import io
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import jsonschema
import msgspec
import pytest
import zmq

from edge.link.cli import main
from edge.link.printing import CSV_HEADER, csv_lines, json_lines, readable_lines
from edge.link.schemas import json_schemas
from edge.link.show import reachable
from edge.link.wire import decode
from tests.edge.link.rig import PATIENCE_S, publishing
from tests.edge.link.samples import Account, segmented_frame
from tests.golden.reading import read_golden

GOLDEN = {golden.name: decode(golden.parts) for golden in read_golden() if golden.reads not in {"refused", "unknown"}}
BOXES = ((10, 20, 50, 60), (60, 20, 100, 60))


@contextmanager
def edge_sub(*arguments: str) -> Iterator[subprocess.Popen[str]]:
    process = subprocess.Popen(
        [sys.executable, "-m", "edge.link.cli", *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def finish(process: subprocess.Popen[str]) -> tuple[str, str, int]:
    out, err = process.communicate(timeout=PATIENCE_S)
    return out, err, process.returncode


def run_against_a_rig(*arguments: str, frames: int = 5) -> tuple[str, str, int]:
    """What edge-sub prints of `frames` results, written once it has subscribed."""
    account = Account(captured=frames + 2, segmented=frames, dropped={"oldest": 2})
    with publishing(account) as publisher, watching(publisher.endpoint) as watcher:
        await_hello(watcher)
        with edge_sub(publisher.endpoint, *arguments) as process:
            await_hello(watcher)
            for index in range(frames):
                publisher.write(segmented_frame(index, BOXES[: index % 3]))
            return finish(process)


@contextmanager
def watching(endpoint: str) -> Iterator[zmq.Socket]:
    """A bare socket, which also gets what is sent again: a second hello means a second subscriber."""
    with zmq.Context() as context, context.socket(zmq.SUB) as watcher:
        watcher.linger = 0
        watcher.subscribe(b"wbc/1/lab/smear/hello")
        watcher.connect(endpoint)
        yield watcher


def await_hello(watcher: zmq.Socket) -> None:
    assert watcher.poll(PATIENCE_S * 1000)
    watcher.recv_multipart()


def test_readable_lines_tell_who_speaks_and_what_was_found():
    out, err, code = run_against_a_rig("--frames", "5")
    lines = out.splitlines()
    assert code == 0
    assert err == ""
    assert lines[0].startswith("hello   lab/smear, leukoedge ")
    assert "7 captured = 5 segmented + 2 dropped (oldest 2) + 0 failed" in lines[1]
    results = [line for line in lines if line.startswith("result")]
    assert len(results) == 5
    assert "frame 2 of 0002.png: 2 cells, wbc 0.90 (" in results[2]
    assert "frame 0 of 0000.png: 0 cells, 21.6 ms, quality: clipped" in results[0]


def test_jsonl_is_one_result_a_line_with_the_fields_of_header_and_body():
    out, _, code = run_against_a_rig("--jsonl", "--frames", "4")
    lines = [json.loads(line) for line in out.splitlines()]
    assert code == 0
    assert [line["seq"] for line in lines] == [line["frame"] for line in lines] == [0, 1, 2, 3]
    assert [len(line["cells"]) for line in lines] == [0, 1, 2, 0]
    for line in lines:
        jsonschema.validate(line, json_schemas()["header"])
        jsonschema.validate(line, json_schemas()["result"])


def test_csv_is_one_row_a_cell_below_a_header():
    out, _, code = run_against_a_rig("--csv", "--frames", "5")
    rows = list(csv.DictReader(io.StringIO(out)))
    assert code == 0
    assert [(row["frame"], row["id"]) for row in rows] == [("1", "0"), ("2", "0"), ("2", "1"), ("4", "0")]
    assert rows[0]["source"] == "0001.png"
    assert [float(rows[0][name]) for name in ("x", "y", "width", "height")] == [10, 20, 40, 40]
    assert rows[0]["area_um2"] == ""


@pytest.mark.parametrize("sent", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_it_cleanly(sent):
    with publishing() as publisher, edge_sub(publisher.endpoint) as process:
        assert process.stdout.readline().startswith("hello")
        process.send_signal(sent)
        _, err, code = finish(process)
    assert (err, code) == ("", 0)


def test_a_reader_that_leaves_ends_it_cleanly():
    with publishing(status_interval_s=0.02) as publisher, edge_sub(publisher.endpoint) as process:
        assert process.stdout.readline().startswith("hello")
        process.stdout.close()
        assert process.wait(PATIENCE_S) == 0
        assert process.stderr.read() == ""


def test_no_publisher_within_the_timeout_is_said_in_one_sentence(capsys):
    assert main(["tcp://127.0.0.1:9", "--timeout", "0.1"]) == 1
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("edge-sub: no publisher answered at tcp://127.0.0.1:9 within 0.1 s; start edge-run")
    assert err.count("\n") == 1


def test_without_a_timeout_it_says_that_it_waits(monkeypatch, capsys):
    notices = iter(range(2))

    def interrupt_after_two(text: str) -> None:
        sys.stderr.write(text)
        if next(notices) == 1:
            raise KeyboardInterrupt

    monkeypatch.setattr("edge.link.cli.NOTICE_S", 0.1)
    monkeypatch.setattr("edge.link.cli._notice", interrupt_after_two)
    assert main(["tcp://127.0.0.1:9"]) == 0
    assert capsys.readouterr().err.count("no publisher answers at tcp://127.0.0.1:9 for 0 s; still waiting") == 2


def test_a_rig_that_stops_ends_a_timed_wait_cleanly():
    with publishing() as publisher, edge_sub(publisher.endpoint, "--timeout", "2") as process:
        assert process.stdout.readline().startswith("hello")
        publisher.close()
        out, err, code = finish(process)
    assert out.splitlines()[-1].startswith("event   stopping")
    assert (err, code) == ("", 0)


def test_a_rig_that_falls_silent_ends_a_timed_wait_with_an_error():
    with zmq.Context() as context, context.socket(zmq.XPUB) as socket:
        socket.linger = 0
        socket.bind("tcp://127.0.0.1:*")
        with edge_sub(socket.last_endpoint.decode(), "--timeout", "1") as process:
            socket.recv()
            socket.send_multipart(next(golden.parts for golden in read_golden() if golden.name == "hello"))
            _, err, code = finish(process)
    assert code == 1
    assert "did not say that it stops" in err


def test_a_newer_rig_is_named_as_such():
    with zmq.Context() as context, context.socket(zmq.XPUB) as socket:
        socket.linger = 0
        socket.bind("tcp://127.0.0.1:*")
        with edge_sub(socket.last_endpoint.decode()) as process:
            socket.recv()
            socket.send_multipart(next(golden.parts for golden in read_golden() if golden.name == "version_2"))
            _, err, code = finish(process)
    assert code == 1
    assert err.startswith("edge-sub: the rig speaks version 2")
    assert "Traceback" not in err


def test_an_address_that_is_none_is_a_configuration_error(capsys):
    assert main(["5570"]) == 3
    assert "not an address" in capsys.readouterr().err


@pytest.mark.parametrize(
    "arguments", [["--frames", "0"], ["--frames", "x"], ["--timeout", "-1"], ["--timeout", "nan"], ["--csv", "--jsonl"]]
)
def test_a_wrong_option_is_a_usage_error(arguments, capsys):
    with pytest.raises(SystemExit) as caught:
        main(arguments)
    assert caught.value.code == 2


def test_lost_results_are_reported():
    with zmq.Context() as context, context.socket(zmq.XPUB) as socket:
        socket.linger = 0
        socket.bind("tcp://127.0.0.1:*")
        parts = {golden.name: golden.parts for golden in read_golden()}
        with edge_sub(socket.last_endpoint.decode(), "--frames", "3") as process:
            socket.recv()
            for name in (
                "result_without_cells",
                "result_with_stage",
                "status",
                "result_with_fields_of_a_later_release",
            ):
                socket.send_multipart(parts[name])
            _, err, code = finish(process)
    assert code == 0
    assert err.startswith("edge-sub: 2 results were lost")


def test_a_truncated_result_says_so():
    message = GOLDEN["result_without_cells"]
    truncated = type(message)(header=message.header, body=msgspec.structs.replace(message.body, truncated=True))
    assert "TRUNCATED" in readable_lines(truncated)[0]


def test_many_cells_are_counted_rather_than_listed():
    message = GOLDEN["result_with_every_kind_of_mask"]
    crowded = type(message)(header=message.header, body=msgspec.structs.replace(message.body, cells=message.cells * 2))
    (line,) = readable_lines(crowded)
    assert "12 cells" in line
    assert "and 6 more" in line


@pytest.mark.parametrize("name", sorted(set(GOLDEN) - {"frame"}))
def test_every_message_has_a_readable_line(name):
    (line,) = readable_lines(GOLDEN[name])
    assert line


@pytest.mark.parametrize("name", ["hello", "status", "event_stopping", "frame"])
def test_only_results_are_data(name):
    assert json_lines(GOLDEN[name]) == csv_lines(GOLDEN[name]) == []


def test_csv_rows_have_the_columns_of_the_header():
    rows = csv.reader(io.StringIO("\n".join(csv_lines(GOLDEN["result_with_every_kind_of_mask"]))))
    assert {len(row) for row in rows} == {len(CSV_HEADER.split(","))}


@pytest.mark.parametrize(
    ("announced", "results", "expected"),
    [
        ("tcp://127.0.0.1:5572", "tcp://127.0.0.1:5570", "tcp://127.0.0.1:5572"),
        ("tcp://0.0.0.0:5572", "tcp://rig.lab:5570", "tcp://rig.lab:5572"),
        ("tcp://[::1]:5572", "tcp://[::1]:5570", "tcp://[::1]:5572"),
        ("ipc:///run/images", "tcp://rig.lab:5570", "ipc:///run/images"),
    ],
)
def test_pictures_are_sought_on_the_host_of_the_results(announced, results, expected):
    assert reachable(announced, results) == expected


@pytest.mark.parametrize("display", [None, ":4711"], ids=["no display", "a dead display"])
def test_a_window_without_a_display_is_refused(display):
    environment = {key: value for key, value in os.environ.items() if key not in {"DISPLAY", "WAYLAND_DISPLAY"}}
    environment |= {} if display is None else {"DISPLAY": display}
    command = [sys.executable, "-m", "edge.link.cli", "--show"]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=2 * PATIENCE_S, check=False)
    assert done.returncode == 9
    assert done.stderr.count("\n") == 1
    assert "display" in done.stderr
