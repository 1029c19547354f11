"""Following series: looks at the page of each now and then, and starts the blogs that are new there.

The series are shared among the pollers by the partitions of their topic. Each partition has one fenced writer: the
feeds that a look adds and the memory that it was found go out in one commit, so that a blog is added once.
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Sequence
from datetime import datetime, timedelta
from typing import Any

import msgspec
import structlog

from deltawire import patterns, telemetry, wanted
from deltawire.config import SeriesConfig
from deltawire.formats import links, registry
from deltawire.formats.base import Raw, Unreadable
from deltawire.formats.foreign import load_json
from deltawire.formats.page import is_markup
from deltawire.log.partitioner import partition_for_key
from deltawire.log.port import LogError, Outgoing, Writer
from deltawire.log.workers import run_partitions
from deltawire.poller.fetch import fetch
from deltawire.poller.latest import latest
from deltawire.poller.outcome import Failure, Fetched, Validators, mend
from deltawire.poller.schedule import jitter
from deltawire.poller.series_decide import Decision, decide, has_news
from deltawire.poller.series_links import Candidate, candidates
from deltawire.poller.shared import Poller
from deltawire.poller_state import SeriesState
from deltawire.tasks import until_one_ends

logger = structlog.get_logger()

SERVICE = "series"
MAX_BYTES = 4 * 1024 * 1024
"""Of a section page, feed or answer that lists blogs."""

LONGEST_PAUSE = 3600.0
"""Seconds between two looks that fail."""

LONGEST_FRESH = 900.0
"""Seconds that a page's own freshness can put off the next look."""

WHOLE_EVERY = 3600.0
"""Seconds after which the whole page is asked for, whatever its validators say: they can be stuck."""

_JITTER = 0.1


async def beside(poller: Poller, polling: Coroutine[Any, Any, None]) -> None:
    """Follow the configured series while ``polling`` runs; whichever of them ends ends the other."""
    await until_one_ends([polling, *([_run(poller)] if poller.config.series else [])])


async def _run(poller: Poller) -> None:
    async def worker(partition: int) -> None:
        count = len(await poller.log.bounds(poller.topics.series))
        mine = [s for s in poller.config.series if partition_for_key(s.id, count) == partition]
        if mine:
            await _follow(poller, partition, mine)

    await run_partitions(poller.log, f"{poller.topics.prefix}.{SERVICE}", poller.topics.series, worker)


async def _follow(poller: Poller, partition: int, mine: Sequence[SeriesConfig]) -> None:
    writer = await poller.log.writer(f"{poller.topics.prefix}.{SERVICE}.{partition}")
    try:
        # A state that cannot be read begins anew: its feeds say which blogs the series had.
        found = await latest(poller.log, poller.topics.series, partition, SeriesState)
        await found.skips(poller.topics, SERVICE, poller.clock()).write(poller.log)
        writing = asyncio.Lock()
        await until_one_ends(
            _Watch(poller, writer, writing, series, found.values.get(series.id)).run() for series in mine
        )
    finally:
        await writer.close()


