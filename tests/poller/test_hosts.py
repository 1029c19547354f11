"""What the gate of a host lets through, and when."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta

import pytest

from deltawire.config import FetchConfig
from deltawire.poller import hosts
from deltawire.poller.hosts import CALM, CONCURRENT_FETCHES, LONGEST_GAP, LONGEST_HOLD, Gates, _Host, _Room
from deltawire.poller.outcome import Failure

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
A, B, OTHER = "https://example.org/a", "https://example.org/b", "https://example.net/c"


def gates(**fields: float) -> Gates:
    return Gates(FetchConfig(**({"per_host_rate": 0} | fields)))  # type: ignore[arg-type]


async def test_two_feeds_that_are_to_wait_hold_up_the_whole_host_and_no_other() -> None:
    site = gates()
    site.refused(A, 500)
    assert site.held(B) == 0
    site.refused(A, 600)
    assert site.held(B) == 0
    site.refused(B, 300)
    assert 290 < site.held("https://EXAMPLE.org/c") <= 300
    assert site.held(OTHER) == 0


async def test_no_host_is_held_longer_than_an_hour() -> None:
    site = gates()
    site.refused(A, 86_400)
    site.refused(B, 86_400)
    assert site.held(A) <= LONGEST_HOLD


@pytest.mark.parametrize(
    ("status", "wait", "slower"),
    [(429, None, True), (429, 500, True), (503, 500, True), (503, None, False), (500, None, False)],
)
async def test_what_a_host_is_slowed_down_for(status: int, wait: float | None, slower: bool) -> None:
    """A 503 that does not say for how long is a fault, not a refusal."""
    site = gates(per_host_rate=2)
    until = None if wait is None else NOW + timedelta(seconds=wait)
    told = A if status in (429, 503) else None
    site.heed(Failure(cause="c", detail="d", status=status, retry_after=until, refused_by=told), NOW)
    now = asyncio.get_running_loop().time()
    assert (site._host(A).gap(0.5, now) > 0.5) == slower
    assert bool(site._host(A).waiting) == (wait is not None)


def test_each_refusal_doubles_the_pause_up_to_a_limit_and_calm_takes_it_back() -> None:
    host = _Host(4)
    assert host.gap(0.5, 0) == 0.5
    pauses = []
    for _ in range(10):
        host.strikes, host.struck_at = host.strikes + 1, 100.0
        pauses.append(host.gap(0.5, 100))
    assert pauses[:4] == [1, 2, 4, 8]
    assert pauses[-1] == LONGEST_GAP
    assert host.gap(0.5, 100 + 7 * CALM) == 4
    assert host.gap(0.5, 100 + 10 * CALM) == 0.5


def test_a_crawl_delay_counts_within_bounds_and_never_makes_a_host_faster() -> None:
    host = _Host(4)
    for delay, gap in ((0.0, 0.5), (0.1, 0.5), (7.0, 7.0), (1e9, LONGEST_GAP)):
        host.delay = delay
        assert host.gap(0.5, 0) == gap


async def test_a_refusing_host_is_not_forgotten_and_a_calm_one_is() -> None:
    site = gates()
    site.refused(A, None)
    async with site.slot(OTHER):
        pass
    site.prune()
    assert list(site._hosts) == ["example.org"]


async def starts(site: Gates, urls: list[str]) -> list[float]:
    loop = asyncio.get_running_loop()
    began = loop.time()
    moments = []

    async def pass_through(url: str) -> None:
        async with site.slot(url):
            moments.append(loop.time() - began)

    await asyncio.gather(*(pass_through(url) for url in urls))
    return moments


async def test_the_budget_holds_over_all_hosts_and_the_rate_for_each() -> None:
    total = await starts(gates(max_requests_per_second=100), [f"https://host{n}.example/" for n in range(12)])
    assert max(total) >= 0.11
    one_host = await starts(gates(per_host_rate=100), [A, B] * 6)
    assert max(one_host) >= 0.11


async def test_those_whom_a_redirect_leads_to_a_host_count_as_those_that_ask_it() -> None:
    site, loop = gates(per_host_rate=100), asyncio.get_running_loop()
    began = loop.time()
    await asyncio.gather(starts(site, [A] * 6), *(site.pass_by(B) for _ in range(6)))
    assert loop.time() - began >= 0.11


async def test_those_that_wait_to_be_led_to_a_host_do_not_put_off_its_own_feeds_by_all_their_pauses() -> None:
    site = gates(per_host_rate=0.01)
    led = [asyncio.create_task(site.pass_by(A)) for _ in range(50)]
    await asyncio.sleep(0)
    assert site._host(A).next_start <= asyncio.get_running_loop().time() + 100 * (
        FetchConfig().per_host_connections + 1
    )
    for task in led:
        task.cancel()
    await asyncio.wait(led)


async def test_a_slow_host_uses_up_nobody_elses_budget() -> None:
    site = gates(max_requests_per_second=1000, per_host_rate=0.05)
    slow = asyncio.create_task(starts(site, [A, B]))
    await asyncio.sleep(0)
    await starts(site, [OTHER])
    assert not slow.done()
    slow.cancel()
    await asyncio.wait([slow])


async def test_two_hundred_hosts_that_drip_leave_their_places_to_the_others(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hosts, "SLOW_AFTER", 0.05)
    site = gates()
    dripping = [asyncio.create_task(hold(site, f"https://slow{n}.example/")) for n in range(200)]
    try:
        async with asyncio.timeout(60):
            await starts(site, [f"https://host{n}.example/" for n in range(300)])
    finally:
        for task in dripping:
            task.cancel()
        await asyncio.gather(*dripping, return_exceptions=True)
    # Every place is free again, once.
    assert site._places.free == CONCURRENT_FETCHES


async def hold(site: Gates, url: str) -> None:
    async with site.slot(url):
        await asyncio.Event().wait()


async def test_the_places_are_limited(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hosts, "CONCURRENT_FETCHES", 3)
    site = gates()
    under_way, most = 0, 0

    async def fetch(url: str) -> None:
        nonlocal under_way, most
        async with site.slot(url):
            under_way += 1
            most = max(most, under_way)
            await asyncio.sleep(0.001)
            under_way -= 1

    await asyncio.gather(*(fetch(f"https://host{n}.example/") for n in range(12)))
    assert most == 3


async def test_whoever_waits_longest_is_next_and_a_turn_given_up_is_the_next_ones() -> None:
    room = _Room(1)
    await room.enter()
    entered: list[int] = []

    async def enter(number: int) -> None:
        await room.enter()
        entered.append(number)

    waiting = [asyncio.create_task(enter(number)) for number in range(4)]
    await asyncio.sleep(0)
    waiting[0].cancel()
    room.leave()
    waiting[1].cancel()
    await asyncio.wait(waiting[:3])
    assert entered == [2]
    assert room.free == 0
    room.leave()
    await asyncio.wait(waiting)
    assert entered == [2, 3]
    room.leave()
    assert room.free == 1


async def test_a_free_place_is_not_taken_before_those_that_wait_for_the_host() -> None:
    site = gates(per_host_connections=1, per_host_rate=50)
    order: list[str] = []

    async def pass_through(url: str) -> None:
        async with site.slot(url):
            order.append(url)

    urls = [f"https://example.org/{number}" for number in range(5)]
    await asyncio.gather(*map(pass_through, urls))
    assert order == urls
