"""Fields that a document does not tell: known values are kept, and the first statement is no edit."""

from __future__ import annotations

from differ.build import Desk, entry, fold, kinds

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
