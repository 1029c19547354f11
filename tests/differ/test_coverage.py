"""What may be concluded from what is not shown: windows that move, pinned entries, withdrawals."""

from __future__ import annotations

from datetime import timedelta

import msgspec
import pytest

from deltawire.differ.state import Policy
from deltawire.events import EntryData, Event
from deltawire.model import REVERSAL_LOOKS, Entry, Tombstone
from differ.build import START, Desk, entry, fold, kinds

replace = msgspec.structs.replace


def posts(count: int) -> list[Entry]:
    """``count`` entries a minute apart, newest first."""
    return [entry(f"e{n}", minute=n) for n in range(count)][::-1]


def of(events: list[Event], kind: str) -> list[str | None]:
    return [
        e.data.entry.source_id for e in events if e.type == f"deltawire.entry.{kind}" and isinstance(e.data, EntryData)
    ]


def page(entries: list[Entry]) -> list[Entry]:
    """The first page of a blog whose pages hold ten, and the first the rest too."""
    return entries[: 10 + len(entries) % 10]


def test_on_a_page_whose_size_depends_on_the_total_ten_leave_and_come_back_without_a_word() -> None:
    desk = Desk()
    entries = posts(43)
    for count in range(15, 43):
        events = desk.show(*page(entries[-count:]), coverage="window")
        assert kinds(events)[-1] == "entry.created"
        assert desk.again() == []
    left = entries[-42:]
    for gone in (5, 3, 4):
        # The third makes 39 of 40: nine that had left are shown again.
        source_id = left.pop(gone).source_id
        for _ in range(6):
            desk.show(*page(left), coverage="window")
        assert of(desk.events, "removed")[-1] == source_id
    assert {e.source_id for e in fold(desk.events).values()} == {e.source_id for e in left}
    assert len(of(desk.events, "created")) == 42


@pytest.mark.parametrize("order", ["newest-first", "oldest-first"])
def test_a_window_that_shrinks_and_grows_removes_and_creates_nothing(order: str) -> None:
    desk = Desk()
    entries = posts(20)
    for size in (12, 4, 9, 1, 15, 2, 20, 3):
        events = desk.show(*entries[:size], coverage="window", order=order)
        assert set(kinds(events)) <= {"feed.started", "entry.created"}
        assert desk.again() == []
    assert len(of(desk.events, "created")) == 20


def test_what_was_withdrawn_beyond_the_window_is_removed_once_the_window_reaches_it_again() -> None:
    desk = Desk()
    entries = posts(12)
    desk.show(*entries[4:], coverage="window")
    desk.show(*entries[:4], coverage="window")
    again = [e for e in entries if e.source_id != "e5"]
    desk.show(*again[:10], coverage="window")
    assert of(desk.again(), "removed") == ["e5"]


def test_one_entry_that_is_dated_back_does_not_drag_what_left_into_the_window() -> None:
    desk = Desk()
    entries = posts(12)
    desk.show(*entries[4:], coverage="window")
    desk.show(*entries[:4], coverage="window")
    back = replace(entries[3], published_at=START - timedelta(hours=2))
    for _ in range(4):
        assert of(desk.show(*entries[:3], back, coverage="window"), "removed") == []


def test_an_entry_pinned_on_top_does_not_stretch_the_window_and_is_not_missed_when_unpinned() -> None:
    desk = Desk()
    entries = posts(9)
    pinned = replace(entries[-1], labels=("pinned",))
    desk.show(pinned, *entries[:4], coverage="window")
    for _ in range(4):
        assert desk.show(*entries[:4], coverage="window") == []


def test_an_unpinned_entry_of_the_oldest_shown_minute_is_not_missed_though_it_stood_above() -> None:
    desk = Desk()
    newest, pinned, oldest = entry("a", minute=9), entry("b", minute=1, labels=("pinned",)), entry("c", minute=1)
    desk.show(newest, pinned, oldest, coverage="window")
    for _ in range(4):
        assert desk.show(newest, oldest, coverage="window") == []


def test_a_pinned_copy_is_the_entry_that_it_copies_also_while_it_is_the_only_one() -> None:
    desk = Desk()
    a, b, c = (entry(n, minute=m, url=f"https://blog.test/#{n}") for m, n in enumerate("abc"))

    def copied(e: Entry) -> Entry:
        return replace(e, source_id=f"{e.source_id}-pinned", url=f"{e.url}-pinned")

    assert len(kinds(desk.show(c, b, a, coverage="window"))) == 4
    assert desk.show(copied(c), b, a, coverage="window", title="Blog") == []
    assert kinds(desk.show(copied(c), entry("d", minute=4), c, b, a, aside=(0,), coverage="window")) == [
        "entry.created"
    ]
    assert len(desk.known) == 4


def test_an_edit_that_was_made_outside_the_window_is_an_update_when_it_is_back() -> None:
    desk = Desk()
    entries = posts(9)
    desk.show(*entries[3:], coverage="window")
    desk.show(*entries[:5], coverage="window")
    edited = replace(entries[6], content_text="Rewritten meanwhile.")
    events = desk.show(*entries[:6], edited, coverage="window")
    assert (kinds(events), of(events, "updated")) == (["entry.updated"], ["e2"])


