"""Which blogs of a series to follow: ``(blogs known, links listed, now) -> feeds to write``. Pure.

A section page is not to be believed much: it lists old blogs first, drops the current one, shows none or hundreds. So
what it does not list stays as it is, what it lists again is known, and what is older than the newest is passed over.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, timedelta

import msgspec

from deltawire.config import SeriesConfig
from deltawire.model import Feed
from deltawire.poller.series_links import Candidate, address_key, date_of
from deltawire.poller_state import Blog, SeriesState
from deltawire.wanted import generation

MOST_AT_ONCE = 5
"""New blogs that are believed all: a page that lists more shows its archive."""

FIRST = 3
"""Blogs that are taken of an archive, which is also what the first look shows."""

MOST_A_DAY = 24
"""Blogs that a series adds in 24 hours: whatever its page lists, it cannot fill the poller."""

REMEMBERED = 500
"""Blogs that a series remembers."""

_LONG_AGO = datetime(2000, 1, 1, tzinfo=UTC)
replace = msgspec.structs.replace


class Decision(msgspec.Struct, frozen=True, kw_only=True):
    """``feeds`` are to be written together with ``state``; ``added`` are the ids of the new ones among them.

    ``passed`` counts the new links that are not followed, ``held`` those that wait for a later look.
    """

    state: SeriesState
    feeds: tuple[Feed, ...] = ()
    added: tuple[str, ...] = ()
    passed: int = 0
    held: int = 0


def has_news(state: SeriesState, listed: Sequence[Candidate]) -> bool:
    """Whether anything is listed that is not known."""
    return not {candidate.key for candidate in listed} <= {blog.key for blog in state.blogs}


def decide(
    series: SeriesConfig, state: SeriesState, listed: Sequence[Candidate], feeds: Mapping[str, Feed], now: datetime
) -> Decision:
    """What follows from one look at the page of a series.

    ``listed`` are its links that match, the newest first as far as is known; ``feeds`` all wanted feeds.
    """
    blogs = [replace(b, date=_believed(b.date, now)) for b in _with_own(series.id, state.blogs, feeds)]
    known = {blog.key for blog in blogs}
    new = [replace(c, date=_believed(c.date, now)) for c in listed if c.key not in known]
    chosen, passed, held = _choose(blogs, new, now)
    chain = _Chain(series, blogs, feeds, now)
    chosen.reverse()  # the lowest on the page is the oldest of its day
    for candidate in sorted(chosen, key=lambda c: c.date or now.date()):
        chain.add(candidate)
    if chain.added:
        chain.rest()
    ignored = [Blog(key=c.key, found_at=now, date=c.date) for c in passed]
    kept = _remembered([*chain.blogs, *ignored], {c.key for c in listed})
    return Decision(
        state=replace(state, blogs=kept),
        feeds=tuple(chain.written.values()),
        added=tuple(chain.added),
        passed=len(passed),
        held=len(held),
    )


def _with_own(series_id: str, blogs: Sequence[Blog], feeds: Mapping[str, Feed]) -> list[Blog]:
    """The blogs with the wanted feeds of the series among them, also if its memory was lost."""
    known = {blog.feed for blog in blogs}
    lost = [f for f in feeds.values() if f.series == series_id and f.id not in known]
    recovered = [Blog(key=address_key(f.url), found_at=_LONG_AGO, feed=f.id, date=date_of(f.url)) for f in lost]
    return [*recovered, *blogs]


def _believed(day: date | None, now: datetime) -> date | None:
    """The day of a blog, unless it is to come: what announces an event names its day. Tomorrow has begun somewhere."""
    return day if day and day <= now.date() + timedelta(days=1) else None


def _choose(
    blogs: Sequence[Blog], new: Sequence[Candidate], now: datetime
) -> tuple[list[Candidate], list[Candidate], list[Candidate]]:
    """Which new ones to follow, which to pass over for good, and which to leave for a later look."""
    newest = max((b.date for b in blogs if b.feed and b.date), default=None)
    first = not any(blog.feed for blog in blogs)
    if first:
        newest = max((c.date for c in new if c.date), default=None)
    current = [c for c in new if not (c.date and newest and c.date < newest)]
    passed = [c for c in new if c.date and newest and c.date < newest]
    if first or len(current) > MOST_AT_ONCE:
        passed += current[FIRST:]
        current = current[:FIRST]
    today = sum(blog.feed is not None and now - blog.found_at < timedelta(days=1) for blog in blogs)
    # The oldest of them first: they are to be linked in their order.
    waiting = current[: max(0, len(current) - max(0, MOST_A_DAY - today))]
    return current[len(waiting) :], passed, waiting


class _Chain:
    """A series is one chain: each new blog continues the newest one that no other wanted feed continues."""

    def __init__(self, series: SeriesConfig, blogs: list[Blog], feeds: Mapping[str, Feed], now: datetime) -> None:
        self.blogs = blogs
        self.written: dict[str, Feed] = {}
        self.added: list[str] = []
        self._series = series
        self._feeds = dict(feeds)
        self._now = now
        # Several can stand for one address; then the first by its id counts.
        self._by_key = {address_key(feed.url): feed for feed in reversed(list(feeds.values()))}

    def add(self, candidate: Candidate) -> None:
        """Follow a new blog, or make a feed of that address, if there is one, part of the series."""
        existing = self._by_key.get(candidate.key)
        if existing is not None and existing.series is not None:
            self.blogs.append(Blog(key=candidate.key, found_at=self._now, date=candidate.date))
            return
        before = self._newest_before(candidate)
        feed = existing or self._feed(candidate)
        feed = replace(feed, series=self._series.id, continues=before.id if before else feed.continues)
        self._write(feed)
        if before:
            self._write(replace(before, continued_by=feed.id))
        self.blogs.append(Blog(key=candidate.key, found_at=self._now, feed=feed.id, date=candidate.date))
        self.added.append(feed.id)

    def rest(self) -> None:
        """Pause the blogs beyond the newest ``keep``, each once: whoever resumes one has it stay so."""
        followed = sorted((b for b in self.blogs if b.feed in self._feeds), key=_age, reverse=True)
        for blog in followed[self._series.keep :]:
            feed = self._feeds[blog.feed or ""]
            if blog.rested or feed.continued_by is None:
                continue
            self._write(replace(feed, paused=True))
            self.blogs[self.blogs.index(blog)] = replace(blog, rested=True)

    def _newest_before(self, candidate: Candidate) -> Feed | None:
        earlier = [
            blog
            for blog in self.blogs
            if blog.feed in self._feeds
            and (blog.found_at < self._now or (blog.date and candidate.date and blog.date < candidate.date))
            and self._feeds[blog.feed].continued_by not in self._feeds
        ]
        newest = max(earlier, key=_age, default=None)
        return self._feeds[newest.feed or ""] if newest else None

    def _feed(self, candidate: Candidate) -> Feed:
        series = self._series
        return Feed(
            id=self._id(candidate),
            url=candidate.url,
            format=series.format,
            min_interval=series.min_interval,
            max_interval=series.max_interval,
            tags=series.tags,
            generation=generation(self._now),
        )

    def _id(self, candidate: Candidate) -> str:
        """Of the day, with a digest of the address where that is taken; never one that was used before."""
        taken = {blog.feed for blog in self.blogs} | self._feeds.keys()
        base = f"{self._series.id}-{candidate.date or self._now.date()}"
        return next(
            name for name in (base, f"{base}-{candidate.key[:6]}", f"{base}-{candidate.key}") if name not in taken
        )

    def _write(self, feed: Feed) -> None:
        self.written[feed.id] = self._feeds[feed.id] = feed


def _age(blog: Blog) -> tuple[date, datetime]:
    return blog.date or blog.found_at.date(), blog.found_at


def _remembered(blogs: Sequence[Blog], listed: set[str]) -> tuple[Blog, ...]:
    """As many as can be remembered: those that were followed go before those that are listed, these before others."""
    ranked = sorted(blogs, key=lambda blog: (blog.feed is not None, blog.key in listed, blog.found_at), reverse=True)
    kept = {blog.key for blog in ranked[:REMEMBERED]}
    return tuple(blog for blog in blogs if blog.key in kept)
