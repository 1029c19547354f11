"""Older copies change nothing, whatever their headers claim; what an editor takes back comes through all the same."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from deltawire.differ.state import Policy
from deltawire.events import Event
from deltawire.model import DOUBTFUL, REVERSAL_LOOKS, CacheInfo, Entry, Tombstone
from differ.build import START, Desk, entry, kinds

K = REVERSAL_LOOKS
OPENING = START + timedelta(hours=1)
"""When a desk's first look is; the next ones follow by the second."""


def version(number: int, *, updated: bool = False, minutes: bool = True) -> list[Entry]:
    """A blog that gains an entry and a new text of its oldest one with each version."""

    def at(n: int) -> int | None:
        return n if minutes else None

    changed = {"updated_at": START + timedelta(minutes=number, seconds=30)} if updated else {}
    oldest = entry("e0", f"{number} people were hurt.", minute=at(0), **changed)
    return [*(entry(f"e{n}", minute=at(n)) for n in range(number, 0, -1)), oldest]


class Network:
    """A desk whose looks are ``every`` seconds apart, and what caches say in them."""

    def __init__(self, every: int = 10, **policy: int) -> None:
        self.desk = Desk(Policy(**policy))
        self.every = every

    @property
    def now(self) -> datetime:
        return OPENING + timedelta(seconds=self.desk.tick + 1)

    def fresh(self, *entries: Entry, skew: timedelta = timedelta()) -> list[Event]:
        return self.show(entries, CacheInfo(date=self.now + skew))

    def kept(self, *entries: Entry, seconds: float, age: bool = True, skew: timedelta = timedelta()) -> list[Event]:
        """A copy that a cache has kept for so long, with or without saying so."""
        made = self.now - timedelta(seconds=seconds) + skew
        return self.show(entries, CacheInfo(date=made, age_s=seconds if age else None))

    def bare(self, *entries: Entry) -> list[Event]:
        return self.show(entries, CacheInfo())

    def show(self, entries: object, cache: CacheInfo) -> list[Event]:
        events = self.desk.show(*entries, cache=cache)  # type: ignore[misc]
        self.desk.tick += self.every - 1
        return events


def test_a_withdrawal_is_told_though_every_other_look_shows_a_copy_that_is_older_by_its_date() -> None:
    net = Network()
    newest, middle, oldest = (entry(name, minute=m) for m, name in ((9, "c"), (5, "b"), (1, "a")))
    net.fresh(newest, middle, oldest)
    net.fresh(newest, oldest)
    assert net.kept(newest, middle, oldest, seconds=14, age=False) == []
    assert kinds(net.fresh(newest, oldest)) == ["entry.removed"]


@pytest.mark.parametrize("updated", [True, False])
@pytest.mark.parametrize("minutes", [True, False])
def test_two_nodes_that_alternate_without_any_header_lead_to_no_event_and_the_next_version_does_at_once(
    updated: bool, minutes: bool
) -> None:
    net = Network()
    copies = {n: version(n, updated=updated, minutes=minutes) for n in range(1, 8)}
    for n in (1, 2, 3, 4, 5):
        net.bare(*copies[n])
    for n in (3, 5, 4, 5, 3, 4, 5, 3, 3, 5):
        assert net.bare(*copies[n]) == []
    net.bare(*copies[4])
    assert kinds(net.bare(*copies[6])) == ["entry.updated", "entry.created"]


def test_versions_that_were_never_seen_are_told_by_the_newer_entries_they_lack() -> None:
    net = Network()
    net.bare(*version(1))
    net.bare(*version(5))
    for n in (3, 5, 4, 2, 5):
        assert net.bare(*version(n)) == []
    assert kinds(net.bare(*version(6))) == ["entry.updated", "entry.created"]


