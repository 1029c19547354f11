"""A sleep that can be cut short."""

from __future__ import annotations

import asyncio
import math

TICK = 1 / 16
"""Seconds. Long sleeps end together, on a multiple of this: what wakes at once shares the ways through the event loop,
the commits of the log and the batches of the differ, which cost more than a look that finds nothing new."""

LONG = 7.5
"""The sleeps for which a tick is nothing, in seconds."""


def tick(until: float, now: float) -> float:
    """When a sleep ends that was asked for until then: never sooner, and at most a tick later."""
    return math.ceil(until / TICK) * TICK if until - now >= LONG else until


class Alarm:
    """``rung`` stays until ``clear``: what rings while nobody sleeps is not lost, however often it rings."""

    def __init__(self) -> None:
        self.rung = False
        self._sleeping: asyncio.Future[None] | None = None

    def ring(self) -> None:
        self.rung = True
        if self._sleeping is not None:
            _end(self._sleeping)

    def clear(self) -> None:
        self.rung = False

    async def sleep(self, until: float, soonest: float) -> None:
        """Return at the time ``until`` of the loop's clock or, once rung, at ``soonest`` if that is before."""
        loop = asyncio.get_running_loop()
        until = tick(until, loop.time())
        if not self.rung and until > loop.time():
            self._sleeping = loop.create_future()
            timer = loop.call_at(until, _end, self._sleeping)
            try:
                await self._sleeping
            finally:
                timer.cancel()
                self._sleeping = None
        end = min(until, soonest) if self.rung else until
        await asyncio.sleep(max(0.0, end - loop.time()))


def _end(sleep: asyncio.Future[None]) -> None:
    if not sleep.done():
        sleep.set_result(None)