class _Watch:
    """One series. What it remembers beyond its state only saves requests."""

    def __init__(
        self,
        poller: Poller,
        writer: Writer,
        writing: asyncio.Lock,
        series: SeriesConfig,
        state: SeriesState | None,
    ) -> None:
        self._poller = poller
        self._writer = writer
        self._writing = writing
        self._series = series
        self._state = state or SeriesState(url=series.url)
        self._log = logger.bind(series=series.id)
        self._matches = patterns.compiled(series.match)
        self._validators = Validators()
        self._whole_at = 0.0
        self._is_page = False
        self._attempts = 0

    async def run(self) -> None:
        """Look again and again.

        Raises:
            LogError: something could not be written, or another poller follows the series.
        """
        await asyncio.sleep(self._refused())
        looks = 0
        while True:
            looks += 1
            try:
                pause = self._poller.gates.held(self._series.url) or await self._look()
            except LogError:
                raise
            except Exception as error:
                # A defect of ours in one series must neither stop the others nor ask its page again and again.
                pause = max(LONGEST_PAUSE, self._series.interval)
                telemetry.series_looks.labels("defect").inc()
                self._log.warning(
                    "series.defect", outcome="retry", detail=str(error)[:200], next_s=pause, exc_info=error
                )
            await asyncio.sleep(pause * (1 + _JITTER * jitter(self._series.id, looks)))

    def _refused(self) -> float:
        """For how many more seconds the source does not want to be asked."""
        until = self._state.retry_after
        return max(0.0, (until - self._poller.clock()).total_seconds()) if until else 0.0

    async def _look(self) -> float:
        """One look; returns the seconds until the next."""
        poller, url = self._poller, self._series.url
        loop = asyncio.get_running_loop()
        now = poller.clock()
        whole = loop.time() - self._whole_at >= WHOLE_EVERY
        outcome: Fetched | Failure | None = await poller.robots.refusal(url) if self._is_page else None
        if outcome is None:
            async with poller.gates.slot(url):
                asked = Validators() if whole else self._validators
                outcome = await fetch(poller.session, poller.config.fetch, url, asked, clock=poller.clock)
        if isinstance(outcome, Failure):
            telemetry.series_looks.labels(outcome.cause).inc()
            return await self._failed(outcome, now)
        looked = "unchanged"
        if outcome.status == 200:
            raw = Raw(body=outcome.body, url=outcome.url, content_type=outcome.content_type, fetched_at=now)
            try:
                found = await self._links(raw)
            except Unreadable as error:
                telemetry.series_looks.labels(error.code).inc()
                return await self._failed(Failure(cause=error.code, detail=str(error)), now)
            if self._is_page and (refusal := await poller.robots.refusal(url)):
                telemetry.series_looks.labels(refusal.cause).inc()
                return await self._failed(refusal, now)
            listed, matching = await asyncio.to_thread(candidates, found, self._matches, outcome.url)
            held = await self._take(listed, matching, len(found), now)
            # Those that wait have to be listed again.
            self._validators = Validators() if held else outcome.validators
            self._whole_at = loop.time()
            looked = "ok" if matching else "no-match"
        elif self._attempts:
            await self._note("ok", None, now)
        self._attempts = 0
        telemetry.series_looks.labels(looked).inc()
        return max(self._series.interval, min(outcome.fresh_for or 0.0, LONGEST_FRESH))

    async def _links(self, raw: Raw) -> list[links.Found]:
        """What the document links to.

        Raises:
            Unreadable: it is neither a page, nor a feed, nor the answer to a query of the Content API.
        """
        if len(raw.body) > MAX_BYTES:
            raise Unreadable(
                "too-large", f"what lists the blogs has {len(raw.body)} bytes; at most {MAX_BYTES} are read"
            )
        if not raw.body.strip():
            raise Unreadable("empty", "what lists the blogs is empty: the server sent no content")
        self._is_page = is_markup(raw.body) and not registry.FORMATS["rss"].claims(raw)
        if self._is_page:
            return await asyncio.to_thread(links.of_page, raw)
        if not is_markup(raw.body):
            results = links.of_query((await asyncio.to_thread(load_json, raw)).value)
            if results is not None:
                return results
        read = await self._poller.guard.read(raw, "auto", f"series {self._series.id}")
        return links.of_entries(read.reading.entries)

    async def _take(self, listed: Sequence[Candidate], matching: int, number: int, now: datetime) -> int:
        """Add the blogs that are new; returns how many of them wait for a later look."""
        series, topics = self._series, self._poller.topics
        outcome = "ok" if matching else "no-match"
        detail = None if matching else f"none of the {number} links fits match = {series.match!r}"
        if not has_news(self._state, listed):
            await self._note(outcome, detail, now)
            return 0
        async with self._writing:
            feeds = await wanted.read(self._poller.log, topics)
            decision = await asyncio.to_thread(decide, series, self._state, listed, feeds, now)
            state = self._noted(decision.state, outcome, detail, now)
            await self._writer.commit([*wanted.records(topics, decision.feeds), self._record(state)])
        self._state = state
        self._report(decision, matching)
        return decision.held

    async def _failed(self, failure: Failure, now: datetime) -> float:
        self._attempts += 1
        pause = min(self._series.interval * 2.0 ** min(self._attempts, 20), max(LONGEST_PAUSE, self._series.interval))
        self._poller.gates.heed(failure, self._poller.clock())
        await self._note(failure.cause, failure.detail, now, failure.retry_after)
        return max(pause, self._refused())

    async def _note(self, outcome: str, detail: str | None, now: datetime, until: datetime | None = None) -> None:
        """Remember how the look ended, if it ended otherwise than the one before."""
        state = self._noted(self._state, outcome, detail, now, until)
        if (state.outcome, state.retry_after, state.url) == (
            self._state.outcome,
            self._state.retry_after,
            self._state.url,
        ):
            return
        async with self._writing:
            await self._writer.commit([self._record(state)])
        changed, self._state = state.outcome != self._state.outcome, state
        if changed and outcome == "ok":
            self._log.info("series.state", outcome=outcome)
        elif changed:
            what = "check the match and the url of the series" if outcome == "no-match" else mend(outcome)
            self._log.warning(
                "series.state", outcome=outcome, detail=telemetry.redact_text(detail or ""), what_to_do=what
            )

    def _noted(
        self, state: SeriesState, outcome: str, detail: str | None, now: datetime, until: datetime | None = None
    ) -> SeriesState:
        same = state.outcome == outcome
        return msgspec.structs.replace(
            state,
            url=self._series.url,
            outcome=outcome,
            detail=detail,
            since=state.since if same else now,
            # A second's difference is none worth writing.
            retry_after=until and until.replace(microsecond=0) + timedelta(seconds=1),
        )

    def _record(self, state: SeriesState) -> Outgoing:
        return Outgoing(topic=self._poller.topics.series, key=self._series.id, value=msgspec.json.encode(state))

    def _report(self, decision: Decision, matching: int) -> None:
        for feed in decision.feeds:
            if feed.id in decision.added:
                telemetry.series_found.labels(self._series.id).inc()
                self._log.info("series.found", feed=feed.id, url=telemetry.redact(feed.url), continues=feed.continues)
            elif feed.paused:
                self._log.info("series.rested", feed=feed.id)
        if decision.held or decision.passed:
            self._log.info("series.not_followed", matching=matching, passed=decision.passed, waiting=decision.held)
