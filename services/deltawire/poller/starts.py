"""How feeds that start together are spread: after a start of the process, and when many are added at once.

A feed that was read before most often answers 304: such feeds are spread over a time that is known beforehand. A first
sight reads and writes down a whole document, which takes from 15 ms of CPU time (10 short entries) to 80 ms (50 long
ones), the differ's included. Were there more of them a second than a core has time for, the feeds that have started
would be late for as long as it takes; so they stand in line, and what the process has to spare sets the pace.
"""

from __future__ import annotations

import asyncio
import heapq
import itertools
import math
import time
from collections.abc import Callable
from typing import NamedTuple

from deltawire.config import FetchConfig

FIRST_PACE = 25.0
"""First sights a second before there is anything to judge by."""

SLOWEST, FASTEST = 2.0, 50.0
"""First sights a second: nobody waits for ever, and the differ of another process, whose time is not measured here, is
not overrun."""

BUSY = 0.8
"""Cores that the process may take while feeds stand in line. Python uses little more than one, and of the last part of
it whoever needs it waits for the others."""

RETURNS = 50.0
"""Feeds a second that were read before; but see ``schedule.first_poll`` for how long they wait at most."""

MEASURED = 1.0
"""Seconds over which is measured what the process has to spare."""

_TICK = 1 / 16
_LONGEST_TICK = 1 / 4
_SLOWER, _FASTER = 0.7, 1.1


def pace(before: float, busy: float, *, crowded: bool) -> float:
    """First sights a second from now on, after so many ``before``.

    ``busy`` is how many cores the process took meanwhile; ``crowded`` tells that documents waited to be read all the
    time, as they do where others have the cores. Slower is found at once, faster in small steps: what a first sight
    costs shows only when the differ has done its part.
    """
    change = _SLOWER if crowded else min(max(BUSY / max(busy, 1e-3), _SLOWER), _FASTER)
    return min(max(before * change, SLOWEST), FASTEST)


class Opening(NamedTuple):
    """``before``: seconds over which the feeds are spread that were read before. ``line``: the batch as which the
    others stand in line, null if they need not.
    """

    before: float = 0.0
    line: int | None = None


AT_ONCE = Opening()


class Starts:
    """One for all feeds of a process. ``waiting`` tells how many documents wait to be read."""

    def __init__(self, fetch: FetchConfig, waiting: Callable[[], int]) -> None:
        step = 1 / fetch.max_requests_per_second if fetch.max_requests_per_second else 0.0
        self._fastest = fetch.max_requests_per_second or FASTEST
        self._before = max(1 / RETURNS, step)
        self._free_before = -math.inf
        self._batches = itertools.count()
        self._turns = itertools.count()
        self._line: list[tuple[float, int, asyncio.Future[None]]] = []
        self._filled = asyncio.Event()
        self._waiting = waiting
        self._pace = FIRST_PACE

    def opening(self, before: int, new: int, now: float) -> Opening:
        """For so many feeds, ``now`` being seconds of a clock that never goes back.

        A new feed alone is looked at immediately, whoever waits: somebody has just added it, or it is a blog that its
        series has just found.
        """
        if before + new <= 1:
            return AT_ONCE
        # Those that were read before cannot wait for others: their interval bounds that. They share the time with them.
        self._free_before = max(now, self._free_before) + before * self._before
        return Opening(before=self._free_before - now, line=next(self._batches) if new > 1 else None)

    async def turn(self, place: float) -> None:
        """Stand in line, behind all whose place is lower. Who is cancelled leaves it."""
        turn = asyncio.get_running_loop().create_future()
        heapq.heappush(self._line, (place, next(self._turns), turn))
        self._filled.set()
        await turn

    async def run(self) -> None:
        """Let those in line begin, one after the other, until cancelled."""
        while True:
            await self._filled.wait()
            await self._serve()
            self._filled.clear()

    async def _serve(self) -> None:
        loop = asyncio.get_running_loop()
        last = measured = loop.time()
        cpu, fewest, due = time.process_time(), math.inf, 1.0
        while self._line:
            due = self._admit(due)
            await asyncio.sleep(_TICK)
            now = loop.time()
            fewest = min(fewest, self._waiting())
            if now - measured >= MEASURED:
                spent = time.process_time()
                self._pace = pace(self._pace, (spent - cpu) / (now - measured), crowded=fewest > 0)
                measured, cpu, fewest = now, spent, math.inf
            # Where the loop itself is late not all that it missed is made up for at once.
            due += min(now - last, _LONGEST_TICK) * min(self._pace, self._fastest)
            last = now

    def _admit(self, due: float) -> float:
        """Let so many begin; returns what of them is left to the next time."""
        while due >= 1 and self._line:
            *_, turn = heapq.heappop(self._line)
            if not turn.done():
                turn.set_result(None)
                due -= 1
        return due
