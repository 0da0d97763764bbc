from __future__ import annotations

from edge.link.continuity import Continuity
from edge.link.messages import Header
from edge.link.sender import Sender


def header(kind: str, seq: int, session: str = "a") -> Header:
    return Sender(rig="lab", camera="smear", session=session, encoding="json").header(kind, seq)


def observe(*headers: Header) -> tuple[Continuity, list[bool]]:
    continuity = Continuity()
    return continuity, [continuity.observe(one) for one in headers]


def test_consecutive_messages_lose_nothing():
    continuity, fresh = observe(*(header("result", seq) for seq in range(5)))
    assert fresh == [True] * 5
    assert continuity.lost["result"] == 0


def test_a_gap_counts_every_missing_message_of_its_topic():
    continuity, _ = observe(header("result", 3), header("status", 0), header("result", 7), header("status", 1))
    assert continuity.lost == {"result": 3, "status": 0}


def test_what_was_sent_before_the_subscriber_came_is_not_lost():
    continuity, _ = observe(header("result", 1000))
    assert continuity.lost["result"] == 0


def test_a_message_sent_again_is_neither_fresh_nor_lost():
    continuity, fresh = observe(header("hello", 0), header("status", 4), header("hello", 0), header("status", 4))
    assert fresh == [True, True, False, False]
    assert sum(continuity.lost.values()) == 0


def test_a_new_session_counts_from_its_own_beginning():
    continuity, fresh = observe(header("result", 9), header("result", 0, "b"), header("result", 2, "b"))
    assert fresh == [True] * 3
    assert continuity.lost["result"] == 1
    assert (continuity.session, continuity.sessions) == ("b", 2)


def test_nothing_heard_is_no_session():
    assert (Continuity().session, Continuity().sessions) == (None, 0)
