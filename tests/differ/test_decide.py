"""What a look leads to."""

from __future__ import annotations

from datetime import timedelta

import msgspec
import pytest

from deltawire.differ.state import Policy
from deltawire.events import EntryData, Event, FeedData
from deltawire.model import CacheInfo, Entry, Media, Unchanged
from differ.build import START, Desk, entry, fold, kinds

replace = msgspec.structs.replace


def data(event: Event) -> EntryData:
    assert isinstance(event.data, EntryData)
    return event.data


def test_what_a_feed_holds_at_first_sight_is_backfill_oldest_first() -> None:
    desk = Desk()
    events = desk.show(entry("b", minute=2), entry("a", minute=1))
    assert kinds(events) == ["feed.started", "entry.created", "entry.created"]
    assert [data(e).entry.source_id for e in events[1:]] == ["a", "b"]
    assert all(data(e).backfill and data(e).observed.not_before is None for e in events[1:])
    assert [e.sequence for e in events] == [1, 2, 3]
    assert [e.id for e in events] == [f"blog/{events[0].feedepoch}/{n}" for n in (1, 2, 3)]


def test_the_same_document_again_is_no_event() -> None:
    desk = Desk()
    desk.show(entry("a"))
    assert desk.show(entry("a")) == []
    assert desk.again() == []


def test_a_new_entry_is_created_between_the_last_look_and_this_one() -> None:
    desk = Desk()
    desk.show(entry("a", minute=1))
    assert desk.state is not None
    last = desk.state.fetched_at
    (event,) = desk.show(entry("b", minute=2), entry("a", minute=1))
    assert kinds([event]) == ["entry.created"]
    assert not data(event).backfill
    assert data(event).observed.not_before == last < data(event).observed.fetched_at


def test_an_edit_says_what_changed_word_by_word() -> None:
    desk = Desk()
    desk.show(entry("a", "At least four people were hurt."))
    (event,) = desk.show(entry("a", "At least six people were hurt."))
    assert kinds([event]) == ["entry.updated"]
    change = next(c for c in data(event).changes if c.field == "content_text")
    assert change.diff == (("=", "At least "), ("-", "four"), ("+", "six"), ("=", " people were hurt."))
    assert data(event).significance == event.significance == "substantive"
    assert data(event).revision == 2


def test_a_new_updated_time_alone_is_noise_and_is_explained_once() -> None:
    desk = Desk()
    desk.show(entry("a"))
    later = entry("a", updated_at=START)
    assert desk.show(later) == []
    assert desk.reasons() == ["noise"]
    assert desk.show(later, title="Blog") == []
    assert desk.reasons() == []


def test_labels_in_another_order_and_images_fetched_anew_are_noise() -> None:
    def rendered(token: str, *labels: str) -> Entry:
        picture = f"https://img.test/flood.jpg?width=620&cb={token}"
        html = f'<p>Text.</p><p><img src="{picture}"></p>'
        return Entry(source_id="a", content_text="Text.", content_html=html, labels=labels, media=(Media(url=picture),))

    desk = Desk()
    desk.show(rendered("1", "summary", "pinned"))
    assert desk.show(rendered("2", "pinned", "summary")) == []
    assert desk.reasons() == ["noise"]
    assert desk.show(rendered("3", "pinned", "summary")) == []
    assert desk.reasons() == []
    assert kinds(desk.show(rendered("4", "pinned"))) == ["entry.updated"]


def test_an_image_that_its_query_names_is_another_image() -> None:
    desk = Desk()
    desk.show(entry("a", media=(Media(url="https://img.test/show?id=1"),)))
    assert kinds(desk.show(entry("a", media=(Media(url="https://img.test/show?id=2"),)))) == ["entry.updated"]


def test_a_missing_entry_is_removed_after_two_looks() -> None:
    desk = Desk()
    desk.show(entry("b"), entry("a"))
    assert desk.show(entry("b")) == []
    assert desk.reasons() == ["removal-pending"]
    (event,) = desk.again()
    assert kinds([event]) == ["entry.removed"]
    assert data(event).entry.source_id == "a"
    assert data(event).evidence is not None
    assert (data(event).evidence.kind, data(event).evidence.looks) == ("missing", 2)  # type: ignore[union-attr]


