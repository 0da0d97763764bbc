"""What the messages of one session share: who sends them, and a count for each topic."""

from __future__ import annotations

import time
from collections import Counter
from dataclasses import dataclass, field

from edge.link.messages import VERSION, Encoding, Header, MessageType, Part
from edge.types import Frame


@dataclass(frozen=True, slots=True, kw_only=True)
class Sender:
    """Writes headers. `session` is a UUID, new with every start of the daemon; `take_seq` belongs to one thread."""

    rig: str
    camera: str
    session: str
    encoding: Encoding
    _sent: Counter[str] = field(default_factory=Counter)

    def take_seq(self, kind: MessageType) -> int:
        """The next number of a topic."""
        seq = self._sent[kind]
        self._sent[kind] += 1
        return seq

    def topic(self, kind: MessageType) -> str:
        return f"wbc/{VERSION}/{self.rig}/{self.camera}/{kind}"

    def header(self, kind: MessageType, seq: int) -> Header:
        """Header of a message that is about no frame, made now."""
        return self._header(kind, seq, None, ())

    def frame_header(self, kind: MessageType, seq: int, frame: Frame, parts: tuple[Part, ...] = ()) -> Header:
        """Header of a message about one frame."""
        return self._header(kind, seq, frame, parts)

    def _header(self, kind: MessageType, seq: int, frame: Frame | None, parts: tuple[Part, ...]) -> Header:
        return Header(
            schema=f"wbc.{kind}",
            v=VERSION,
            rig=self.rig,
            camera=self.camera,
            session=self.session,
            seq=seq,
            frame=None if frame is None else frame.index,
            t_capture_ns=time.time_ns() if frame is None else frame.capture_t_ns,
            t_mono_ns=time.monotonic_ns() if frame is None else frame.capture_mono_ns,
            clock="host" if frame is None else frame.clock,
            enc=self.encoding,
            parts=parts,
        )
