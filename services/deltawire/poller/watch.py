"""One feed: look, write down what was seen, wait, look again."""

from __future__ import annotations

import asyncio
import contextlib
import math
import operator
from datetime import datetime
from typing import get_args

import msgspec
import structlog

from deltawire import telemetry
from deltawire.formats.base import Raw, Unreadable
from deltawire.log.port import LogError
from deltawire.model import Failed, Feed, Look, Retired
from deltawire.poller import look as looks
from deltawire.poller import moves, pages, refusals, robots, schedule, websub
from deltawire.poller.alarm import Alarm
from deltawire.poller.fetch import fetch
from deltawire.poller.hosts import elsewhere
from deltawire.poller.outcome import Failure, Fetched, mend
from deltawire.poller.shared import Poller
from deltawire.poller.starts import Opening
from deltawire.poller_state import FetchState, Subscription

logger = structlog.get_logger()

SAVE_INTERVAL = 300.0
"""Seconds after which a feed's state is written even if nothing but the times of its looks changed in it.

A process that is killed loses that much of them, and looks once sooner than it would have. More often would cost feeds
that stand still a commit every other look: half of what they cost at all.
"""

_TRIFLES = frozenset(
    {"next_poll_at", "interval", "last_read_at", "looks", "copy_date", "copy_time", "trust", "move", "move_checked_at"}
)
_polls = {outcome: telemetry.polls.labels(outcome) for outcome in get_args(schedule.Outcome)}
# What of a state the next look does not find out anyway.
_lasting = operator.attrgetter(*(name for name in FetchState.__struct_fields__ if name not in _TRIFLES))