def test_an_entry_that_is_back_in_time_was_never_removed() -> None:
    desk = Desk()
    desk.show(entry("b"), entry("a"))
    desk.show(entry("b"))
    assert desk.show(entry("b"), entry("a")) == []
    assert desk.reasons() == ["removal-cancelled"]
    desk.show(entry("b"))
    assert desk.reasons() == ["removal-pending"]


def test_what_comes_back_after_its_removal_is_restored_not_created() -> None:
    desk = Desk()
    desk.show(entry("b"), entry("a"))
    desk.show(entry("b"))
    desk.again()
    (event,) = desk.show(entry("b"), entry("a", "Text of a, rewritten."))
    assert kinds([event]) == ["entry.restored"]
    assert data(event).revision == 3
    assert fold(desk.events)[event.subject].content_text == "Text of a, rewritten."


def test_the_number_of_looks_is_configurable() -> None:
    desk = Desk(Policy(removal_looks=1))
    desk.show(entry("b"), entry("a"))
    assert kinds(desk.show(entry("b"))) == ["entry.removed"]


def test_what_falls_off_a_window_is_not_removed_and_not_created_when_back() -> None:
    desk = Desk()
    shown = [entry(f"e{n}", minute=n) for n in range(9)][::-1]
    desk.show(*shown[1:6], coverage="window")
    assert kinds(desk.show(*shown[0:4], coverage="window")) == ["entry.created"]
    assert desk.reasons() == ["left-window", "left-window"]
    for _ in range(3):
        assert desk.again() == []
    assert desk.show(*shown[0:6], coverage="window") == []


def test_what_is_missing_inside_a_window_is_removed() -> None:
    desk = Desk()
    a, b, c = (entry(n, minute=m) for m, n in enumerate("abc"))
    desk.show(c, b, a, coverage="window")
    desk.show(c, a, coverage="window")
    assert kinds(desk.again()) == ["entry.removed"]


def test_the_newest_entry_of_a_window_can_be_withdrawn() -> None:
    desk = Desk()
    a, b, c = (entry(n, minute=m) for m, n in enumerate("abc"))
    desk.show(c, b, a, coverage="window")
    desk.show(b, a, coverage="window")
    assert desk.again() == []
    assert desk.reasons() == ["reversal-pending"]
    assert kinds(desk.again()) == ["entry.removed"]


@pytest.mark.parametrize("minute", [None, 7])
def test_without_telling_times_the_place_in_the_order_decides(minute: int | None) -> None:
    desk = Desk()
    a, b, c, d = (entry(n, minute=minute) for n in "abcd")
    desk.show(d, c, b, a, coverage="window")
    desk.show(d, b, coverage="window")
    assert desk.reasons() == ["left-window", "removal-pending"]
    desk.show(d, b, coverage="window", title="New title")
    assert [data(e).entry.source_id for e in desk.events if e.type.endswith("removed")] == ["c"]


def test_a_pinned_old_entry_does_not_stretch_the_window() -> None:
    desk = Desk()
    entries = [entry(f"e{n}", minute=n) for n in range(6)][::-1]
    pinned = replace(entries[-1], labels=("pinned",))
    desk.show(pinned, *entries[:5], coverage="window")
    desk.show(pinned, *entries[:3], coverage="window")
    assert desk.reasons() == ["left-window", "left-window"]


def test_absence_from_a_delta_says_nothing() -> None:
    desk = Desk()
    desk.show(entry("b"), entry("a"))
    assert kinds(desk.show(entry("c"), coverage="delta")) == ["entry.created"]
    assert desk.again() == []
    assert len(fold(desk.events)) == 3


def test_older_entries_that_a_growing_window_shows_are_backfill() -> None:
    desk = Desk()
    desk.show(entry("b", minute=5), coverage="window")
    (event,) = desk.show(entry("b", minute=5), entry("a", minute=1), coverage="window")
    assert data(event).backfill


def test_a_look_that_does_not_move_forward_is_dropped() -> None:
    desk = Desk()
    desk.show(entry("a"))
    late = desk.document([entry("a"), entry("z")])
    desk.show(entry("b"), entry("a"))
    assert desk.look(late) == []
    assert desk.reasons() == ["late"]