@pytest.mark.parametrize(
    "claim", ["none", "2041", "an hour ahead", "an hour behind", "an hour ahead, aged", "constant"]
)
def test_whatever_the_headers_claim_a_short_return_of_an_older_copy_changes_nothing(claim: str) -> None:
    def cache(now: datetime) -> CacheInfo:
        hour = timedelta(hours=1)
        return {
            "none": CacheInfo(),
            "2041": CacheInfo(last_modified=datetime(2041, 1, 1, tzinfo=START.tzinfo)),
            "an hour ahead": CacheInfo(date=OPENING + hour),
            "an hour behind": CacheInfo(date=OPENING - hour),
            "an hour ahead, aged": CacheInfo(date=OPENING + hour, age_s=(now - OPENING).total_seconds()),
            "constant": CacheInfo(date=START),
        }[claim]

    net = Network()
    for n in (1, 2, 3):
        net.fresh(*version(n))
    for _ in range(K - 1):
        assert net.show(version(2), cache(net.now)) == []
    assert net.fresh(*version(3)) == []
    assert kinds(net.fresh(*version(4))) == ["entry.updated", "entry.created"]


def test_a_copy_of_four_days_ago_that_says_so_is_refused_as_long_as_it_is_served() -> None:
    net = Network()
    for n in (1, 2, 3):
        net.fresh(*version(n))
    for look in range(40):
        assert net.kept(*version(1), seconds=345_600 + 10 * look) == []
        assert net.desk.reasons() == ["stale"]
    assert kinds(net.fresh(*version(4))) == ["entry.updated", "entry.created"]


def test_a_copy_whose_date_stands_still_is_one_look_however_often_it_comes() -> None:
    net = Network()
    for n in (1, 2, 3):
        net.fresh(*version(n))
    for look in range(40):
        assert net.kept(*version(2), seconds=60 + 10 * look, age=False) == []
    assert net.fresh(*version(3)) == []


@pytest.mark.parametrize("skew", [-3600, 0, 3600])
def test_a_date_of_now_proves_nothing_for_caches_put_it_on_old_copies(skew: int) -> None:
    net, off = Network(), timedelta(seconds=skew)
    net.fresh(entry("b", minute=1), entry("a", "Four were hurt.", minute=0), skew=off)
    net.fresh(entry("b", minute=1), entry("a", "Six were hurt.", minute=0), skew=off)
    back = [len(net.fresh(entry("a", "Four were hurt.", minute=0), skew=off)) for _ in range(K)]
    assert back == [0] * (K - 1) + [2]


@pytest.mark.parametrize("skew", [-3600, 3600])
def test_news_from_a_server_whose_clock_is_an_hour_off_is_believed_once_that_clock_was_seen_to_run(skew: int) -> None:
    net, off = Network(), timedelta(seconds=skew)
    net.fresh(*version(1))
    told = [len(net.fresh(*version(2), skew=off)) for _ in range(2)]
    assert told == ([0, 2] if skew < 0 else [2, 0])
    assert len(net.fresh(*version(3))) == 2
    assert len(net.fresh(*version(4), skew=off)) == 2


def test_news_in_a_copy_that_says_that_it_is_older_came_and_went_unseen() -> None:
    net = Network()
    for n in (1, 2):
        net.fresh(*version(n))
    assert net.kept(entry("lost", minute=3), *version(2), seconds=15) == []
    assert net.fresh(*version(2)) == []
    assert kinds(net.fresh(*version(3))) == ["entry.updated", "entry.created"]


def test_an_older_copy_of_the_accepted_state_confirms_nothing_and_does_not_interrupt_a_return() -> None:
    net = Network()
    net.fresh(entry("a", minute=0))
    net.fresh(entry("b", minute=1), entry("a", minute=0))
    for _ in range(K):
        net.fresh(entry("a", minute=0))
    back = []
    for _ in range(K):
        assert net.kept(entry("a", minute=0), seconds=600) == []
        back += kinds(net.fresh(entry("b", minute=1), entry("a", minute=0)))
    assert back == ["entry.restored"]


