"""One feed: look, write down what was seen, wait, look again."""

from __future__ import annotations

import asyncio
import uuid
from collections import Counter
from datetime import timedelta

import aiohttp
import msgspec
import structlog

from deltawire import telemetry
from deltawire.config import Config
from deltawire.formats.base import Raw, Unreadable
from deltawire.log.port import Log, LogError, Outgoing
from deltawire.log.topics import Topics
from deltawire.model import Failed, Feed, FeedRef, FetchState, Look, Observation, Retired
from deltawire.poller import look as looks
from deltawire.poller import pages, schedule
from deltawire.poller.fetch import Clock, fetch
from deltawire.poller.guard import Guard
from deltawire.poller.hosts import Gates
from deltawire.poller.outcome import Failure, Fetched, mend

logger = structlog.get_logger()

SAVE_INTERVAL = 60.0
"""Seconds after which a feed's state is written even if nothing but the time of its last look changed in it."""

_TRIFLES = frozenset({"next_poll_at", "interval", "last_read_at", "looks", "copy_date", "copy_time"})
_TICK = timedelta(milliseconds=1)


class Poller:
    """What all feeds of a process share. ``generation`` tells its looks from those of another poller."""

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
        self.counts: Counter[str] = Counter()
        self.lateness = 0.0
        self.states: Counter[str] = Counter()

    def count_state(self, old: str | None, new: str | None) -> None:
        """Keep the number of feeds in each state."""
        for state, step in ((old, -1), (new, 1)):
            if state is not None:
                self.states[state] += step
                telemetry.feeds_gauge.labels(state).set(self.states[state])

    def begin(self, feed: FeedRef, state: FetchState) -> Look:
        """A look that begins now; its end is filled in later. It begins after the last one, whatever the clock says."""
        now = self.clock()
        if state.looks:
            now = max(now, state.looks[-1].at + _TICK)
        return Look(poll_id=uuid.uuid4().hex, feed=feed, poller=self.generation, began_at=now, fetched_at=now)

    async def retire(self, feed_id: str, state: FetchState) -> None:
        """Write that a feed was removed, and forget its state."""
        feed = FeedRef(id=feed_id, url=telemetry.redact(state.url), generation=state.generation)
        look = self.begin(feed, state)
        retired = Retired(**msgspec.structs.asdict(look), cause="removed")
        await self.log.append([self._observed(retired), self._remembered(feed.id, None)])
        logger.info("feed.removed", feed=feed.id, poll_id=look.poll_id)

    async def write(self, feed_id: str, observation: Observation | None, state: FetchState) -> None:
        """Write both or neither: a validator must not be remembered before what it stands for is durable."""
        observed = [] if observation is None else [self._observed(observation)]
        await self.log.append([*observed, self._remembered(feed_id, state)])

    def _observed(self, observation: Observation) -> Outgoing:
        value = msgspec.json.encode(observation)
        return Outgoing(topic=self.topics.observations, key=observation.feed.id, value=value)

    def _remembered(self, feed_id: str, state: FetchState | None) -> Outgoing:
        value = None if state is None else msgspec.json.encode(state)
        return Outgoing(topic=self.topics.fetch_state, key=feed_id, value=value)