def test_the_same_look_twice_counts_once() -> None:
    desk = Desk()
    desk.show(entry("b"), entry("a"))
    look = desk.document([entry("b")])
    desk.look(look)
    assert desk.look(look) == []
    assert desk.reasons() == ["late"]
    assert kinds(desk.again()) == ["entry.removed"]


def test_an_older_copy_from_a_cache_changes_nothing() -> None:
    desk = Desk()
    fresh, old = CacheInfo(date=START), CacheInfo(date=START - timedelta(minutes=5))
    desk.show(entry("a", "Old text.", minute=1), coverage="window", cache=old)
    desk.show(entry("b", minute=2), entry("a", "New text.", minute=1), coverage="window", cache=fresh)
    for _ in range(3):
        assert desk.show(entry("a", "Old text.", minute=1), coverage="window", cache=old) == []
        assert desk.reasons() == ["stale"]
        assert desk.again() == []
        assert desk.reasons() == ["stale"]


def test_an_absurd_age_is_a_year_at_most() -> None:
    desk = Desk()
    desk.show(entry("a"), cache=CacheInfo(age_s=1e300))
    assert kinds(desk.show(entry("a", "Edited."))) == ["entry.updated"]


def test_a_cache_that_answers_with_the_same_copy_confirms_nothing() -> None:
    desk = Desk()
    desk.show(entry("b"), entry("a"))
    desk.show(entry("b"), cache=CacheInfo(date=START, age_s=5))
    for age in (6, 7, 8):
        assert desk.again(cache=CacheInfo(date=START, age_s=age)) == []
    assert kinds(desk.again(cache=CacheInfo(date=START + timedelta(seconds=30), age_s=1))) == ["entry.removed"]


def test_an_old_entry_floated_to_the_top_does_not_stretch_the_window() -> None:
    desk = Desk()
    entries = [entry(f"e{n}", minute=n) for n in range(9)][::-1]
    sticky = entries[-1]
    desk.show(*entries[2:6], sticky, coverage="window", aside=(4,))
    desk.show(*entries[1:5], sticky, coverage="window", aside=(4,))
    assert desk.reasons() == ["left-window"]


def test_nothing_follows_from_what_is_missing_in_a_window_without_an_order() -> None:
    desk = Desk()
    a, b, c = (entry(n, minute=m) for m, n in enumerate("abc"))
    desk.show(c, b, a, coverage="window", order="unordered")
    desk.show(c, a, coverage="window", order="unordered")
    assert desk.reasons() == ["left-window"]


def test_a_feed_whose_end_signal_goes_has_reopened() -> None:
    desk = Desk()
    desk.show(entry("a"), live=False)
    assert kinds(desk.show(entry("a"), live=None)) == ["feed.started"]
    desk.retire("gone")
    assert kinds(desk.show(entry("a"), live=None)) == ["feed.started"]


def test_notes_stay_bounded_while_an_entry_comes_and_goes() -> None:
    desk = Desk()
    for _ in range(50):
        desk.show(entry("b"), entry("a"))
        desk.show(entry("b"))
    assert max(len(known.notes) for known in desk.known.values()) <= 10


def test_thousands_of_changed_identities_are_decided_in_one_pass() -> None:
    desk = Desk()
    desk.show(*(entry(f"old{n}", f"Text {n}", minute=n) for n in range(5000, 0, -1)))
    others = [entry(f"new{n}", f"Quite another {n}", minute=n + 5000) for n in range(5000, 0, -1)]
    events = desk.show(*others)
    assert len(events) == 5000
    assert len(desk.again()) == 5000


def test_the_age_of_a_copy_counts_back() -> None:
    desk = Desk()
    desk.show(entry("b", minute=2), entry("a", minute=1), cache=CacheInfo(age_s=1))
    assert desk.show(entry("a", minute=1), cache=CacheInfo(age_s=400)) == []
    assert desk.reasons() == ["stale"]


def test_another_reader_marks_its_differences() -> None:
    desk = Desk()
    desk.show(entry("a", "Read badly"))
    (event,) = desk.show(entry("a", "Read well"), version=2)
    assert data(event).cause == "reparse"
    (event,) = desk.show(entry("a", "Edited"), version=2)
    assert data(event).cause == "edit"