@pytest.mark.parametrize("minutes", [True, False])
def test_without_headers_a_text_that_is_taken_back_comes_through_after_k_looks(minutes: bool) -> None:
    net = Network()
    first, second = entry("a", "Four were hurt."), entry("a", "Six were hurt.")
    net.bare(first)
    net.bare(second)
    assert [len(net.bare(first)) for _ in range(K + 2)] == [0] * (K - 1) + [1, 0, 0]
    assert net.desk.events[-1].data.changes[0].field == "content_text"


def test_without_headers_the_withdrawal_of_the_newest_entry_comes_through_after_k_looks() -> None:
    net = Network()
    net.bare(*version(2)[1:])
    net.bare(*version(2))
    assert [kinds(net.bare(*version(2)[1:])) for _ in range(K)] == [[]] * (K - 1) + [["entry.removed"]]
    assert [kinds(net.bare(*version(2))) for _ in range(K)] == [[]] * (K - 1) + [["entry.restored"]]


def test_unchanged_looks_count_towards_a_reversal() -> None:
    net = Network()
    first, second = entry("a", "Four were hurt."), entry("a", "Six were hurt.")
    net.bare(first)
    net.bare(second)
    net.bare(first)
    assert net.desk.again() == []
    assert net.desk.outcome is not None
    assert "look 2 of 3" in net.desk.outcome.notes[0].detail
    assert kinds(net.desk.again()) == ["entry.updated"]
    assert net.desk.reasons() == ["reversal-accepted"]


def test_an_older_copy_in_between_does_not_interrupt_the_count() -> None:
    net = Network()
    texts = ("One was hurt.", "Four were hurt.", "Six were hurt.")
    for text in texts:
        net.fresh(entry("a", text))
    back = []
    for _ in range(K):
        back.append(len(net.fresh(entry("a", texts[1]))))
        assert net.kept(entry("a", texts[0]), seconds=500) == []
    assert back == [0] * (K - 1) + [1]


def test_a_current_copy_in_between_starts_the_count_again() -> None:
    net = Network()
    first, second = entry("a", "Four were hurt."), entry("a", "Six were hurt.")
    net.bare(first)
    for e in (second, first, first, second, first, first, second):
        events = net.bare(e)
    assert events == []
    assert len(net.desk.events) == 3


def test_against_an_entry_s_own_time_a_reversal_needs_four_times_as_many_looks() -> None:
    net = Network()
    net.bare(*version(2, updated=True))
    net.bare(*version(3, updated=True))
    back = [len(net.bare(*version(2, updated=True))) for _ in range(K * DOUBTFUL)]
    assert back == [0] * (K * DOUBTFUL - 1) + [2]


def test_a_reversal_with_a_new_modification_time_is_believed_at_once() -> None:
    net = Network()
    texts = ("Four were hurt.", "Six were hurt.", "Four were hurt.")
    for n, text in enumerate(texts):
        events = net.bare(entry("a", text, updated_at=START + timedelta(minutes=n)))
    assert kinds(events) == ["entry.updated"]


def test_one_entry_that_lags_in_a_document_with_news_keeps_its_newer_version() -> None:
    net = Network()
    old, new = entry("a", "Four were hurt.", minute=0), entry("a", "Six were hurt.", minute=0)
    net.bare(old)
    net.bare(new)
    assert kinds(net.bare(entry("b", minute=1), old)) == ["entry.created"]
    assert net.desk.reasons() == ["reversal-pending"]
    assert net.bare(entry("b", minute=1), new) == []
    assert kinds(net.bare(entry("c", minute=2), entry("b", minute=1), old)) == ["entry.created"]
    assert [len(net.desk.again()) for _ in range(K)] == [0, 1, 0]


def test_an_older_title_needs_as_many_looks() -> None:
    desk = Desk()
    desk.show(entry("a"), title="Storm")
    desk.show(entry("a"), title="Storm passes")
    assert [len(desk.show(entry("a"), title="Storm")) for _ in range(K)] == [0] * (K - 1) + [1]


