"""When a feed is looked at again."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime, timedelta

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from deltawire.config import FetchConfig
from deltawire.model import Feed
from deltawire.poller import schedule
from deltawire.poller.schedule import Outcome, plan
from deltawire.poller.starts import AT_ONCE, Opening
from deltawire.poller_state import FetchState

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
FETCH = FetchConfig()
FEED = Feed(id="harbour-live", url="https://example.org/feed")
NEW = FetchState(generation="1")


def state(**fields: object) -> FetchState:
    return msgspec.structs.replace(NEW, **fields)


def wait(feed: Feed, before: FetchState, outcome: Outcome, fresh_for: float | None = None) -> float:
    return (plan(feed, before, outcome, NOW, FETCH, fresh_for).next_poll_at - NOW).total_seconds()


def waits(feed: Feed, before: FetchState, looks: int) -> list[float]:
    """The intervals of that many looks without a change, NOW standing still."""
    seen = []
    for _ in range(looks):
        planned = plan(feed, before, "unchanged", NOW, FETCH)
        before = msgspec.structs.replace(before, interval=planned.interval)
        seen.append(planned.interval)
    return seen


def test_after_a_change_the_next_look_comes_after_min_interval() -> None:
    assert wait(FEED, state(live=True, last_change_at=NOW, interval=15), "changed") == 10


def test_an_open_blog_is_polled_at_least_every_live_interval() -> None:
    assert waits(FEED, state(live=True, interval=10), 4) == [15, 15, 15, 15]


def test_a_blog_that_does_not_say_counts_as_open_for_an_hour_after_its_last_change() -> None:
    assert waits(FEED, state(last_change_at=NOW - timedelta(minutes=60), interval=15), 2) == [15, 15]
    assert waits(FEED, state(last_change_at=NOW - timedelta(minutes=61), interval=15), 3) == [22.5, 33.75, 50.625]


def test_a_quiet_feed_slows_down_to_max_interval() -> None:
    intervals = waits(FEED, state(last_change_at=NOW - timedelta(days=1), interval=10), 20)
    assert intervals == sorted(intervals)
    assert intervals[-1] == 900


def test_an_ended_blog_is_polled_every_max_interval() -> None:
    assert wait(FEED, state(state="ended", live=False, last_change_at=NOW, interval=10), "changed") == 900
    assert wait(FEED, state(state="ended", live=False, last_change_at=NOW, interval=10), "unchanged") == 900


def test_a_fraction_of_a_second_is_a_cadence_like_any_other() -> None:
    quick = msgspec.structs.replace(FEED, min_interval=0.2, max_interval=0.5)
    assert wait(quick, state(live=True, last_change_at=NOW), "changed") == 0.2
    assert waits(quick, state(live=True, interval=0.2), 4) == pytest.approx([0.3, 0.45, 0.5, 0.5])


def test_a_max_interval_below_live_interval_wins() -> None:
    assert waits(msgspec.structs.replace(FEED, max_interval=12), state(live=True, interval=10), 2) == [12, 12]


def test_a_min_interval_above_everything_wins() -> None:
    slow = msgspec.structs.replace(FEED, min_interval=60, max_interval=30)
    assert wait(slow, state(live=True, interval=10), "unchanged") == 60
    assert wait(slow, state(attempts=1), "failed") == 60


def test_the_source_can_ask_for_longer_waits_up_to_max_interval() -> None:
    live = state(live=True, interval=15)
    assert wait(FEED, live, "unchanged", fresh_for=60) == 60
    assert wait(FEED, live, "unchanged", fresh_for=5) == 15
    assert wait(FEED, live, "unchanged", fresh_for=1e9) == 900


def test_freshness_does_not_become_the_feeds_cadence() -> None:
    assert plan(FEED, state(live=True, interval=10), "unchanged", NOW, FETCH, 600).interval == 15


def test_failures_back_off_exponentially_and_spread() -> None:
    delays = [wait(FEED, state(attempts=attempts), "failed") for attempts in range(1, 12)]
    for attempts, delay in enumerate(delays, start=1):
        full = min(10 * 2**attempts, 900)
        assert full * 0.75 <= delay <= full
    others = {wait(msgspec.structs.replace(FEED, id=f"feed-{n}"), state(attempts=3), "failed") for n in range(50)}
    assert len(others) == 50
    assert delays == [wait(FEED, state(attempts=attempts), "failed") for attempts in range(1, 12)]


def test_a_failure_keeps_the_cadence_for_when_the_feed_is_back() -> None:
    assert plan(FEED, state(attempts=5, interval=15), "failed", NOW, FETCH).interval == 15


def test_retry_after_wins_over_max_interval_and_never_shortens() -> None:
    later = NOW + timedelta(hours=5)
    assert plan(FEED, state(attempts=1, retry_after=later), "failed", NOW, FETCH).next_poll_at == later
    soon = NOW + timedelta(seconds=1)
    assert plan(FEED, state(attempts=1, retry_after=soon), "failed", NOW, FETCH).next_poll_at > NOW + timedelta(
        seconds=10
    )


intervals = st.floats(min_value=0.05, max_value=86_400)
moments = st.none() | st.timedeltas(timedelta(days=-40), timedelta(days=40)).map(lambda delta: NOW + delta)


@given(
    low=intervals,
    high=intervals,
    live_interval=intervals,
    interval=st.floats(min_value=0, max_value=1e6),
    attempts=st.integers(0, 10**6),
    live=st.none() | st.booleans(),
    health=st.sampled_from(["ok", "ended", "retrying", "failing"]),
    changed_at=moments,
    fresh_for=st.none() | st.floats(min_value=0, max_value=1e12),
    outcome=st.sampled_from(["changed", "unchanged", "failed"]),
    retry_after=moments,
    feed_id=st.text("abc-", min_size=1),
)
def test_the_wait_always_lies_within_the_bounds_unless_retry_after_makes_it_longer(
    low: float,
    high: float,
    live_interval: float,
    interval: float,
    attempts: int,
    live: bool | None,
    health: str,
    changed_at: datetime | None,
    fresh_for: float | None,
    outcome: Outcome,
    retry_after: datetime | None,
    feed_id: str,
) -> None:
    feed = msgspec.structs.replace(FEED, id=feed_id, min_interval=low, max_interval=high)
    before = state(
        interval=interval,
        attempts=attempts,
        live=live,
        state=health,
        last_change_at=changed_at,
        retry_after=retry_after,
    )
    fetch = FetchConfig(live_interval=live_interval)
    planned = plan(feed, before, outcome, NOW, fetch, fresh_for)
    seconds = (planned.next_poll_at - NOW).total_seconds()
    slack = 1e-5
    assert seconds >= low - slack
    if retry_after is not None and retry_after > NOW + timedelta(seconds=max(low, high) + 1):
        assert planned.next_poll_at == retry_after
    else:
        assert seconds <= max(low, high) + 1 + slack
    if retry_after is None:
        assert seconds <= max(low, high) + slack
        if live and health == "ok" and outcome != "failed" and fresh_for is None:
            assert seconds <= max(low, min(live_interval, max(low, high))) + slack


def first(feed: Feed, before: FetchState, opening: Opening = AT_ONCE, fetch: FetchConfig = FETCH) -> float:
    """Seconds until the first look."""
    return (schedule.first_poll(feed, before, NOW, fetch, opening) - NOW).total_seconds()


def some(feeds: int) -> list[Feed]:
    return [msgspec.structs.replace(FEED, id=f"feed-{n}") for n in range(feeds)]


def starts(feeds: int, before: FetchState) -> list[int]:
    """How many feeds of a start are looked at in each second."""
    opening = Opening(before=feeds * 0.02)
    counts = Counter(int(first(feed, before, opening)) for feed in some(feeds))
    return [counts[second] for second in range(max(counts) + 1)]


def test_feeds_that_were_never_read_stand_in_line_by_chance_within_their_batch() -> None:
    places = [schedule.place(feed, NEW, Opening(line=7)) for feed in some(5000)]
    # Kolmogorov-Smirnov against the even spread, at 1 %.
    furthest = max(abs(place - 7 - n / 5000) for n, place in enumerate(sorted(filter(None, places))))
    assert len(places) == 5000
    assert furthest < 1.63 / 5000**0.5
    assert places != sorted(filter(None, places))


def test_a_feed_that_was_read_before_or_is_added_alone_does_not_stand_in_line() -> None:
    assert schedule.place(FEED, state(last_read_at=NOW), Opening(before=5, line=7)) is None
    assert schedule.place(FEED, NEW, AT_ONCE) is None
    assert first(FEED, NEW, Opening(before=5, line=7)) == 0


def test_blogs_that_were_open_are_all_looked_at_within_live_interval_of_a_restart() -> None:
    each_second = starts(5000, state(live=True, interval=15, last_read_at=NOW - timedelta(hours=1)))
    assert len(each_second) == 15
    assert max(each_second) < 420


def test_quiet_feeds_that_are_all_overdue_start_within_their_interval() -> None:
    each_second = starts(5000, state(interval=60, last_read_at=NOW - timedelta(days=1)))
    assert len(each_second) == 60
    assert max(each_second) < 130


def test_what_was_planned_before_a_restart_is_kept_within_the_feeds_interval() -> None:
    minute = NOW + timedelta(minutes=1)
    assert schedule.first_poll(FEED, state(next_poll_at=minute), NOW, FETCH, AT_ONCE) == minute
    assert schedule.first_poll(FEED, state(next_poll_at=NOW - timedelta(days=1)), NOW, FETCH, AT_ONCE) == NOW
    far = state(next_poll_at=NOW + timedelta(days=9))
    assert schedule.first_poll(FEED, far, NOW, FETCH, AT_ONCE) == NOW + timedelta(seconds=900)
    hours = NOW + timedelta(hours=5)
    assert schedule.first_poll(FEED, state(next_poll_at=minute, retry_after=hours), NOW, FETCH, AT_ONCE) == hours


def test_a_retry_after_that_was_written_by_a_clock_of_the_future_holds_no_longer_than_any() -> None:
    years = NOW + timedelta(days=4000)
    assert schedule.first_poll(FEED, state(retry_after=years), NOW, FETCH, AT_ONCE) == NOW + timedelta(days=1)
