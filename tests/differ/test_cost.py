"""What a look costs follows what changed in the document, not how much it shows or how much is remembered."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from types import FrameType

from deltawire.events import Event
from deltawire.model import Entry
from differ.build import Desk, entry, kinds

READING = ("blocks.py", "compare.py", "likeness.py", "noise.py", "statements.py", "words.py")
"""The modules that take the texts of entries apart."""


def posts(count: int, first: int = 0) -> list[Entry]:
    """Newest first, each of several lines and with a time of its own."""
    return [
        entry(f"post-{n}", f"Post {n}\nsaid this.\nAnd that.", minute=n, title=f"Post {n}")
        for n in reversed(range(first, first + count))
    ]


def looked(desk: Desk, entries: Sequence[Entry]) -> tuple[list[Event], int]:
    """The events of a look at a window, and how many calls into modules that take texts apart it took."""
    calls = 0

    def count(frame: FrameType, event: str, _: object) -> None:
        nonlocal calls
        calls += event == "call" and frame.f_code.co_filename.rpartition("/")[2] in READING

    look = desk.document(entries, coverage="window")
    sys.setprofile(count)
    try:
        events = desk.look(look)
    finally:
        sys.setprofile(None)
    return events, calls


def edited(shown: int) -> int:
    """The calls for one new and one edited entry in a document of so many."""
    desk = Desk()
    desk.show(*posts(shown), coverage="window")
    now = posts(shown, first=1)
    now[5] = entry(now[5].source_id or "", f"{now[5].content_text}\nPut right.", minute=shown - 5, title=now[5].title)
    events, calls = looked(desk, now)
    assert kinds(events) == ["entry.updated", "entry.created"]
    return calls


def test_entries_that_stand_are_not_taken_apart() -> None:
    """Each costs one comparison of its texts."""
    assert edited(220) - edited(20) <= 200


def arrived(left: int) -> int:
    """The calls for one new entry in a feed of 20, of which so many have left the window since."""
    desk = Desk()
    for first in range(0, left + 1, 20):
        desk.show(*posts(20, first), coverage="window")
    events, calls = looked(desk, posts(20, left + 1))
    assert kinds(events) == ["entry.created"]
    return calls


def test_entries_that_left_the_document_long_ago_are_not_taken_apart_for_a_new_one() -> None:
    assert arrived(400) == arrived(40)
