"""The vocabulary of the pipeline: a feed, an entry of a live blog, and one look at a feed.

Everything here is immutable and knows nothing of I/O. Times are aware datetimes in UTC.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Literal

import msgspec

Coverage = Literal["full", "window", "delta"]
"""What the absence of an entry means: ``full`` it is gone; ``window`` it may have scrolled off; ``delta`` nothing."""

Precision = Literal["exact", "minute", "inferred", "unknown"]
Significance = Literal["cosmetic", "minor", "substantive", "unclassified"]

COPY_TOLERANCE = timedelta(seconds=2)
"""Between the times of two copies: clocks of one origin's servers, and the one-second grain of HTTP dates."""

REVERSAL_LOOKS = 3
"""Looks on end at one earlier state after which the differ believes that the source went back to it."""

DOUBTFUL = 4
"""Times as many, where a modification time or a header says as well that the copy is older."""

LONGEST_AGE_S = 31_536_000.0
"""An Age beyond a year is a mistake or an attack; it counts as a year."""

LONGEST_INTERVAL_S = 30 * 86_400.0
"""Between two looks at a feed."""

FAILING_AFTER = 3
"""Consecutive failed looks after which a feed that once worked is failing; one that never worked is at once."""


class Link(msgspec.Struct, frozen=True, kw_only=True):
    url: str
    text: str = ""
    rel: str | None = None


class Media(msgspec.Struct, frozen=True, kw_only=True):
    url: str
    type: str | None = None
    alt: str | None = None


class Entry(msgspec.Struct, frozen=True, kw_only=True, weakref=True):
    """One entry of a live blog, canonical: sanitised, normalised, the same however it was rendered.

    ``id`` is deltawire's own and empty until the differ (or ``check``) gives one; ``source_id`` is the
    identity that the source states, null where it states none.
    """

    id: str = ""
    source_id: str | None = None
    url: str | None = None
    title: str | None = None
    content_html: str = ""
    content_text: str = ""
    authors: tuple[str, ...] = ()
    language: str | None = None
    published_at: datetime | None = None
    published_precision: Precision = "unknown"
    updated_at: datetime | None = None
    labels: tuple[str, ...] = ()
    links: tuple[Link, ...] = ()
    media: tuple[Media, ...] = ()


class FeedMeta(msgspec.Struct, frozen=True, kw_only=True):
    """What a document says about the blog as a whole.

    ``live`` is true or false only where the format has an end signal that can be trusted, else null.
    ``order`` and ``time_zone`` say how the document was understood (``check`` shows them). ``poll_hint_s`` is how
    many seconds the document says that looking again is useless (RSS ``ttl``, ``sy:update*``); ``skip_hours`` (UTC)
    and ``skip_days`` (``monday`` …) are when it says that nothing is published.
    """

    title: str | None = None
    url: str | None = None
    language: str | None = None
    live: bool | None = None
    order: Literal["newest-first", "oldest-first", "unordered"] = "newest-first"
    time_zone: str | None = None
    poll_hint_s: float | None = None
    skip_hours: tuple[int, ...] = ()
    skip_days: tuple[str, ...] = ()


class Problem(msgspec.Struct, frozen=True, kw_only=True):
    """Something in a document that was not understood, without making the rest untrustworthy."""

    code: str
    message: str
    where: str | None = None


class Tombstone(msgspec.Struct, frozen=True, kw_only=True):
    """A source's own word that the entry of this ``source_id`` was withdrawn; ``at`` is when, if it says so."""

    source_id: str
    at: datetime | None = None


class Reading(msgspec.Struct, frozen=True, kw_only=True):
    """A document, read: what a format adapter returns. Entries are newest first.

    ``aside`` are the indexes of entries that stand outside the document's own order (floated to the top, say):
    they say nothing about how far down the document reaches. ``more`` are the absolute addresses of further
    documents that belong to it (the next older page, or entries that are only listed here), the nearest first.
    ``unstated`` names fields of entries that such a document does not tell: their values here say nothing.
    """

    format: str
    version: int
    feed: FeedMeta
    coverage: Coverage
    entries: tuple[Entry, ...]
    problems: tuple[Problem, ...] = ()
    aside: tuple[int, ...] = ()
    tombstones: tuple[Tombstone, ...] = ()
    more: tuple[str, ...] = ()
    unstated: tuple[str, ...] = ()


