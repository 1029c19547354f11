"""When to look at a feed again. Pure: everything follows from the state of the feed and ``now``.

A look that found a change is followed by one after ``min_interval``. Each look without a change lengthens the
interval by half: up to ``live_interval`` while the blog is open, else up to what the feed's own history is worth
(``cadence``) and the source asks for, within ``max_interval``.
"""

from __future__ import annotations

import hashlib
import math
from datetime import datetime, timedelta
from typing import Literal

import msgspec

from deltawire.config import FetchConfig
from deltawire.http_time import RETRY_AFTER_CAP
from deltawire.model import LONGEST_INTERVAL_S, Feed
from deltawire.poller import cadence, websub
from deltawire.poller.starts import Opening
from deltawire.poller_state import FetchState

Outcome = Literal["changed", "unchanged", "failed"]

GROWTH = 1.5
OPEN_FOR = timedelta(hours=1)
"""A blog that does not say whether it is open counts as open for so long after its last change."""

OPEN_FOR_CONTINUED = timedelta(minutes=10)
"""The same for a blog that another one of its series continues."""

_JITTER = 0.25


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """``interval`` is the feed's cadence in seconds, without what Retry-After or a failure add to it."""

    interval: float
    next_poll_at: datetime


def plan(
    feed: Feed,
    state: FetchState,
    outcome: Outcome,
    now: datetime,
    fetch: FetchConfig,
    fresh_for: float | None = None,
    pace: float = 0.0,
) -> Plan:
    """When to poll next, ``state`` being that after the look.

    The wait lies within the feed's interval bounds; only ``state.retry_after`` can make it longer.
    ``fresh_for`` is for how many seconds the source says that asking again is useless; ``pace`` is that of
    ``cadence.pace``, by which the feeds share a budget.
    """
    low, high = bounds(feed)
    if outcome == "failed":
        interval = state.interval or low
        wait = min(low * 2.0 ** min(state.attempts, 40), high)
        # Downwards, so that it stays within the bounds, and never the same for two feeds that fail together.
        wait = max(low, wait * (1 - _JITTER * jitter(feed.id, state.attempts)))
    else:
        ceiling = _ceiling(feed, state, now, fetch, low, high)
        if state.state == "ended":
            interval = high
        elif outcome == "changed":
            interval = min(low, ceiling)
        elif feed.continued_by is not None and not is_open(feed, state, now):
            interval = high
        else:
            interval = min(max(state.interval, low) * GROWTH, ceiling)
        share = pace / math.sqrt(cadence.rate(state.rhythm, now)) if pace else 0.0
        wait = min(max(interval, fresh_for or 0, share), high)
    due = now + timedelta(seconds=wait)
    if state.retry_after is not None:
        due = max(due, state.retry_after)
    return Plan(interval=interval, next_poll_at=due)


def _ceiling(feed: Feed, state: FetchState, now: datetime, fetch: FetchConfig, low: float, high: float) -> float:
    """The longest interval that the feed is worth now."""
    often = min(max(fetch.live_interval, low), high)
    if is_open(feed, state, now):
        return often
    if cadence.skipped(state.hints, now) or websub.announces(state.subscription, now):
        return high
    worth = cadence.interval(state.rhythm, now) if state.rhythm.since else high
    return min(max(often, worth, state.hints.poll_hint_s or 0), high)


def is_open(feed: Feed, state: FetchState, now: datetime) -> bool:
    """Whether the blog is being written, as far as can be told.

    A single update of a feed that is otherwise quiet opens nothing. Nor does its own word open a blog that another
    continues: many are never closed.
    """
    continued = feed.continued_by is not None
    if state.live is not None and not (continued and state.live):
        return state.live
    open_for = OPEN_FOR_CONTINUED if continued else OPEN_FOR
    fresh = state.last_change_at is not None and now - state.last_change_at <= open_for
    return fresh and cadence.bursting(state.rhythm, now)


def demand(feed: Feed, state: FetchState, now: datetime) -> cadence.Demand:
    """What the feed would take of a budget, at its present cadence."""
    low, high = bounds(feed)
    return cadence.Demand(
        interval=min(max(state.interval, low), high), longest=high, rate=cadence.rate(state.rhythm, now)
    )


def first_poll(feed: Feed, state: FetchState, now: datetime, fetch: FetchConfig, opening: Opening) -> datetime:
    """When to look first after a start.

    What was planned before the stop is kept, as far as it is in the future and not beyond the feed's interval, unless
    it was planned in reliance on a hub.
    Feeds that start together are spread out (``starts``), but one that was read before waits no longer than its
    interval, or ``live_interval`` if that is more. One that was not stands in line besides (``place``).
    """
    offset = 0.0
    if state.last_read_at is not None:
        offset = min(opening.before, max(fetch.live_interval, state.interval)) * jitter(feed.id, 0)
    due = now + timedelta(seconds=offset)
    # What was announced while nobody listened has to be seen now.
    missed = websub.announces(state.subscription, now) and not state.attempts
    if state.next_poll_at is not None and not missed:
        due = max(due, min(state.next_poll_at, now + timedelta(seconds=bounds(feed)[1])))
    if state.retry_after is not None:
        # Longer than is obeyed at all: the clock ran ahead when that was written.
        due = max(due, min(state.retry_after, now + RETRY_AFTER_CAP))
    return due


def place(feed: Feed, state: FetchState, opening: Opening) -> float | None:
    """Where a feed stands in line for its first look: by chance within its batch, for neighbours in a list often are of
    one host; null if it need not.
    """
    if opening.line is None or state.last_read_at is not None:
        return None
    return opening.line + jitter(feed.id, 0)


def soonest(feed: Feed, state: FetchState, now: datetime) -> datetime:
    """When something that says that the feed has changed may bring the next look forward to.

    Not within the shortest interval after the last look, not against Retry-After, not into the pause after a failure.
    """
    if state.attempts and state.next_poll_at is not None:
        return state.next_poll_at
    after = state.looks[-1].at + timedelta(seconds=bounds(feed)[0]) if state.looks else now
    return max(after, state.retry_after or after)


def bounds(feed: Feed) -> tuple[float, float]:
    """The shortest and the longest interval; a maximum below the minimum counts as the minimum."""
    low = min(feed.min_interval, LONGEST_INTERVAL_S)
    return low, min(max(low, feed.max_interval), LONGEST_INTERVAL_S)


def jitter(feed_id: str, attempt: int) -> float:
    """A number in [0, 1) that always is the same for a feed and an attempt."""
    raw = hashlib.blake2b(f"{feed_id}/{attempt}".encode(), digest_size=8).digest()
    return int.from_bytes(raw) / 2**64
