"""How far a server's word "not modified" is believed. Pure.

Some servers answer 304 for ever: to a Last-Modified in the future, or because a cache lost track (reliability.md 2.1).
So now and then a document is asked for without conditions. If it then shows something else although the answer
before was 304, its validators are not sent for a while, longer each time.
"""

from __future__ import annotations

from datetime import datetime, timedelta

import msgspec

from deltawire.http_time import http_date
from deltawire.model import Feed
from deltawire.poller.outcome import Fetched
from deltawire.poller.schedule import jitter
from deltawire.poller_state import FetchState, Trust

FULL_LOOKS = 100
"""So many looks with 304 are followed by one without conditions, at the latest."""

FULL_AFTER = timedelta(hours=12)
"""And one so long after the last complete answer."""

DOUBTFUL_LOOKS = 10
"""The same for a feed whose only validator is a date in the future, which RFC 9110, 8.8.2.1 forbids."""

MISTRUST = timedelta(hours=1)
LONGEST_MISTRUST = timedelta(days=7)
_JITTER = 0.25


def withheld(feed: Feed, state: FetchState, now: datetime) -> bool:
    """Whether to ask without validators now. Feeds that started together do not do so together."""
    trust = state.trust
    if trust.mistrusted_until is not None and now < trust.mistrusted_until:
        return True
    if not trust.not_modified or trust.full_at is None:
        return False
    looks = DOUBTFUL_LOOKS if _doubtful(state, now) else FULL_LOOKS
    if trust.not_modified < looks * (1 - _JITTER) and now - trust.full_at < FULL_AFTER * (1 - _JITTER):
        return False
    sooner = 1 - _JITTER * jitter(feed.id, int(trust.full_at.timestamp()))
    return trust.not_modified >= looks * sooner or now - trust.full_at >= FULL_AFTER * sooner


def after(
    feed: Feed, state: FetchState, fetched: Fetched, *, changed: bool, asked_at: datetime, now: datetime
) -> Trust:
    """The trust after a look that succeeded, ``state`` being that before it and ``changed`` what came of reading it."""
    trust = state.trust
    if fetched.status == 304:
        return msgspec.structs.replace(trust, not_modified=trust.not_modified + 1)
    # What was asked for with validators and came all the same is no test of a 304.
    if not trust.not_modified or not withheld(feed, state, asked_at):
        return msgspec.structs.replace(trust, not_modified=0, full_at=now)
    if not changed:
        return Trust(full_at=now)
    until = now + min(MISTRUST * 2 ** min(trust.caught, 10), LONGEST_MISTRUST)
    return Trust(full_at=now, mistrusted_until=until, caught=trust.caught + 1)


def _doubtful(state: FetchState, now: datetime) -> bool:
    date = http_date(state.last_modified)
    return state.etag is None and date is not None and date > now + timedelta(days=1)