class Watch:
    """A feed under watch. One task looks at it, so that there are never two fetches of one feed at once."""

    def __init__(self, poller: Poller, feed: Feed, state: FetchState) -> None:
        self.feed = feed
        self.state = state
        self._poller = poller
        self._ref = looks.reference(feed)
        self._task: asyncio.Task[None] | None = None
        self._due = 0.0
        self._saved = state
        self._saved_at = -SAVE_INTERVAL
        self._shown: str | None = None
        self._unwritten = False

    def start(self, feeds: int = 1) -> None:
        """Begin to look, ``feeds`` being how many start at this moment. A feed that is paused or gone waits."""
        self._show()
        if self.feed.paused or self.state.state == "gone":
            return
        now = self._poller.clock()
        first = schedule.first_poll(self.feed, self.state, now, self._poller.config.fetch, feeds)
        self._due = asyncio.get_running_loop().time() + (first - now).total_seconds()
        self._task = asyncio.create_task(self._run(), name=f"feed {self.feed.id}")

    async def stop(self) -> None:
        """Stop looking: a fetch under way is dropped, a write under way is finished."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait([self._task])
        self._poller.count_state(self._shown, None)
        self._shown = None

    async def _run(self) -> None:
        loop = asyncio.get_running_loop()
        while self.state.state != "gone":
            await asyncio.sleep(max(0.0, self._due - loop.time()))
            try:
                conclusion = await self._look()
                wait = conclusion.state.next_poll_at
                # A clock that was set back must not stretch the pause by as much.
                now = max(self._poller.clock(), conclusion.state.looks[-1].at)
                pause = (wait - now).total_seconds() if wait is not None else 0.0
                if self._unwritten:
                    self._unwritten = False
                    logger.info("poller.written_again", feed=self.feed.id)
            except LogError as error:
                pause = max(1.0, self.feed.min_interval)
                self._poller.counts["unwritten"] += 1
                if not self._unwritten:
                    self._unwritten = True
                    self._complain("poller.write_failed", error, pause)
            except Exception as error:
                # A defect of ours in one feed must neither stop the others nor lose this one.
                pause = self.feed.max_interval
                self._complain("poller.defect", error, pause, exc_info=error)
            self._due = loop.time() + max(0.0, pause)

    async def _look(self) -> looks.Conclusion:
        poller, feed, state = self._poller, self.feed, self.state
        reader = poller.guard.reader(feed.format)
        async with poller.gates.slot(feed.url):
            late = asyncio.get_running_loop().time() - self._due
            poller.lateness = max(poller.lateness, late)
            look = poller.begin(self._ref, state)
            asked = looks.validators(state, reader)
            outcome = await fetch(poller.session, poller.config.fetch, feed.url, asked, clock=poller.clock)
        look = msgspec.structs.replace(look, fetched_at=max(poller.clock(), look.began_at))
        read = await self._read(outcome, look, reader)
        if isinstance(read, looks.Readout):
            read, state, reader = await pages.follow(poller, feed, state, read, reader, look.fetched_at)
        conclusion = looks.conclude(
            feed,
            state,
            look,
            outcome,
            read,
            reader=reader,
            fetch=poller.config.fetch,
            removal_looks=poller.config.differ.removal_looks,
        )
        await self._keep(conclusion)
        self._report(look, outcome, state, conclusion)
        return conclusion

    async def _read(self, outcome: Fetched | Failure, look: Look, reader: str) -> looks.Readout | Unreadable | None:
        if isinstance(outcome, Failure) or not looks.needs_reading(self.state, outcome, reader):
            return None
        raw = Raw(body=outcome.body, url=outcome.url, content_type=outcome.content_type, fetched_at=look.fetched_at)
        try:
            return await self._poller.guard.read(raw, self.feed.format)
        except Unreadable as unreadable:
            return unreadable

    async def _keep(self, conclusion: looks.Conclusion) -> None:
        """Write what has to outlast the process; then, and only then, go on from the new state."""
        loop = asyncio.get_running_loop()
        stale = loop.time() - self._saved_at >= SAVE_INTERVAL
        if conclusion.observation is None and not stale and not _differs(self._saved, conclusion.state):
            self.state = conclusion.state
            return

        async def write() -> None:
            await self._poller.write(self.feed.id, conclusion.observation, conclusion.state)
            self.state = self._saved = conclusion.state
            self._saved_at = loop.time()

        writing = asyncio.create_task(write())
        try:
            await asyncio.shield(writing)
        except asyncio.CancelledError:
            await asyncio.wait([writing])
            if (error := writing.exception()) is not None:
                logger.warning("poller.write_failed", feed=self.feed.id, outcome="dropped", detail=str(error)[:200])
            raise

    def _report(self, look: Look, outcome: Fetched | Failure, before: FetchState, conclusion: looks.Conclusion) -> None:
        poller, after = self._poller, conclusion.state
        poller.counts[conclusion.outcome] += 1
        telemetry.polls.labels(conclusion.outcome).inc()
        telemetry.poll_seconds.observe(outcome.duration_s)
        bound = logger.bind(feed=self.feed.id, poll_id=look.poll_id)
        bound.debug(
            "feed.polled",
            outcome=conclusion.outcome,
            status=outcome.status,
            duration_s=round(outcome.duration_s, 4),
            next_poll_at=after.next_poll_at,
        )
        if after.state == before.state:
            return
        self._show()
        if after.state in ("ok", "ended"):
            bound.info("feed.state", **{"from": before.state, "to": after.state}, next_poll_at=after.next_poll_at)
            return
        cause = conclusion.observation.cause if isinstance(conclusion.observation, Failed | Retired) else None
        bound.warning(
            "feed.state",
            **{"from": before.state, "to": after.state},
            cause=cause,
            detail=after.looks[-1].detail,
            attempts=after.attempts,
            next_poll_at=after.next_poll_at,
            what_to_do=mend(cause or ""),
        )

    def _complain(self, event: str, error: Exception, pause: float, **more: object) -> None:
        logger.warning(
            event,
            feed=self.feed.id,
            outcome="retry",
            error=type(error).__name__,
            detail=str(error)[:200],
            next_s=pause,
            **more,
        )

    def _show(self) -> None:
        now = "paused" if self.feed.paused else self.state.state
        if now != self._shown:
            self._poller.count_state(self._shown, now)
            self._shown = now


def _differs(saved: FetchState, state: FetchState) -> bool:
    """Whether the state differs in more than in what the next look finds out anyway."""
    return any(
        getattr(saved, name) != getattr(state, name) for name in FetchState.__struct_fields__ if name not in _TRIFLES
    )
