"""The feeds that are wanted, with their health and titles."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime

from deltawire.events import Event
from deltawire.gateway.table import Table
from deltawire.gateway.views import FeedView
from deltawire.health import health, redacted
from deltawire.log.port import Log
from deltawire.log.topics import Topics
from deltawire.model import Feed, Problem
from deltawire.poller_state import FetchState
from deltawire.store.port import Store
from deltawire.telemetry import redact, redact_text


class Directory:
    """Two compacted topics in memory, and the titles that events told."""

    def __init__(self, log: Log, topics: Topics, store: Store) -> None:
        self._store = store
        self._feeds = Table(log, topics.feeds, Feed)
        self._states = Table(log, topics.fetch_state, FetchState)
        self._titles: dict[str, str | None] = {}

    async def run(self) -> None:
        async with asyncio.TaskGroup() as group:
            group.create_task(self._feeds.run())
            group.create_task(self._states.run())

    async def ready(self) -> None:
        await self._feeds.ready.wait()
        await self._states.ready.wait()

    def ids(self) -> list[str]:
        return sorted(self._feeds.values)

    def take(self, event: Event) -> None:
        """Remember what an event says about its feed."""
        self._titles[event.feed_id] = event.data.feed.title

    async def view(self, feed_id: str, entries: int) -> FeedView | None:
        feed = self._feeds.values.get(feed_id)
        if feed is None:
            return None
        return feed_view(feed, self._states.values.get(feed_id), await self._title(feed_id), entries)

    async def _title(self, feed_id: str) -> str | None:
        """The title by the last event; from the store for a feed that has had none since the gateway started."""
        if feed_id not in self._titles:
            title = None
            for stored in await self._store.entries(feed_id, limit=1):
                revisions = await self._store.revisions(feed_id, stored.entry.id)
                title = revisions[-1].data.get("feed", {}).get("title") if revisions else None
            if title is None:
                return None
            self._titles.setdefault(feed_id, title)
        return self._titles[feed_id]


def feed_view(feed: Feed, state: FetchState | None, title: str | None, entries: int) -> FeedView:
    """A feed for people. The state of an earlier life of the feed does not count."""
    if state is None or state.generation != feed.generation:
        state = FetchState(generation=feed.generation)
    found = health(feed, state, datetime.now(UTC))
    return FeedView(
        id=feed.id,
        url=redact(feed.url),
        title=title,
        format=feed.format,
        tags=feed.tags,
        series=feed.series,
        paused=feed.paused,
        state=state.state,
        health=found.word,
        health_detail=found.detail,
        moved_to=state.moved_to and redact(state.moved_to),
        since=state.failing_since if state.state in ("retrying", "failing") else state.since,
        attempts=state.attempts,
        live=state.live,
        last_read_at=state.last_read_at,
        last_change_at=state.last_change_at,
        next_poll_at=None if feed.paused else state.next_poll_at,
        interval_s=state.interval,
        problems=tuple(_clean_problem(problem) for problem in state.problems),
        looks=tuple(map(redacted, state.looks)),
        entries=entries,
    )


def _clean_problem(problem: Problem) -> Problem:
    where = problem.where and redact_text(problem.where)
    return Problem(code=problem.code, message=redact_text(problem.message), where=where)
