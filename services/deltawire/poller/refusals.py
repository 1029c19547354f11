"""What a feed's document was refused for, and when the next one is worth being read. Pure.

Reading is what costs, and a document that is refused is most often refused again. One that stands byte for byte is not
read twice. One that broke a bound, or the process that read it, is another matter: the machine may have been to blame,
so that it is tried again; but not soon, nor is its successor, or a feed that shows another bomb at each look would keep
a reader busy for ever.
"""

from __future__ import annotations

from datetime import datetime, timedelta

import msgspec

from deltawire.formats.base import Unreadable
from deltawire.poller.reader import TOO_EXPENSIVE
from deltawire.poller.workers import CRASHED

COSTLY = frozenset({TOO_EXPENSIVE, CRASHED})

SHORTEST_PAUSE = 30.0
"""Seconds after the first document that broke a bound in which nothing of the feed is read; twice as many after each
further one."""

LONGEST_PAUSE = 900.0


Mark = tuple[str | None, ...]
"""What a refusal depends on: a document, where it was found, what its source calls it, and what reads it."""


class Refused(msgspec.Struct, frozen=True, kw_only=True):
    """The last document, if it was refused; ``times`` is how many in a row broke a bound, ``until`` ends the pause."""

    mark: Mark
    code: str
    message: str
    times: int
    until: datetime


def standing(refused: Refused | None, mark: Mark, now: datetime) -> Unreadable | None:
    """The refusal that holds for a document, too, without it being read; null if it is to be read."""
    if refused is None:
        return None
    holds = now < refused.until if refused.code in COSTLY else mark == refused.mark
    return Unreadable(refused.code, refused.message) if holds else None


def after(before: Refused | None, refusal: Unreadable, mark: Mark, now: datetime) -> Refused:
    """What is remembered of a document that was read and refused, ``now`` being the end of that."""
    times = 1 + (before.times if before else 0) if refusal.code in COSTLY else 0
    pause = min(SHORTEST_PAUSE * 2.0 ** min(times - 1, 20), LONGEST_PAUSE) if times else 0.0
    return Refused(
        mark=mark,
        code=refusal.code,
        message=str(refusal),
        times=times,
        until=now + timedelta(seconds=pause),
    )
