"""How feeds that start together are spread."""

from __future__ import annotations

import pytest

from deltawire.config import FetchConfig
from deltawire.poller.starts import AT_ONCE, Starts

BUDGET = FetchConfig(max_requests_per_second=10)


def test_one_feed_starts_at_once_whoever_waits() -> None:
    starts = Starts(FetchConfig())
    assert starts.opening(0, 1, 0) == starts.opening(1, 0, 0) == AT_ONCE
    starts.opening(0, 10_000, 0)
    assert starts.opening(0, 1, 1) == AT_ONCE


def test_ten_thousand_first_sights_take_seven_minutes_and_returns_half_of_that() -> None:
    opening = Starts(FetchConfig()).opening(10_000, 10_000, 7)
    assert tuple(opening) == pytest.approx((200, 0, 400))


def test_feeds_that_come_while_others_still_start_follow_them() -> None:
    starts = Starts(FetchConfig())
    starts.opening(0, 500, 100)
    assert tuple(starts.opening(0, 500, 105)) == pytest.approx((0, 15, 20))
    assert tuple(starts.opening(0, 500, 200)) == pytest.approx((0, 0, 20))


def test_feeds_that_were_read_before_share_the_time_with_those_before_them_but_do_not_wait() -> None:
    starts = Starts(FetchConfig())
    assert starts.opening(500, 0, 0).before == pytest.approx(10)
    assert starts.opening(500, 0, 4).before == pytest.approx(16)
    assert starts.opening(500, 0, 100).before == pytest.approx(10)


def test_a_start_keeps_the_budget() -> None:
    assert tuple(Starts(BUDGET).opening(100, 100, 0)) == pytest.approx((10, 0, 10))
