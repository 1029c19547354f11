"""A sleep that can be cut short, and when it ends."""

from __future__ import annotations

import asyncio

from hypothesis import given
from hypothesis import strategies as st

from deltawire.poller.alarm import LONG, TICK, Alarm, tick


@given(st.floats(0, 1e7), st.floats(LONG, 1e5))
def test_a_long_sleep_ends_on_a_tick_and_never_sooner_than_asked(now: float, seconds: float) -> None:
    end = tick(now + seconds, now)
    assert now + seconds <= end < now + seconds + TICK
    assert end % TICK == 0


def test_long_sleeps_that_were_asked_for_at_different_times_end_together() -> None:
    assert tick(1000.01, 980) == tick(1000.04, 985) == 1000.0625


def test_a_short_sleep_ends_when_it_was_asked_to() -> None:
    assert tick(100.013, 100.013 - LONG / 2) == 100.013
    assert tick(99.0, 100.0) == 99.0


async def test_who_rings_ends_a_sleep_however_long() -> None:
    alarm = Alarm()
    end = asyncio.get_running_loop().time() + 3600
    sleeping = asyncio.create_task(alarm.sleep(end, 0.0))
    await asyncio.sleep(0)
    alarm.ring()
    async with asyncio.timeout(60):
        await sleeping
