"""Which files the command line stands for, and which sets of pictures are refused."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from calib.int8.pictures import (
    FEWEST,
    Unreadable,
    check_enough,
    check_readable,
    digest,
    digest_of_set,
    list_pictures,
)
from edge.errors import ConfigurationError


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in ("2.png", "10.png", "1.jpg", "notes.md"):
        (tmp_path / name).write_bytes(name.encode())
    return tmp_path


def test_a_folder_a_glob_and_a_file_are_listed_in_natural_order_without_repeats(folder: Path) -> None:
    found = list_pictures([str(folder / "10.png"), str(folder), str(folder / "*.png")])
    assert [path.name for path in found] == ["10.png", "1.jpg", "2.png"]


def test_a_list_names_one_path_a_line_even_one_that_does_not_exist(folder: Path) -> None:
    listing = folder / "some.txt"
    listing.write_text(f"{folder}/2.png\n\n  {folder}/gone.png  \n")
    assert list_pictures([str(listing)]) == [folder / "2.png", folder / "gone.png"]


@pytest.mark.parametrize(
    ("place", "said"),
    [("none", "does not exist"), ("*.bmp", "holds no picture"), ("none.txt", "cannot be read"), ("notes.md", "not a")],
)
def test_a_place_without_pictures_is_named(folder: Path, place: str, said: str) -> None:
    with pytest.raises(ConfigurationError, match=said) as caught:
        list_pictures([str(folder / place)])
    assert place in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(("content", "said"), [(b" \n\n", "is empty"), (b"\xff\xfe\x00", "not UTF-8")])
def test_a_list_that_is_empty_or_binary_is_refused(tmp_path: Path, content: bytes, said: str) -> None:
    (tmp_path / "list.txt").write_bytes(content)
    with pytest.raises(ConfigurationError, match=said):
        list_pictures([str(tmp_path / "list.txt")])


def test_too_few_pictures_are_refused_with_the_number_that_is_wanted() -> None:
    check_enough(FEWEST, FEWEST)
    with pytest.raises(ConfigurationError, match=r"49 distinct readable pictures among 60.*at least 50.*200 to 500"):
        check_enough(FEWEST - 1, 60)


def test_unreadable_pictures_are_counted_and_the_first_is_named_unless_they_may_be_left_out() -> None:
    unreadable = [Unreadable(path=Path("a.png"), reason="cut short"), Unreadable(path=Path("b.png"), reason="empty")]
    with pytest.raises(ConfigurationError, match=r"2 of 9 pictures cannot be read, the first is a\.png \(cut short\)"):
        check_readable(unreadable, 9, skip=False)
    check_readable(unreadable, 9, skip=True)
    check_readable([], 9, skip=False)


def test_the_digest_of_a_set_knows_the_contents_and_not_their_order(folder: Path) -> None:
    assert digest(folder / "2.png") == hashlib.sha256(b"2.png").hexdigest()
    assert digest_of_set(["b", "a"]) == digest_of_set(["a", "b"])
    assert len({digest_of_set([]), digest_of_set(["a"]), digest_of_set(["a", "b"]), digest_of_set(["ab"])}) == 4