class Watch:
    """A feed under watch. One task looks at it, so that there are never two fetches of one feed at once."""

    def __init__(self, poller: Poller, feed: Feed, state: FetchState) -> None:
        self.feed = feed
        self.state = state
        self._poller = poller
        self._ref = looks.reference(feed)
        self._task: asyncio.Task[None] | None = None
        self._due = self._soonest = 0.0
        self._alarm = Alarm()
        self._scanned = ""
        self._led: str | None = None
        self._refused: refusals.Refused | None = None
        self._writing = asyncio.Lock()
        self._stopped = False
        self._saved = _lasting(state)
        self._saved_at = -SAVE_INTERVAL
        self._shown: str | None = None
        self._unwritten = False

    def start(self, opening: Opening) -> None:
        """Begin to look. A feed that is paused or gone waits."""
        self._show()
        if self.feed.paused or self.state.state == "gone":
            self._poller.websub.drop(self)
            return
        now = self._poller.clock()
        self._share(now)
        waiting = self.state.retry_after
        if self.state.cause in ("http-429", "http-503") and waiting is not None and waiting > now:
            # What the host said before a restart holds for its other feeds too.
            self._poller.gates.refused(self.feed.url, (waiting - now).total_seconds())
        first = schedule.first_poll(self.feed, self.state, now, self._poller.config.fetch, opening)
        self._due = asyncio.get_running_loop().time() + (first - now).total_seconds()
        self._allow_hints(now)
        self._poller.websub.follow(self)
        place = schedule.place(self.feed, self.state, opening)
        self._task = asyncio.create_task(self._run(place), name=f"feed {self.feed.id}")

    async def stop(self) -> None:
        """Stop looking: a fetch under way is dropped, a write under way is finished."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait([self._task])
        self._poller.websub.unfollow(self)
        async with self._writing:
            self._stopped = True
        self._poller.budget.leave(self.feed.id)
        self._poller.count_open(self.feed, is_open=False)
        self._poller.count_state(self._shown, None)
        self._shown = None

    @property
    def subscription(self) -> Subscription | None:
        return self.state.subscription

    @subscription.setter
    def subscription(self, subscription: Subscription | None) -> None:
        """Takes effect at once, a look under way or not; it is durable with the next look's state, or by ``save``."""
        self.state = msgspec.structs.replace(self.state, subscription=subscription)

    async def save(self) -> bool:
        """Write the state as it is; false if the feed is watched here no more, for then it is another's to write."""

        async def write() -> bool:
            async with self._writing:
                if self._stopped:
                    return False
                state = self.state
                await self._poller.write(self.feed.id, None, state)
                self._saved = _lasting(state)
                return True

        return await asyncio.shield(asyncio.create_task(write()))

    def wake(self) -> None:
        """Look as soon as the feed's bounds allow: something says that it has changed."""
        self._alarm.ring()

    async def _run(self, place: float | None) -> None:
        loop = asyncio.get_running_loop()
        if place is not None:
            await self._poller.starts.turn(place)
            self._due = max(self._due, loop.time())
        while self.state.state != "gone":
            await self._alarm.sleep(self._due, self._soonest)
            held = self._poller.gates.held(self.state.moved_to or self.feed.url)
            if held := max(held, self._poller.gates.held(self._led) if self._led else 0.0):
                # Not all at once when the host is free again.
                self._due = loop.time() + held * (1 + 0.25 * schedule.jitter(self.feed.id, self.state.attempts))
                self._soonest = self._due
                continue
            self._soonest = math.inf
            try:
                conclusion = await self.look()
                wait = conclusion.state.next_poll_at
                # A clock that was set back must not stretch the pause by as much.
                now = max(self._poller.clock(), conclusion.state.looks[-1].at)
                pause = (wait - now).total_seconds() if wait is not None else 0.0
                self._allow_hints(now)
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
        self._poller.websub.drop(self)

    def _allow_hints(self, now: datetime) -> None:
        soonest = schedule.soonest(self.feed, self.state, now)
        self._soonest = asyncio.get_running_loop().time() + (soonest - now).total_seconds()

    async def look(self) -> looks.Conclusion:
        poller, feed, state = self._poller, self.feed, self.state
        announced = self._alarm.rung
        self._alarm.clear()
        if announced:
            # A cache may not show yet what was announced: the looks after this one are close again.
            state = msgspec.structs.replace(state, interval=0.0)
        reader = poller.guard.reader(feed.format)
        look, asked, outcome = await self._ask(reader)
        look = msgspec.structs.replace(look, fetched_at=max(poller.clock(), look.began_at))
        read = await self._read(outcome, look, reader)
        if isinstance(read, looks.Readout) and robots.is_page(feed.format, state.format) is None:
            # Only now it shows whether this is a page, which robots.txt may forbid.
            state = msgspec.structs.replace(state, format=read.reading.format)
            refusal = await self._forbidden(asked, outcome) if state.format in robots.PAGES else None
            outcome, read = (refusal, None) if refusal else (outcome, read)
        self._discover(outcome, read)
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
            asked=asked,
            pace=poller.budget.pace(asyncio.get_running_loop().time()),
        )
        if conclusion.outcome == "changed" and self.subscription is not None:
            self.subscription = websub.judged(self.subscription, announced=announced or self._alarm.rung)
        await self._keep(conclusion)
        self._share(look.fetched_at)
        self._report(look, outcome, state, conclusion)
        return conclusion

    async def _ask(self, reader: str) -> tuple[Look, str, Fetched | Failure]:
        """Ask the places where the feed can be until one answers."""
        poller, feed, state = self._poller, self.feed, self.state
        is_page = robots.is_page(feed.format, state.format)
        look: Look | None = None
        for place in moves.places(feed, state, poller.clock()):
            refusal = await poller.robots.refusal(place) if is_page else None
            if refusal is None and self._led is not None:
                await poller.gates.pass_by(self._led)
            async with poller.gates.slot(place) if refusal is None else contextlib.nullcontext():
                if look is None:
                    late = max(0.0, asyncio.get_running_loop().time() - self._due)
                    poller.lateness = max(poller.lateness, late)
                    telemetry.poll_lateness_seconds.observe(late)
                    look = poller.begin(self._ref, state)
                known = looks.validators(feed, state, reader, look.began_at)
                outcome = refusal or await fetch(
                    poller.session, poller.config.fetch, place, known, clock=poller.clock, home=feed.url
                )
            if isinstance(outcome, Fetched):
                self._led = elsewhere(place, outcome.url)
                outcome = (await self._forbidden(place, outcome) if is_page else None) or outcome
                break
            self._led = elsewhere(place, outcome.refused_by) or self._led
            poller.gates.heed(outcome, poller.clock())
        assert look is not None
        return look, place, outcome

    async def _forbidden(self, asked: str, outcome: Fetched | Failure) -> Failure | None:
        """What robots.txt says of a page, and of where it was found: a redirect is no way around it."""
        refusal = await self._poller.robots.refusal(asked)
        # What a site writes like a variable is not filled in.
        if refusal or isinstance(outcome, Failure) or "${" in outcome.url:
            return refusal
        return await self._poller.robots.refusal(outcome.url)

    async def _read(self, outcome: Fetched | Failure, look: Look, reader: str) -> looks.Readout | Unreadable | None:
        if isinstance(outcome, Failure) or not looks.needs_reading(
            self.feed, self.state, outcome, reader, look.began_at
        ):
            return None
        mark = (outcome.body_hash, outcome.url, outcome.content_type, reader)
        if standing := refusals.standing(self._refused, mark, look.fetched_at):
            return standing
        raw = Raw(body=outcome.body, url=outcome.url, content_type=outcome.content_type, fetched_at=look.fetched_at)
        try:
            read = await self._poller.guard.read(raw, self.feed.format, self.feed.id)
        except Unreadable as unreadable:
            self._refused = refusals.after(self._refused, unreadable, mark, self._poller.clock())
            return unreadable
        self._refused = None
        return read

    def _discover(self, outcome: Fetched | Failure, read: looks.Readout | Unreadable | None) -> None:
        """Look for a hub in a document that was not searched before."""
        if isinstance(outcome, Failure) or isinstance(read, Unreadable) or outcome.body_hash in ("", self._scanned):
            return
        self._scanned = outcome.body_hash
        self._poller.websub.discover(self, outcome)

    def _share(self, now: datetime) -> None:
        """Say what the feed takes of the budget from now on, and whether its blog is open."""
        if self.feed.series is not None:
            is_open = self.state.state != "gone" and schedule.is_open(self.feed, self.state, now)
            self._poller.count_open(self.feed, is_open=is_open)
        if self._poller.budget.limited:
            self._poller.budget.take(self.feed.id, schedule.demand(self.feed, self.state, now))

    async def _keep(self, conclusion: looks.Conclusion) -> None:
        """Write what has to outlast the process; then, and only then, go on from the new state."""
        loop = asyncio.get_running_loop()
        stale = loop.time() - self._saved_at >= SAVE_INTERVAL
        state = self._subscribed(conclusion.state)
        if conclusion.observation is None and not stale and self._saved == _lasting(state):
            self.state = state
            return

        async def write() -> None:
            async with self._writing:
                saved = self._subscribed(conclusion.state)
                await self._poller.write(self.feed.id, conclusion.observation, saved)
                # A hub may have changed the subscription meanwhile, and will write that next.
                self.state = self._subscribed(saved)
                self._saved = _lasting(saved)
                self._saved_at = loop.time()

        writing = asyncio.create_task(write())
        try:
            await asyncio.shield(writing)
        except asyncio.CancelledError:
            await asyncio.wait([writing])
            if (error := writing.exception()) is not None:
                logger.warning("poller.write_failed", feed=self.feed.id, outcome="dropped", detail=str(error)[:200])
            raise

    def _subscribed(self, state: FetchState) -> FetchState:
        """The state with the subscription as it is now, which takes no part in a look."""
        if state.subscription is self.subscription:
            return state
        return msgspec.structs.replace(state, subscription=self.subscription)

    def _report(self, look: Look, outcome: Fetched | Failure, before: FetchState, conclusion: looks.Conclusion) -> None:
        poller, after = self._poller, conclusion.state
        poller.counts[conclusion.outcome] += 1
        _polls[conclusion.outcome].inc()
        telemetry.poll_seconds.observe(outcome.duration_s)
        if poller.debugging:
            logger.debug(
                "feed.polled",
                feed=self.feed.id,
                poll_id=look.poll_id,
                outcome=conclusion.outcome,
                status=outcome.status,
                duration_s=round(outcome.duration_s, 4),
                next_poll_at=after.next_poll_at,
            )
        if (
            after.state == before.state
            and after.moved_to == before.moved_to
            and after.trust.caught == before.trust.caught
        ):
            return
        bound = logger.bind(feed=self.feed.id, poll_id=look.poll_id)
        if after.moved_to != before.moved_to:
            bound.warning(
                "feed.moved",
                outcome="kept" if after.moved_to else "dropped",
                to=after.moved_to and telemetry.redact(after.moved_to),
            )
        if after.trust.caught > before.trust.caught:
            bound.warning("feed.validators_mistrusted", outcome="asked whole", until=after.trust.mistrusted_until)
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
