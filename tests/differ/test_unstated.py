"""Fields that a document does not tell: known values are kept, and the first statement is no edit."""

from __future__ import annotations

from datetime import timedelta

import msgspec

from deltawire.model import Entry
from differ.build import START, Desk, entry, fold, kinds

SAID = ("Ada",)


def test_what_is_not_told_any_more_keeps_its_value() -> None:
    desk = Desk()
    desk.show(entry("a", authors=SAID))
    assert desk.show(entry("a"), unstated=("authors",)) == []
    (event,) = desk.show(entry("a", "Edited."), unstated=("authors",))
    assert event.data.entry.authors == SAID  # type: ignore[union-attr]


def test_what_is_told_for_the_first_time_is_no_edit_and_goes_out_with_the_next_one() -> None:
    desk = Desk()
    desk.show(entry("a", labels=("key-event",)), unstated=("authors", "labels"))
    assert desk.show(entry("a", labels=("key-event",), authors=SAID), unstated=("labels",)) == []
    assert desk.show(entry("a", labels=("key-event", "summary"), authors=SAID)) == []
    assert fold(desk.events)[desk.events[-1].subject].authors == ()
    (event,) = desk.show(entry("a", "Edited.", labels=("key-event", "summary"), authors=SAID))
    assert {change.field for change in event.data.changes} >= {"content_text", "authors", "labels"}
    assert event.data.entry.authors == SAID  # type: ignore[union-attr]


def test_what_changes_after_it_was_told_is_an_edit() -> None:
    desk = Desk()
    desk.show(entry("a"), unstated=("authors",))
    desk.show(entry("a", authors=SAID))
    assert kinds(desk.show(entry("a", authors=("Bea",)))) == ["entry.updated"]


def test_two_servers_of_which_one_does_not_tell_lead_to_no_event() -> None:
    desk = Desk()
    desk.show(entry("a"), unstated=("authors",))
    for _ in range(3):
        assert desk.show(entry("a", authors=SAID)) == []
        assert desk.show(entry("a"), unstated=("authors",)) == []


def test_an_entry_that_was_away_is_told_for_the_first_time_when_it_is_back() -> None:
    desk = Desk()
    old = [entry("b", minute=2), entry("a", minute=1)]
    desk.show(*old, coverage="window", unstated=("authors",))
    desk.show(entry("c", minute=3, authors=SAID), entry("b", minute=2, authors=SAID), coverage="window")
    assert desk.show(*(entry(n, minute=m, authors=SAID) for n, m in (("c", 3), ("b", 2), ("a", 1)))) == []


def test_what_a_blog_says_of_itself_for_the_first_time_is_no_event_and_then_stays() -> None:
    desk = Desk()
    desk.show(entry("a"), title="Storm")
    assert desk.show(entry("a"), title="Storm", language="en") == []
    for _ in range(20):
        assert desk.show(entry("a"), title="Storm") == []
    (event,) = desk.show(entry("a"), title="Storm", language="de")
    assert [(c.field, c.old, c.new) for c in event.data.changes] == [("language", "en", "de")]


def test_an_entry_below_others_is_of_their_day_though_the_page_says_none() -> None:
    desk = Desk()

    def clocked(name: str, minute: int, days: int = 0) -> Entry:
        """As a page that shows clock times only is read so many days after the first look."""
        shown = entry(name, minute=minute)
        moment = START + timedelta(days=days, minutes=minute)
        return msgspec.structs.replace(shown, published_at=moment, published_precision="inferred")

    desk.show(clocked("c", 3), clocked("b", 2), coverage="window")
    later = [clocked("c", 3, 2), clocked("b", 2, 2)]
    events = desk.show(clocked("d", 1, 3), *later, clocked("a", 1, 2), coverage="window")
    moments = {e.data.entry.source_id: e.data.entry.published_at for e in events}  # type: ignore[union-attr]
    assert moments == {"d": START + timedelta(days=3, minutes=1), "a": START + timedelta(minutes=1)}
    for _ in range(3):
        assert desk.show(clocked("d", 1, 3), *later, coverage="window") == []
