"""What a poller must not forget of a feed and of a series, in records of the ``fetch-state`` and ``series`` topics."""

from __future__ import annotations

import datetime as dt
from datetime import datetime
from typing import Literal

import msgspec

from deltawire.model import Problem


class LookSummary(msgspec.Struct, frozen=True, kw_only=True):
    """One of the last looks, for people. ``outcome`` is changed, unchanged or failed."""

    at: datetime
    poll_id: str
    outcome: Literal["changed", "unchanged", "failed"]
    duration_s: float
    status: int | None = None
    bytes: int = 0
    detail: str | None = None


class Hints(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What a document says about when to look at it again, as in FeedMeta."""

    poll_hint_s: float | None = None
    skip_hours: tuple[int, ...] = ()
    skip_days: tuple[str, ...] = ()


class Trust(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """How far the validators of a feed are believed.

    ``not_modified`` counts the 304s since the last complete answer, which came at ``full_at``. They are
    not sent before ``mistrusted_until``, after a 304 that cannot have
    been true; ``caught`` is how often that was seen since they last proved right.
    """

    not_modified: int = 0
    full_at: datetime | None = None
    mistrusted_until: datetime | None = None
    caught: int = 0


class Move(msgspec.Struct, frozen=True, kw_only=True):
    """Where permanent redirects (301, 308) lead, how many looks in a row said so, and since when."""

    url: str
    looks: int
    since: datetime


class Rhythm(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """How often a feed changes: its changes, each weighing less the longer ago it was, as of ``at``.

    ``counts`` has one such sum for each of the poller's time constants, ``hours`` one for each hour of the day (UTC).
    """

    since: datetime | None = None
    at: datetime | None = None
    counts: tuple[float, ...] = ()
    hours: tuple[float, ...] = ()


class Subscription(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A subscription to what a document offers by WebSub (W3C REC, 23 January 2018).

    ``callback`` is where the hub is to deliver, an address that nobody can guess; ``secret`` signs what it delivers,
    if it is asked over https. Both are told to the hub only. ``since`` is when the offer was seen, ``asked_at`` when
    the hub was last asked, ``attempts`` how often without a confirmation; ``due`` is when to ask it (again).
    ``lease_until`` is until when the hub has confirmed to deliver. ``proven`` says that the last change was announced
    by a delivery.
    """

    hub: str
    topic: str
    callback: str
    secret: str
    since: datetime
    due: datetime
    asked_at: datetime | None = None
    attempts: int = 0
    lease_until: datetime | None = None
    proven: bool = False


class FetchState(msgspec.Struct, frozen=True, kw_only=True):
    """What a poller must not forget of a feed: a record of the ``fetch-state`` topic, keyed by feed id.

    ``digest`` is that of the last document observation; ``body_hash`` and the validators belong to the response
    it came from, and are sent back byte for byte, to the URL whose digest is ``target`` if that was not the feed's
    own (a redirect). ``owed`` is how many more unchanged looks are to be written. ``copy_date`` is the Date of the
    last copy, ``copy_time`` when the newest copy so far was made; ``behind`` while older ones are served.
    ``told_at`` is when the last document was written, ``format`` what it was read as, ``cause`` why the last look
    failed, null if it did not. ``moved_to`` is where the feed has moved for good, checked against its own URL at
    ``move_checked_at``; ``move`` is a move that is not confirmed yet. ``hints`` is what the document says about when
    to look; ``subscription`` is to its hub, if it has one and WebSub is on.
    ``newest_at`` is the newest entry seen, down to which older pages are followed; ``followed`` are the signs of the
    listed documents that were asked for, the least recent first.
    """

    generation: str
    state: Literal["new", "ok", "retrying", "failing", "ended", "gone"] = "new"
    since: datetime | None = None
    url: str = ""
    etag: str | None = None
    last_modified: str | None = None
    target: str | None = None
    body_hash: str | None = None
    digest: str | None = None
    reader: str | None = None
    live: bool | None = None
    owed: int = 0
    copy_date: datetime | None = None
    copy_time: datetime | None = None
    behind: bool = False
    attempts: int = 0
    failing_since: datetime | None = None
    last_read_at: datetime | None = None
    last_change_at: datetime | None = None
    next_poll_at: datetime | None = None
    retry_after: datetime | None = None
    interval: float = 0
    problems: tuple[Problem, ...] = ()
    looks: tuple[LookSummary, ...] = ()
    told_at: datetime | None = None
    format: str | None = None
    cause: str | None = None
    trust: Trust = Trust()
    move: Move | None = None
    moved_to: str | None = None
    move_checked_at: datetime | None = None
    rhythm: Rhythm = Rhythm()
    hints: Hints = Hints()
    subscription: Subscription | None = None
    continued_by: str | None = None
    newest_at: datetime | None = None
    followed: tuple[str, ...] = ()


class Blog(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A blog that a series has found. ``key`` stands for its address, ``feed`` is null if it is not followed.

    ``rested`` once the series has paused it, which it does only once.
    """

    key: str
    found_at: datetime
    feed: str | None = None
    date: dt.date | None = None
    rested: bool = False


class SeriesState(msgspec.Struct, frozen=True, kw_only=True):
    """What must not be forgotten of a series: a record of the ``series`` topic, keyed by its id.

    ``blogs`` are those found so far. ``outcome`` is that of the last look: ``ok``,
    ``no-match``, or why it failed; ``detail`` the sentence to it, ``since`` when it began.
    """

    url: str
    blogs: tuple[Blog, ...] = ()
    outcome: str = "new"
    detail: str | None = None
    since: datetime | None = None
    retry_after: datetime | None = None
