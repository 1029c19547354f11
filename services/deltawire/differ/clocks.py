"""When was a copy made? What its headers say, as far as they can be believed.

A ``Date`` is a reading of somebody's clock, which may be wrong by an hour, at the moment when the copy was made, or
whenever a cache fancied. Readings of one clock at different times keep their distance from ours; the ``Date`` of a copy
that is kept somewhere stands still instead. So a clock is believed once it was read twice, ``PROVEN_AFTER`` apart, with
the same distance, and then that distance is taken off; one that agrees with ours is believed at once.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

import msgspec

from deltawire.differ.state import Clock
from deltawire.model import COPY_TOLERANCE, LONGEST_AGE_S, CacheInfo

PROVEN_AFTER = 3 * COPY_TOLERANCE
"""More than a Date that stands still can pass for one that moves."""

_CLOCKS = 6


def read(clocks: Sequence[Clock], cache: CacheInfo, fetched_at: datetime) -> tuple[tuple[Clock, ...], datetime | None]:
    """The clocks with this reading, and when the copy was made by our clock, null where nothing told.

    RFC 9111, 4.2.3: a cache keeps the origin's Date and says in Age how long ago that was.
    """
    age = timedelta(seconds=min(cache.age_s or 0.0, LONGEST_AGE_S))
    if cache.date is None:
        return tuple(clocks), fetched_at - age if age else None
    skew = (cache.date + age - fetched_at).total_seconds()
    tolerance = COPY_TOLERANCE.total_seconds()
    clock = next((c for c in clocks if abs(c.skew - skew) <= tolerance), None)
    if clock is None:
        clock = Clock(skew=skew, since=fetched_at, live=abs(skew) <= tolerance)
        others = list(clocks)
    else:
        others = [c for c in clocks if c is not clock]
        if not clock.live and fetched_at - clock.since >= PROVEN_AFTER:
            clock = msgspec.structs.replace(clock, live=True)
    while len(others) >= _CLOCKS:
        # The copies that stand still pass through here; they must not drive out the clocks that run.
        others.remove(next((c for c in others if not c.live), others[0]))
    if clock.live:
        return (*others, clock), fetched_at - age
    told = cache.copy_time(fetched_at)
    return (*others, clock), min(told, fetched_at) if told else None
