"""How often a feed changes, and what that is worth in requests."""

from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from deltawire.config import FetchConfig
from deltawire.model import Feed
from deltawire.poller import cadence, schedule
from deltawire.poller.cadence import Demand
from deltawire.poller_state import FetchState, Hints, Rhythm

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
FEED = Feed(id="harbour-live", url="https://example.org/feed", max_interval=86_400)
FETCH = FetchConfig()
OLD = Rhythm(since=NOW - timedelta(days=60))


def rhythm(every: timedelta, lasting: timedelta, until: datetime = NOW) -> Rhythm:
    found, moment = Rhythm(since=until - lasting), until - lasting
    while moment <= until:
        found = cadence.after(found, moment, changed=True)
        moment += every
    return found


@pytest.mark.parametrize("hours", [1, 6, 24, 72])
def test_a_feed_with_a_steady_rhythm_is_known_by_it(hours: int) -> None:
    every = timedelta(hours=hours)
    known = rhythm(every, timedelta(days=60))
    over_a_day = [cadence.rate(known, NOW + timedelta(hours=hour)) for hour in range(4, 28)]
    gap = len(over_a_day) / sum(over_a_day)
    assert every.total_seconds() / 5 < gap < every.total_seconds() * 1.6


def test_a_burst_counts_at_once_and_fades_within_days() -> None:
    burst = rhythm(timedelta(minutes=2), timedelta(hours=1))
    assert 1 / cadence.rate(burst, NOW) < 300
    assert 1 / cadence.rate(burst, NOW + timedelta(days=3, hours=9)) > 3600


def test_a_feed_that_never_changes_is_worth_little_and_a_new_one_is_not_judged() -> None:
    assert cadence.interval(OLD, NOW) > 3000
    assert cadence.bursting(Rhythm(), NOW)
    assert cadence.bursting(Rhythm(since=NOW - timedelta(hours=23)), NOW)
    assert not cadence.bursting(OLD, NOW)


def test_the_hour_at_which_a_daily_feed_changes_is_worth_more() -> None:
    daily = rhythm(timedelta(days=1), timedelta(days=30))
    at_noon, at_night = NOW + timedelta(days=1), NOW + timedelta(hours=12)
    assert cadence.interval(daily, at_noon) < cadence.interval(daily, at_night) / 2


def settled(state: FetchState, now: datetime = NOW) -> float:
    """The interval that a feed which does not change comes to."""
    for _ in range(40):
        state = msgspec.structs.replace(state, interval=schedule.plan(FEED, state, "unchanged", now, FETCH).interval)
    return state.interval


def test_a_quiet_feed_comes_to_the_interval_its_history_is_worth() -> None:
    daily = FetchState(generation="1", state="ok", rhythm=rhythm(timedelta(days=1), timedelta(days=30)))
    assert 200 < settled(daily, NOW + timedelta(hours=6)) < 1500
    assert settled(FetchState(generation="1", state="ok", rhythm=OLD)) > 3000


def test_one_update_of_a_feed_that_is_otherwise_quiet_does_not_open_it() -> None:
    once = cadence.after(OLD, NOW, changed=True)
    state = FetchState(generation="1", state="ok", last_change_at=NOW, rhythm=once)
    assert not schedule.is_open(FEED, state, NOW + timedelta(minutes=5))
    twice = msgspec.structs.replace(state, rhythm=cadence.after(once, NOW, changed=True))
    assert schedule.is_open(FEED, twice, NOW + timedelta(minutes=5))


def test_hints_hold_a_quiet_feed_back_but_not_an_open_blog() -> None:
    daily = FetchState(generation="1", state="ok", rhythm=rhythm(timedelta(days=1), timedelta(days=30)))
    hourly = msgspec.structs.replace(daily, hints=Hints(poll_hint_s=3600))
    assert settled(hourly, NOW + timedelta(hours=6)) == 3600
    assert settled(msgspec.structs.replace(hourly, live=True)) == 15


@pytest.mark.parametrize("hints", [Hints(skip_hours=(12,)), Hints(skip_days=("sunday",))])
def test_skipped_hours_and_days_are_slow_ones(hints: Hints) -> None:
    state = FetchState(generation="1", state="ok", rhythm=rhythm(timedelta(hours=2), timedelta(days=30)), hints=hints)
    assert settled(state) == FEED.max_interval
    assert settled(state, NOW + timedelta(hours=13)) < 600


demands = st.lists(
    st.builds(
        Demand,
        interval=st.floats(1, 1000),
        longest=st.floats(1000, 100_000),
        rate=st.floats(1e-7, 0.1),
    ),
    min_size=1,
    max_size=30,
)


@given(demands, st.floats(1e-4, 10))
def test_a_budget_is_kept_and_used_and_goes_where_the_changes_are(wanted: list[Demand], per_second: float) -> None:
    pace = cadence.pace(wanted, per_second)
    intervals = [min(max(one.interval, pace / math.sqrt(one.rate)), one.longest) for one in wanted]
    spent = sum(1 / interval for interval in intervals)
    if math.isinf(pace):
        assert sum(1 / one.longest for one in wanted) > per_second * 0.999
        return
    assert spent <= per_second * 1.001
    assert pace == 0 or spent > per_second * 0.98
    held = [
        one.rate * interval**2
        for one, interval in zip(wanted, intervals, strict=True)
        if one.interval < interval < one.longest
    ]
    assert all(share == pytest.approx(held[0], rel=1e-6) for share in held)


def test_no_budget_holds_nobody_back() -> None:
    assert cadence.pace([Demand(interval=1, longest=10, rate=1)], 0) == 0
