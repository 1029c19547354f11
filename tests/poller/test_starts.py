"""How feeds that start together are spread."""

from __future__ import annotations

import asyncio

import pytest

from deltawire.config import FetchConfig
from deltawire.poller.starts import AT_ONCE, BUSY, FASTEST, FIRST_PACE, SLOWEST, Starts, pace
from support.waiting import eventually

BUDGET = FetchConfig(max_requests_per_second=10)


def starts(fetch: FetchConfig | None = None) -> Starts:
    return Starts(fetch or FetchConfig(), lambda: 0)


def test_one_feed_starts_at_once_whoever_waits() -> None:
    site = starts()
    assert site.opening(0, 1, 0) == site.opening(1, 0, 0) == AT_ONCE
    site.opening(0, 10_000, 0)
    assert site.opening(0, 1, 1) == AT_ONCE


def test_the_new_blog_of_a_series_does_not_stand_in_line_though_the_one_before_it_is_written_too() -> None:
    site = starts()
    site.opening(0, 10_000, 0)
    assert site.opening(1, 1, 1).line is None


def test_feeds_that_come_while_others_still_start_stand_in_line_behind_them() -> None:
    site = starts()
    first, second = site.opening(0, 500, 100).line, site.opening(0, 500, 105).line
    assert first is not None
    assert second is not None
    assert first + 1 <= second


def test_feeds_that_were_read_before_share_the_time_with_those_before_them_but_do_not_wait() -> None:
    site = starts()
    assert site.opening(500, 0, 0).before == pytest.approx(10)
    assert site.opening(500, 0, 4).before == pytest.approx(16)
    assert site.opening(500, 0, 100).before == pytest.approx(10)


def test_a_start_keeps_the_budget() -> None:
    assert starts(BUDGET).opening(100, 100, 0).before == pytest.approx(10)


def settle(cost: float, base: float = 0.0, *, seconds: int = 120) -> tuple[list[float], list[float]]:
    """The paces of two minutes, and the cores taken, where a first sight costs ``cost`` seconds of CPU time, in the
    second after its own too, beside what takes ``base`` cores, on a process that cannot have more than 1.2.
    """
    paces, taken, behind = [FIRST_PACE], [], 0.0
    for second in range(seconds):
        earlier = paces[second - 1] if second else 0.0
        work = behind + base + cost * (paces[second] + earlier) / 2
        busy = min(work, 1.2)
        behind = work - busy
        taken.append(busy)
        # What waits is read before the differ sees it: a part of what the process is behind with waits for a thread.
        paces.append(pace(paces[second], busy, crowded=behind > 0.5))
    return paces, taken


@pytest.mark.parametrize(("cost", "base"), [(0.015, 0.0), (0.03, 0.2), (0.05, 0.1), (0.08, 0.0), (0.02, 0.6)])
def test_first_sights_take_what_the_process_has_to_spare_and_no_more(cost: float, base: float) -> None:
    _, taken = settle(cost, base)
    assert min(taken[60:]) >= 0.9 * min(BUSY, base + FASTEST * cost)
    assert max(taken[60:]) <= 1.1 * BUSY
    assert sum(seconds > BUSY * 1.1 for seconds in taken) <= 12


def test_large_feeds_start_more_slowly_than_small_ones() -> None:
    small, large = settle(0.02)[0], settle(0.05)[0]
    assert small[-1] > 2 * large[-1]


def test_somebody_starts_even_if_there_is_nothing_to_spare_and_never_too_many() -> None:
    assert settle(0.05, 2.0)[0][-1] == SLOWEST
    assert settle(0.0)[0][-1] == FASTEST


def test_first_sights_slow_down_where_documents_wait_to_be_read_though_the_process_gets_little_of_the_machine() -> None:
    assert pace(20, 0.1, crowded=True) < 20 < pace(20, 0.1, crowded=False)


async def served(site: Starts, places: list[float]) -> list[float]:
    """The places in the order in which they had their turns."""
    order: list[float] = []

    async def one(place: float) -> None:
        await site.turn(place)
        order.append(place)

    line = asyncio.create_task(site.run())
    async with asyncio.timeout(30):
        await asyncio.gather(*map(one, places))
    line.cancel()
    return order


async def test_the_line_goes_by_place_and_ends() -> None:
    assert await served(starts(), [3.5, 1.2, 2.9, 1.1]) == [1.1, 1.2, 2.9, 3.5]


async def test_a_feed_that_is_removed_leaves_the_line_and_holds_up_nobody() -> None:
    site = starts(FetchConfig(max_requests_per_second=1e-3))
    gone = [asyncio.create_task(site.turn(place)) for place in (1.0, 2.0)]
    await asyncio.sleep(0)
    for task in gone:
        task.cancel()
    await asyncio.wait(gone)
    # At this budget whoever comes second waits for a quarter of an hour.
    assert await served(site, [3.0]) == [3.0]


async def test_a_line_that_was_empty_is_served_again() -> None:
    site = starts()

    async def empty() -> bool:
        return not site._filled.is_set()

    line = asyncio.create_task(site.run())
    async with asyncio.timeout(30):
        await site.turn(1.0)
        await eventually(empty)
        await site.turn(0.5)
    line.cancel()
