from __future__ import annotations

from pathlib import Path

import pytest

from edge.display import require_display
from edge.errors import BackendMissingError
from tests.edge.virtual_display import virtual_display

REMEDY = "only --headless works here"


def no_display(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("DISPLAY", "WAYLAND_DISPLAY", "QT_QPA_PLATFORM"):
        monkeypatch.delenv(name, raising=False)


def test_without_a_display_one_line_says_what_works(monkeypatch: pytest.MonkeyPatch) -> None:
    no_display(monkeypatch)
    with pytest.raises(BackendMissingError, match="DISPLAY") as raised:
        require_display(REMEDY)
    assert str(raised.value).endswith(REMEDY)
    assert "\n" not in str(raised.value)
    assert raised.value.exit_code == 9


@pytest.mark.parametrize("in_thread", [False, True])
def test_a_dead_display_does_not_take_the_process_with_it(monkeypatch: pytest.MonkeyPatch, in_thread: bool) -> None:
    no_display(monkeypatch)
    monkeypatch.setenv("DISPLAY", ":4711")
    with pytest.raises(BackendMissingError, match=REMEDY):
        require_display(REMEDY, in_thread=in_thread)


@pytest.mark.parametrize("in_thread", [False, True])
def test_a_display_that_answers_is_accepted(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, in_thread: bool) -> None:
    with virtual_display(tmp_path) as display:
        no_display(monkeypatch)
        monkeypatch.setenv("DISPLAY", display.name)
        require_display(REMEDY, in_thread=in_thread)