class Feed(msgspec.Struct, frozen=True, kw_only=True):
    """A feed that is wanted: the value of a record of the ``feeds`` topic, keyed by ``id``.

    ``generation`` changes when the feed is added again, which starts a new epoch. Intervals are seconds.
    ``origin`` says who wants it; ``seed`` is the digest of the configuration it was seeded from. Within a series,
    ``continues`` is the feed that this one follows, ``continued_by`` the one that follows it: it is no longer assumed
    to be open.
    """

    id: str
    url: str
    format: str = "auto"
    min_interval: float = 10
    max_interval: float = 900
    tags: tuple[str, ...] = ()
    series: str | None = None
    continues: str | None = None
    continued_by: str | None = None
    paused: bool = False
    generation: str = ""
    origin: Literal["config", "command"] = "command"
    seed: str | None = None


class FeedRef(msgspec.Struct, frozen=True, kw_only=True):
    """The part of a feed that observations and events carry. The URL is redacted: no credentials, no query."""

    id: str
    url: str
    tags: tuple[str, ...] = ()
    series: str | None = None
    continues: str | None = None
    continued_by: str | None = None
    generation: str = ""


class CacheInfo(msgspec.Struct, frozen=True, kw_only=True):
    """What the caches on the way said of a response. ``age_s`` is the Age header in seconds."""

    age_s: float | None = None
    date: datetime | None = None
    last_modified: datetime | None = None
    etag: str | None = None

    def copy_time(self, fetched_at: datetime) -> datetime | None:
        """When the copy was made at its origin, as far as it was told: the Date, or the Age counted back.

        RFC 9111, 4.2.3: a cache keeps the origin's Date and says in Age how long ago that was.
        """
        told = [self.date] if self.date else []
        if self.age_s:
            told.append(fetched_at - timedelta(seconds=min(self.age_s, LONGEST_AGE_S)))
        return min(told, default=None)

    def repeats(self, date: datetime | None) -> bool:
        """Whether a cache answered, with the very copy of that date: no new look at the origin."""
        return bool(self.age_s) and self.date is not None and self.date == date


class Look(msgspec.Struct, frozen=True, kw_only=True, tag_field="kind"):
    """One look at a feed. ``poller`` is the generation of the poller that looked.

    ``poll_id`` is 32 hexadecimal digits and doubles as the trace id of everything that follows from the look.
    """

    poll_id: str
    feed: FeedRef
    poller: str
    began_at: datetime
    fetched_at: datetime


class Document(Look, frozen=True, kw_only=True, tag="document"):
    """The feed showed these entries. ``digest`` identifies them (entries, feed and coverage)."""

    reading: Reading
    digest: str
    cache: CacheInfo = CacheInfo()


class Unchanged(Look, frozen=True, kw_only=True, tag="unchanged"):
    """The feed still shows what the document ``digest`` showed."""

    digest: str
    cache: CacheInfo = CacheInfo()


class Failed(Look, frozen=True, kw_only=True, tag="failed"):
    """The look failed: no conclusion about entries. ``cause`` is a stable code, ``detail`` a sentence.

    ``attempts`` counts the consecutive failures, this one included; ``since`` is when the first of them began.
    """

    cause: str
    detail: str
    attempts: int
    since: datetime
    ever_read: bool = True
    status: int | None = None
    next_poll_at: datetime | None = None


class Retired(Look, frozen=True, kw_only=True, tag="retired"):
    """The feed will not be looked at again: ``removed`` by an operator, or ``gone`` (HTTP 410)."""

    cause: Literal["removed", "gone"]


Observation = Document | Unchanged | Failed | Retired


def is_failing(attempts: int, *, ever_read: bool) -> bool:
    """Whether a feed with that many consecutive failed looks counts as failing."""
    return attempts >= (FAILING_AFTER if ever_read else 1)
