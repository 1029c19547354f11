"""How often a feed changes, and what that is worth in requests. Pure.

Requests are worth most where changes are: with changes at random at ``rate`` a second, an interval of T finds them
T/2 late on average. Over all feeds the least delay for a number of requests has T proportional to 1/sqrt(rate)
(minimise the sum of rate * T / 2 with the sum of 1/T fixed).
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from datetime import datetime, timedelta

import msgspec

from deltawire.formats.times import WEEKDAYS
from deltawire.poller_state import Hints, Rhythm

SCALES = (3600.0, 86_400.0, 14 * 86_400.0)
"""Time constants in seconds: a burst, a day, a fortnight. The liveliest of them counts."""

EFFORT = 2.0
"""Without a budget, a feed that changes every S seconds is looked at every ``EFFORT * sqrt(S)``: hourly, 2 minutes."""

BURST = 1.5
"""As many changes of late, by the shortest scale, are no single update of a quiet feed."""

_SLOWEST = 1 / (30 * 86_400.0)
_EVENNESS = 4.0
"""So many changes spread evenly over the day are assumed beside those seen, before hours are told apart."""
_KNOWN_AFTER = timedelta(days=1)


class Demand(msgspec.Struct, frozen=True, kw_only=True):
    """What a feed would take: looks every ``interval`` seconds, ``longest`` at most; it changes ``rate`` a second."""

    interval: float
    longest: float
    rate: float


def after(rhythm: Rhythm, now: datetime, *, changed: bool) -> Rhythm:
    """The rhythm after a look; the first one only says since when the feed is known."""
    if not changed:
        return rhythm if rhythm.since else Rhythm(since=now)
    faded = _faded(rhythm, now)
    fade = _fade(rhythm, now, SCALES[-1])
    hours = [round(count * fade, 4) for count in rhythm.hours or (0.0,) * 24]
    hours[now.hour] += 1
    return Rhythm(
        since=rhythm.since or now,
        at=max(now, rhythm.at or now),
        counts=tuple(round(count + 1, 4) for count in faded),
        hours=tuple(hours),
    )


def rate(rhythm: Rhythm, now: datetime) -> float:
    """Changes a second to be expected now, never 0."""
    if rhythm.since is None:
        return _SLOWEST
    # A scale longer than what is known of the feed has only seen that much of it.
    age = max((now - rhythm.since).total_seconds(), SCALES[0])
    burst, *steady = (
        count / (scale * -math.expm1(-age / scale)) for count, scale in zip(_faded(rhythm, now), SCALES, strict=True)
    )
    return max(burst, max(steady) * _hour(rhythm, now), _SLOWEST)


def interval(rhythm: Rhythm, now: datetime) -> float:
    """The interval in seconds that a feed's own history is worth, budget aside."""
    return EFFORT / math.sqrt(rate(rhythm, now))


def bursting(rhythm: Rhythm, now: datetime) -> bool:
    """Whether the feed changed more than once of late, or is not known long enough to tell."""
    if rhythm.since is None or now - rhythm.since < _KNOWN_AFTER:
        return True
    return bool(rhythm.counts) and rhythm.counts[0] * _fade(rhythm, now, SCALES[0]) >= BURST


def skipped(hints: Hints, now: datetime) -> bool:
    """Whether the source says that nothing is published now (RSS 2.0: skipHours, skipDays; in UTC)."""
    return now.hour in hints.skip_hours or WEEKDAYS[now.weekday()] in hints.skip_days


def pace(demands: Iterable[Demand], per_second: float) -> float:
    """The factor k so that looks every ``k / sqrt(rate)`` seconds, or less often if a feed wants, cost the budget.

    0 if the feeds want no more than ``per_second``. No feed waits beyond its longest interval, so that many feeds
    can cost more than a small budget however long they wait: then it is infinite.
    """
    wanted = [(demand.interval, demand.longest, math.sqrt(demand.rate)) for demand in demands]

    def cost(factor: float) -> float:
        return sum(1 / min(max(least, factor / root), longest) for least, longest, root in wanted)

    if per_second <= 0 or cost(0) <= per_second:
        return 0.0
    low, high = 0.0, max(longest * root for _, longest, root in wanted)
    if cost(high) > per_second:
        return math.inf
    while high - low > 1e-3 * high:
        middle = (low + high) / 2
        low, high = (middle, high) if cost(middle) > per_second else (low, middle)
    return high


def _hour(rhythm: Rhythm, now: datetime) -> float:
    """How much livelier this hour of the day is than the average one; its neighbours count by half."""
    if not rhythm.hours:
        return 1.0
    near = [rhythm.hours[(now.hour + step) % 24] for step in (-1, 0, 1)]
    seen = (near[0] + 2 * near[1] + near[2]) / 4
    return (seen + _EVENNESS / 24) / ((sum(rhythm.hours) + _EVENNESS) / 24)


def _faded(rhythm: Rhythm, now: datetime) -> tuple[float, ...]:
    counts = rhythm.counts or (0.0,) * len(SCALES)
    return tuple(count * _fade(rhythm, now, scale) for count, scale in zip(counts, SCALES, strict=True))


def _fade(rhythm: Rhythm, now: datetime, scale: float) -> float:
    if rhythm.at is None:
        return 1.0
    return math.exp(-max(0.0, (now - rhythm.at).total_seconds()) / scale)
