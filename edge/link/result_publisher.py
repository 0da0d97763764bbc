"""The thread that owns the results socket: hello, status, results and the last event."""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Protocol

from edge.link.body import ResultContext, result_body
from edge.link.handover import Handover
from edge.link.messages import EventBody, FrameCounts, HelloBody, MessageType, StatusBody
from edge.link.sender import Sender
from edge.link.wire import encode
from edge.link.xpub import XpubSocket
from edge.types import SegmentedFrame

QUEUE_FRAMES = 8
"""A queued result keeps its picture alive (9 MB at 2048x1536); encoding takes a fraction of a frame's time, so a full
queue means that the machine is overloaded."""
POLL_S = 0.02
"""The longest that a new subscriber waits for its hello while no frame comes."""
FPS_WINDOW = 6
"""`fps` is taken over the last five status intervals."""

log = logging.getLogger(__name__)


class FrameAccount(Protocol):
    """A consistent snapshot of the loop's counters: captured = segmented + sum(dropped) + failed."""

    @property
    def captured(self) -> int: ...
    @property
    def segmented(self) -> int: ...
    @property
    def dropped(self) -> Mapping[str, int]: ...
    @property
    def failed(self) -> int: ...


class ResultPublisher:
    """Sends what the loop hands over; the loop never waits for it.

    Hello and the latest status are kept and sent again, with their old `seq`, whenever somebody subscribes.
    """

    def __init__(
        self,
        socket: XpubSocket,
        sender: Sender,
        hello: HelloBody,
        context: ResultContext,
        accounting: Callable[[], FrameAccount],
    ) -> None:
        """Start the thread, which from now on owns `socket`.

        `accounting` is called by the thread, once a status and once a result.
        """
        self.socket = socket
        self.sender = sender
        self.failed = 0
        self._hello_body = hello
        self._context = context
        self._accounting = accounting
        self._queue: Handover[tuple[int, SegmentedFrame]] = Handover(QUEUE_FRAMES)
        self._results = 0
        self._stop = threading.Event()
        self._failing = False
        self._started_s = time.monotonic()
        self._segmented: deque[tuple[float, int]] = deque(maxlen=FPS_WINDOW)
        self._hello: list[bytes] = []
        self._status: list[bytes] = []
        self._thread = threading.Thread(target=self._run, name="publish-results", daemon=True)
        self._thread.start()

    def put(self, result: SegmentedFrame) -> None:
        """Hand over a result (the loop's thread). Its number is taken here, so that one skipped leaves a gap."""
        self._queue.put((self._results, result))
        self._results += 1

    @property
    def dropped(self) -> int:
        """Results skipped because the thread did not keep up."""
        return self._queue.dropped

    def stop(self) -> None:
        """Begin to close; returns at once."""
        self._stop.set()

    def close(self) -> None:
        """Send what is queued, a last status and `stopping`, then close the socket; safe to call twice."""
        self.stop()
        self._thread.join()

    def _run(self) -> None:
        try:
            self._hello = encode(self.sender.header("hello", self.sender.take_seq("hello")), self._hello_body)
            next_status_s = self._started_s
            while True:
                stopping = self._stop.is_set()
                queued = self._queue.take(0 if stopping else POLL_S)
                if time.monotonic() >= next_status_s:
                    self._send_status()
                    next_status_s = time.monotonic() + self._hello_body.status_interval_s
                self._welcome()
                if queued is not None:
                    self._publish(*queued)
                elif stopping:
                    break
            self._send_status()
            self._send_stopping()
        finally:
            self.socket.close()

    def _welcome(self) -> None:
        """Let subscribers in, and tell them who speaks before they get anything else."""
        if self.socket.admit():
            self.socket.send(self._hello)
            self.socket.send(self._status)

    def _publish(self, seq: int, result: SegmentedFrame) -> None:
        if not self.socket.is_wanted(self.sender.topic("result")):
            return
        try:
            body = result_body(result, replace(self._context, drops=self._accounting().dropped))
            self.socket.send(encode(self.sender.frame_header("result", seq, result.frame), body))
        except Exception:
            # Best effort: what cannot be published must not end the run.
            self.failed += 1
            if not self._failing:
                log.exception("frame %d could not be published; the run goes on", result.frame.index)
            self._failing = True
        else:
            self._failing = False

    def _send_status(self) -> None:
        account = self._accounting()
        now_s = time.monotonic()
        self._segmented.append((now_s, account.segmented))
        first_s, first = self._segmented[0]
        fps = (account.segmented - first) / (now_s - first_s) if now_s > first_s else 0.0
        body = StatusBody(
            uptime_s=round(now_s - self._started_s, 3),
            fps=round(fps, 2),
            subscribers=self.socket.count_connections(),
            frames=FrameCounts(
                captured=account.captured,
                segmented=account.segmented,
                dropped=dict(account.dropped),
                failed=account.failed,
            ),
            unpublished=self.dropped + self.failed,
        )
        self._status = self._encode("status", body)
        self.socket.send(self._status)

    def _send_stopping(self) -> None:
        self.socket.send(self._encode("event", EventBody(type="stopping", message="the rig stops")))

    def _encode(self, kind: MessageType, body: StatusBody | EventBody) -> list[bytes]:
        return encode(self.sender.header(kind, self.sender.take_seq(kind)), body)
