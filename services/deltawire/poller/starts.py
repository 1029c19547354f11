"""How feeds that start together are spread: after a start of the process, and when many are added at once. Pure.

A feed that was read before most often answers 304. A first sight reads and writes down a whole document, which takes
from 15 ms of CPU time (10 short entries) to 80 ms (50 long ones), the differ's included: were there more of them a
second than a core has time for, the feeds that have started would be late for as long as it takes.
"""

from __future__ import annotations

import math
from typing import NamedTuple

from deltawire.config import FetchConfig

FIRST_SIGHTS = 25.0
"""Feeds a second that are looked at for the first time: 1,000 take 40 s, 10,000 take seven minutes."""

RETURNS = 50.0
"""Feeds a second that were read before; but see ``schedule.first_poll`` for how long they wait at most."""


class Opening(NamedTuple):
    """Seconds: over how many feeds are spread that were read ``before``, and over how many the ``new`` ones, which
    wait for others that came first.
    """

    before: float = 0.0
    wait: float = 0.0
    new: float = 0.0


AT_ONCE = Opening()


class Starts:
    """One for all feeds of a process: those that come while others still wait for their first look come after them."""

    def __init__(self, fetch: FetchConfig) -> None:
        step = 1 / fetch.max_requests_per_second if fetch.max_requests_per_second else 0.0
        self._before = max(1 / RETURNS, step)
        self._new = max(1 / FIRST_SIGHTS, step)
        self._free_before = self._free_new = -math.inf

    def opening(self, before: int, new: int, now: float) -> Opening:
        """For so many feeds, ``now`` being seconds of a clock that never goes back.

        One feed alone is looked at immediately, whoever waits: somebody has just added it.
        """
        if before + new <= 1:
            return AT_ONCE
        # Those that were read before cannot wait for others: their interval bounds that. They share the time with them.
        self._free_before = max(now, self._free_before) + before * self._before
        begins = max(now, self._free_new)
        self._free_new = begins + new * self._new
        return Opening(before=self._free_before - now, wait=begins - now, new=new * self._new)
