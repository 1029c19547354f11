"""Times that editors move, and entries changed before they were published."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from msgspec.structs import replace

from deltawire.events import EntryData, Event
from deltawire.model import Entry
from differ.build import START, Desk, entry, kinds

OTHERS = (entry("c", minute=13), entry("b", minute=12))
OLD = entry("a", "The ferry is off until further notice.", minute=11)


def data(event: Event) -> EntryData:
    assert isinstance(event.data, EntryData)
    return event.data


def seen(before: Entry, after: Entry) -> list[Event]:
    """The events of a second look; those of the first are checked."""
    desk = Desk()
    first = desk.show(*OTHERS, before)
    assert len(first) == len(OTHERS) + 2, "the feed and its entries"
    return desk.show(*OTHERS, after)


@pytest.mark.parametrize("ids", [True, False], ids=["with ids", "without ids"])
def test_a_moved_publication_time_is_a_change_of_the_same_entry(*, ids: bool) -> None:
    old = OLD if ids else replace(OLD, source_id=None)
    moved = replace(old, published_at=START + timedelta(minutes=2))
    (event,) = seen(old, moved)
    assert kinds([event]) == ["entry.updated"]
    assert [(c.field, c.old, c.new) for c in data(event).changes] == [
        ("published_at", old.published_at, moved.published_at)
    ]
    assert event.significance == "minor"


@pytest.mark.parametrize("precision", ["inferred", "unknown"])
def test_a_time_that_is_concluded_otherwise_is_no_change(precision: Any) -> None:
    moved = replace(OLD, published_at=START + timedelta(minutes=2), published_precision=precision)
    assert seen(OLD, moved) == []


def test_an_entry_changed_before_it_was_published_is_told_as_it_is() -> None:
    early = replace(entry("a", "The ferry sails.", minute=11), updated_at=START)
    (event,) = seen(OLD, early)
    assert (data(event).entry.published_at, data(event).entry.updated_at) == (OLD.published_at, START)