def test_a_feed_fails_after_three_looks_and_recovers_with_the_next_good_one() -> None:
    desk = Desk()
    desk.show(entry("a"))
    assert [kinds(desk.fail(n)) for n in (1, 2, 3, 4)] == [[], [], ["feed.failing"], []]
    assert kinds(desk.again()) == ["feed.recovered"]
    assert kinds(desk.fail(1)) == []


def test_a_feed_that_was_never_read_fails_at_once_and_starts_when_it_is() -> None:
    desk = Desk()
    (event,) = desk.fail(1, ever_read=False)
    assert isinstance(event.data, FeedData)
    assert (event.type, event.data.state, event.data.cause) == ("deltawire.feed.failing", "failing", "timeout")
    assert kinds(desk.show(entry("a"))) == ["feed.recovered", "feed.started", "entry.created"]
    assert [e.sequence for e in desk.events] == [1, 2, 3, 4]


def test_a_new_headline_updates_the_feed() -> None:
    desk = Desk()
    desk.show(entry("a"), title="Storm – live")
    (event,) = desk.show(entry("a"), title="Storm – as it happened")
    assert isinstance(event.data, FeedData)
    assert kinds([event]) == ["feed.updated"]
    assert event.data.changes[0].diff == (("=", "Storm – "), ("-", "live"), ("+", "as it happened"))


def test_a_blog_ends_after_its_last_entries_and_can_reopen() -> None:
    desk = Desk()
    desk.show(entry("a"), live=True)
    assert kinds(desk.show(entry("b"), entry("a"), live=False)) == ["entry.created", "feed.ended"]
    assert desk.show(entry("b"), entry("a"), live=False) == []
    (event,) = desk.show(entry("b"), entry("a"), live=True)
    assert isinstance(event.data, FeedData)
    assert (event.type, event.data.cause) == ("deltawire.feed.started", "reopened")


def test_a_gone_feed_ends_and_is_remembered() -> None:
    desk = Desk()
    desk.show(entry("a"))
    assert kinds(desk.retire("gone")) == ["feed.ended"]
    assert desk.state is not None
    assert desk.known


def test_a_removed_feed_is_forgotten() -> None:
    desk = Desk()
    desk.show(entry("a"))
    assert kinds(desk.retire("removed")) == ["feed.ended"]
    assert (desk.state, desk.known) == (None, {})


def test_a_feed_that_was_added_again_starts_a_new_epoch_at_one() -> None:
    desk = Desk()
    desk.show(entry("a"))
    desk.generation = "g2"
    events = desk.show(entry("a"))
    assert [e.sequence for e in events] == [1, 2]
    assert events[0].feedepoch != desk.events[0].feedepoch


def test_an_unchanged_look_at_another_document_confirms_nothing() -> None:
    desk = Desk()
    desk.show(entry("b"), entry("a"))
    desk.show(entry("b"))
    other = desk.document([])
    look = Unchanged(
        poll_id=other.poll_id,
        feed=other.feed,
        poller=other.poller,
        began_at=other.began_at,
        fetched_at=other.fetched_at,
        digest="another",
    )
    assert desk.look(look) == []
    assert desk.reasons() == ["stale"]


def test_the_memory_is_bounded_by_what_is_hidden_longest() -> None:
    desk = Desk(Policy(max_entries=5))
    shown = [entry(f"e{n:02}", minute=n) for n in range(20)][::-1]
    for first in range(16, -1, -1):
        desk.show(*shown[first : first + 4], coverage="window")
    assert {k.entry.source_id for k in desk.known.values()} == {"e15", "e16", "e17", "e18", "e19"}
    assert len(fold(desk.events)) == 20


def test_explain_keeps_the_notes_of_an_entry() -> None:
    desk = Desk()
    desk.show(entry("b"), entry("a"))
    desk.show(entry("b"))
    desk.again()
    (known,) = (k for k in desk.known.values() if k.entry.source_id == "a")
    assert [n.reason for n in known.notes] == ["entry.created", "removal-pending", "entry.removed"]
    assert known.notes[-1].event_id == desk.events[-1].id
