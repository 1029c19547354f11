"""What all feeds of a poller process share."""

from __future__ import annotations

import logging
import os
from collections import Counter
from datetime import timedelta

import aiohttp
import msgspec
import structlog

from deltawire import telemetry
from deltawire.clock import Clock
from deltawire.config import Config
from deltawire.log.port import Log, Outgoing
from deltawire.log.topics import Topics
from deltawire.model import Document, Feed, FeedRef, Look, Observation, Retired
from deltawire.poller import robots
from deltawire.poller.budget import Budget
from deltawire.poller.guard import Guard
from deltawire.poller.hosts import Gates
from deltawire.poller.starts import Starts
from deltawire.poller.told import Told, draft
from deltawire.poller.websub_service import WebSub
from deltawire.poller_state import FetchState

logger = structlog.get_logger()

_TICK = timedelta(milliseconds=1)


class Poller:
    """``generation`` tells the looks of this process from those of another poller."""

    def __init__(
        self,
        log: Log,
        topics: Topics,
        config: Config,
        session: aiohttp.ClientSession,
        clock: Clock,
        guard: Guard,
        generation: str,
    ) -> None:
        self.log = log
        self.topics = topics
        self.config = config
        self.session = session
        self.clock = clock
        self.guard = guard
        self.generation = generation
        self.gates = Gates(config.fetch)
        self.robots = robots.Robots(session, config.fetch, self.gates)
        self.starts = Starts(config.fetch, lambda: guard.waiting)
        self.budget = Budget(config.fetch.max_requests_per_second)
        self.websub = WebSub(config.websub, config.fetch, session, self.gates, clock)
        self.counts: Counter[str] = Counter()
        self.lateness = 0.0
        # Asked once: the line of a look that nobody logs costs a twentieth of a look at what is not modified.
        self.debugging: bool = logger.bind().is_enabled_for(logging.DEBUG)
        self.states: Counter[str] = Counter()
        self._open: dict[str, set[str]] = {}
        self._told: dict[str, Told] = {}

    def count_state(self, old: str | None, new: str | None) -> None:
        """Keep the number of feeds in each state."""
        for state, step in ((old, -1), (new, 1)):
            if state is not None:
                self.states[state] += step
                telemetry.feeds_gauge.labels(state).set(self.states[state])

    def count_open(self, feed: Feed, *, is_open: bool) -> None:
        """Keep the number of blogs of a series that are being written."""
        if feed.series is not None:
            blogs = self._open.setdefault(feed.series, set())
            (blogs.add if is_open else blogs.discard)(feed.id)
            telemetry.series_open.labels(feed.series).set(len(blogs))

    def begin(self, feed: FeedRef, state: FetchState) -> Look:
        """A look that begins now; its end is filled in later. It begins after the last one, whatever the clock says."""
        now = self.clock()
        if state.looks:
            now = max(now, state.looks[-1].at + _TICK)
        return Look(poll_id=os.urandom(16).hex(), feed=feed, poller=self.generation, began_at=now, fetched_at=now)

    async def retire(self, feed_id: str, state: FetchState) -> None:
        """Write that a feed was removed, and forget its state."""
        feed = FeedRef(id=feed_id, url=telemetry.redact(state.url), generation=state.generation)
        look = self.begin(feed, state)
        retired = Retired(**msgspec.structs.asdict(look), cause="removed")
        value = msgspec.json.encode(retired)
        await self.log.append([self._observed(feed.id, value), self._remembered(feed.id, None)])
        self._told.pop(feed_id, None)
        if state.subscription is not None:
            self.websub.leave(state.subscription)
        logger.info("feed.removed", feed=feed.id, poll_id=look.poll_id)

    async def write(self, feed_id: str, observation: Observation | None, state: FetchState) -> None:
        """Write both or neither: a validator must not be remembered before what it stands for is durable."""
        remembered = self._remembered(feed_id, state)
        if isinstance(observation, Document):
            await self._write_document(feed_id, observation, remembered)
        elif observation is not None:
            await self.log.append([self._observed(feed_id, msgspec.json.encode(observation)), remembered])
        else:
            await self.log.append([remembered])

    async def _write_document(self, feed_id: str, document: Document, remembered: Outgoing) -> None:
        drafted = draft(document, self._told.get(feed_id))
        offsets = await self.log.append([self._observed(feed_id, drafted.value), remembered])
        if offsets is not None and (told := drafted.written(offsets[0])) is not None:
            self._told[feed_id] = told
        else:
            self._told.pop(feed_id, None)

    def _observed(self, feed_id: str, value: bytes) -> Outgoing:
        return Outgoing(topic=self.topics.observations, key=feed_id, value=value)

    def _remembered(self, feed_id: str, state: FetchState | None) -> Outgoing:
        value = None if state is None else msgspec.json.encode(state)
        return Outgoing(topic=self.topics.fetch_state, key=feed_id, value=value)