def test_from_a_page_that_is_filled_from_the_oldest_an_entry_that_returns_pushes_the_newest_off() -> None:
    desk = Desk()
    entries = posts(6)
    without = [e for e in entries if e.source_id != "e2"]
    desk.show(*without, coverage="window", order="oldest-first")
    for _ in range(4):
        events = desk.show(*entries[1:], coverage="window", order="oldest-first")
        assert of(events, "removed") == []
    assert of(desk.events, "created") == ["e0", "e1", "e3", "e4", "e5", "e2"]


def test_a_withdrawal_that_the_source_states_is_heeded_at_once() -> None:
    desk = Desk()
    a, b = entry("a", minute=1), entry("b", minute=2)
    desk.show(b, a, coverage="delta")
    (event,) = desk.show(a, coverage="delta", tombstones=(Tombstone(source_id="b"),))
    assert isinstance(event.data, EntryData)
    assert event.data.evidence is not None
    assert (kinds([event]), event.data.evidence.kind, event.data.evidence.looks) == (["entry.removed"], "tombstone", 1)
    assert desk.show(a, coverage="delta", tombstones=(Tombstone(source_id="b"),), title="Blog") == []


def test_a_withdrawal_of_the_newest_entry_is_no_older_copy() -> None:
    desk = Desk()
    a, b = entry("a", minute=1), entry("b", minute=2)
    desk.show(a)
    desk.show(b, a)
    assert kinds(desk.show(a, tombstones=(Tombstone(source_id="b"),))) == ["entry.removed"]


def test_of_an_entry_and_its_withdrawal_the_later_counts() -> None:
    desk = Desk()
    a = entry("a", minute=5)
    early, late = (Tombstone(source_id="a", at=START + timedelta(minutes=m)) for m in (1, 9))
    desk.show(a, entry("b", minute=4))
    assert desk.show(a, entry("b", minute=4), tombstones=(early,)) == []
    assert kinds(desk.show(a, entry("b", minute=4), tombstones=(late,))) == ["entry.removed"]
    later = replace(a, updated_at=START + timedelta(minutes=12), content_text="Back, and corrected.")
    assert kinds(desk.show(later, entry("b", minute=4), tombstones=(late,))) == ["entry.restored"]


def test_withdrawals_of_entries_that_were_never_seen_are_noted_once() -> None:
    desk = Desk()
    strangers = tuple(Tombstone(source_id=f"x{n}") for n in range(300))
    desk.show(entry("a"), tombstones=strangers[:50])
    assert desk.reasons().count("tombstone-unknown") == 1
    desk.show(entry("a"), tombstones=strangers[:50], title="Blog")
    assert "tombstone-unknown" not in desk.reasons()
    desk.show(entry("a"), tombstones=strangers)
    assert desk.state is not None
    assert len(desk.state.unknown_tombstones) == 100


def test_a_withdrawal_counts_after_answers_that_showed_nothing() -> None:
    desk = Desk()
    desk.show(entry("b", minute=2), entry("a", minute=1), coverage="window")
    assert desk.show(coverage="delta", title=None) == []
    assert kinds(desk.show(entry("c", minute=3), coverage="delta", title=None)) == ["entry.created"]
    gone = (Tombstone(source_id="a"),)
    assert of(desk.show(coverage="delta", title=None, tombstones=gone), "removed") == ["a"]
    assert [desk.known[i].entry.source_id for i in desk.state.order] == ["c", "b"]  # type: ignore[union-attr]


def test_what_an_answer_restores_can_be_withdrawn_again() -> None:
    desk = Desk()
    gone = (Tombstone(source_id="a"),)
    desk.show(entry("a", minute=1), coverage="delta")
    assert of(desk.show(coverage="delta", tombstones=gone), "removed") == ["a"]
    assert of(desk.show(entry("a", "Another text.", minute=1), coverage="delta"), "restored") == ["a"]
    again = [of(desk.show(coverage="delta", tombstones=gone), "removed") for _ in range(REVERSAL_LOOKS)]
    assert ["a"] in again


def test_an_answer_that_does_not_tell_the_blog_s_title_or_state_changes_neither() -> None:
    desk = Desk()
    assert kinds(desk.show(entry("a"), live=False))[-1] == "feed.ended"
    assert desk.show(coverage="delta", title=None, live=None) == []
    assert kinds(desk.show(coverage="delta", title="Another", live=None)) == ["feed.updated"]


def test_what_answers_do_not_show_is_forgotten_from_the_oldest_on() -> None:
    desk = Desk(Policy(max_entries=3))
    for n in range(6):
        assert of(desk.show(entry(f"e{n}", minute=n), coverage="delta"), "created") == [f"e{n}"]
    assert sorted(k.entry.source_id or "" for k in desk.known.values()) == ["e3", "e4", "e5"]
