"""Which messages were lost, which came twice, and when a rig started anew. Pure."""

from __future__ import annotations

from collections import Counter

from edge.link.messages import Header


class Continuity:
    """Follows the `seq` of each topic.

    Attributes
    ----------
    lost : messages that were sent and never came, by type ("result", "status", ...)
    session : UUID of the session that spoke last; None before the first message
    sessions : how many sessions were seen
    """

    def __init__(self) -> None:
        self.lost: Counter[str] = Counter()
        self.session: str | None = None
        self._known_sessions: set[str] = set()
        self._last: dict[str, tuple[str, int]] = {}

    @property
    def sessions(self) -> int:
        return len(self._known_sessions)

    def observe(self, header: Header) -> bool:
        """Take note of a message; False if it was sent again for somebody else's sake and is known here.

        What a session sent before this subscriber came is not lost.
        """
        session, last = self._last.get(header.topic, (None, -1))
        if session == header.session:
            if header.seq <= last:
                return False
            self.lost[header.type] += header.seq - last - 1
        self._last[header.topic] = (header.session, header.seq)
        self._known_sessions.add(header.session)
        self.session = header.session
        return True
