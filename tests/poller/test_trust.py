"""When a server's word "not modified" is not believed."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import msgspec
import pytest

from deltawire.model import Feed
from deltawire.poller import trust
from deltawire.poller.outcome import Fetched
from deltawire.poller_state import FetchState, Trust

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
FEED = Feed(id="harbour-live", url="https://example.org/feed")
NOT_MODIFIED = Fetched(status=304, url=FEED.url)
COMPLETE = Fetched(status=200, url=FEED.url, body_hash="b")
STEP = timedelta(seconds=15)


def state(believed: Trust, **validators: str) -> FetchState:
    return msgspec.structs.replace(FetchState(generation="1", etag='"1"', trust=believed), **validators)


def looks_until_whole(feed: Feed, step: timedelta = STEP, **validators: object) -> int:
    """How many looks with 304 follow a complete answer before the document is asked for whole."""
    believed, now = Trust(full_at=NOW), NOW
    for looks in range(1000):
        now += step
        before = msgspec.structs.replace(state(believed), **validators)
        if trust.withheld(feed, before, now):
            return looks
        believed = trust.after(feed, before, NOT_MODIFIED, changed=False, asked_at=now, now=now)
    raise AssertionError("never asked for whole")


def test_a_document_is_asked_for_whole_at_least_every_hundred_looks_and_not_by_all_feeds_at_once() -> None:
    counts = [looks_until_whole(msgspec.structs.replace(FEED, id=f"feed-{n}")) for n in range(40)]
    assert 75 <= min(counts) < max(counts) <= 100
    assert len(set(counts)) > 10


def test_a_slow_feed_is_asked_for_whole_twice_a_day() -> None:
    assert 9 <= looks_until_whole(FEED, timedelta(hours=1)) <= 12


def test_a_date_in_the_future_is_doubted_ten_times_as_often() -> None:
    future = "Tue, 01 Jan 2041 00:00:00 GMT"
    assert looks_until_whole(FEED, etag=None, last_modified=future) <= 10
    assert looks_until_whole(FEED, etag='"1"', last_modified=future) > 70
    assert looks_until_whole(FEED, etag=None, last_modified="garbage") > 70


def test_a_304_that_was_not_true_is_mistrusted_for_longer_each_time_and_truth_restores_it() -> None:
    believed, now, periods = Trust(full_at=NOW), NOW, []
    for _ in range(12):
        now += timedelta(days=10)
        before = state(msgspec.structs.replace(believed, not_modified=100))
        believed = trust.after(FEED, before, COMPLETE, changed=True, asked_at=now, now=now)
        assert believed.mistrusted_until is not None
        periods.append((believed.mistrusted_until - now) / timedelta(hours=1))
    assert periods[:4] == [1, 2, 4, 8]
    assert periods[-1] == 7 * 24
    now += timedelta(days=10)
    before = state(msgspec.structs.replace(believed, not_modified=100))
    assert trust.after(FEED, before, COMPLETE, changed=False, asked_at=now, now=now) == Trust(full_at=now)


def test_while_validators_are_mistrusted_every_look_is_whole_and_none_of_them_prolongs_it() -> None:
    until = NOW + timedelta(hours=1)
    before = state(Trust(full_at=NOW, mistrusted_until=until, caught=1))
    assert trust.withheld(FEED, before, until - STEP)
    assert not trust.withheld(FEED, before, until)
    moment = NOW + STEP
    after = trust.after(FEED, before, COMPLETE, changed=True, asked_at=moment, now=moment)
    assert (after.mistrusted_until, after.caught) == (until, 1)


@pytest.mark.parametrize("not_modified", [0, 5])
def test_a_change_that_was_asked_for_with_validators_accuses_nobody(not_modified: int) -> None:
    before = state(Trust(full_at=NOW, not_modified=not_modified))
    moment = NOW + STEP
    after = trust.after(FEED, before, COMPLETE, changed=True, asked_at=moment, now=moment)
    assert after == Trust(full_at=moment)