def test_last_modified_that_goes_back_marks_an_older_copy_and_a_constant_one_says_nothing() -> None:
    net = Network()
    day = timedelta(days=1)
    net.show(version(1), CacheInfo(last_modified=START))
    net.show([entry("e1", minute=1), entry("e0", "Old.", minute=0)], CacheInfo(last_modified=START + day))
    assert net.show([entry("e1", minute=1), entry("e0", "Older.", minute=0)], CacheInfo(last_modified=START)) == []
    assert net.desk.reasons() == ["stale"]
    later = CacheInfo(last_modified=START + day)
    assert kinds(net.show([entry("e1", minute=1), entry("e0", "New.", minute=0)], later)) == ["entry.updated"]


@settings(max_examples=60, deadline=None)
@given(
    st.lists(
        st.tuples(st.booleans(), st.integers(1, 4), st.sampled_from(["silent", "kept", "redated", "ahead", "2041"]))
    ),
    st.booleans(),
    st.booleans(),
)
def test_the_events_are_those_of_the_current_copies_alone(
    steps: list[tuple[bool, int, str]], updated: bool, minutes: bool
) -> None:
    """Any versions through any caches: what older copies show in between, fewer than K on end, leaves no trace."""
    mixed, plain = Network(), Network()
    latest, old_on_end = 1, 0
    for net in (mixed, plain):
        net.fresh(*version(1, updated=updated, minutes=minutes))
    for forward, behind, claim in steps:
        if forward or latest == 1 or old_on_end == K - 1:
            latest, old_on_end = latest + forward, 0
            for net in (mixed, plain):
                net.fresh(*version(latest, updated=updated, minutes=minutes))
            continue
        old_on_end += 1
        entries = version(max(1, latest - behind), updated=updated, minutes=minutes)
        cache = {
            "silent": CacheInfo(),
            "kept": CacheInfo(date=mixed.now - timedelta(seconds=500), age_s=500),
            "redated": CacheInfo(date=mixed.now),
            "ahead": CacheInfo(date=mixed.now + timedelta(minutes=59)),
            "2041": CacheInfo(last_modified=datetime(2041, 1, 1, tzinfo=START.tzinfo)),
        }[claim]
        assert mixed.show(entries, cache) == []
    told = [[(e.type, e.subject, e.sequence) for e in net.desk.events] for net in (mixed, plain)]
    assert told[0] == told[1]


def test_an_entry_withdrawn_before_it_was_seen_is_no_news_in_an_older_copy() -> None:
    desk = Desk()
    shown = [entry(f"e{n}", minute=n) for n in (3, 2, 1)]
    early = [entry("e4", minute=4), *shown]
    desk.show(*shown)
    desk.look(desk.document(shown, tombstones=(Tombstone(source_id="e4"),)))
    assert [desk.show(*early), desk.show(*shown)] == [[], []]
    assert [kinds(desk.show(*early)) for _ in range(K)] == [*[[]] * (K - 1), ["entry.created"]]
    desk = Desk()
    desk.show(*shown)
    desk.look(desk.document(shown, tombstones=(Tombstone(source_id="e4"),)))
    assert kinds(desk.show(entry("e5", minute=5), *early)) == ["entry.created", "entry.created"]


def test_an_older_copy_does_not_withdraw_again_what_was_put_back_and_has_left_the_window() -> None:
    desk = Desk()
    e1, e2, e3, e4 = (entry(f"e{n}", minute=n) for n in range(1, 5))
    gone = (Tombstone(source_id="e1"),)
    desk.show(e4, e3, e2, e1, coverage="window")
    assert kinds(desk.show(e4, e3, e2, coverage="window", tombstones=gone)) == ["entry.removed"]
    back = [kinds(desk.show(e4, e3, e2, e1, coverage="window")) for _ in range(K)]
    assert back == [*[[]] * (K - 1), ["entry.restored"]]
    for _ in range(2):
        assert desk.show(e4, e3, coverage="window") == []
    for _ in range(K - 1):
        assert desk.show(e4, e3, e2, coverage="window", tombstones=gone) == []
    assert desk.show(e4, e3, coverage="window") == []
