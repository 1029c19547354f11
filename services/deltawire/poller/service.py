"""The poller: watches every feed that is wanted, and writes down what it sees."""

from __future__ import annotations

import asyncio
import functools
import time
import uuid
from collections import Counter
from collections.abc import Iterable, Mapping
from typing import TypeVar

import aiohttp
import msgspec
import structlog

from deltawire.clock import Clock, utc_now
from deltawire.config import Config
from deltawire.log.dead_letters import Skips
from deltawire.log.fuse import Fuse
from deltawire.log.port import Log, Record
from deltawire.log.topics import Topics
from deltawire.log.workers import run_partitions
from deltawire.model import Feed
from deltawire.poller import look as looks
from deltawire.poller import series
from deltawire.poller.guard import Guard
from deltawire.poller.latest import Latest, decode, latest
from deltawire.poller.shared import Poller
from deltawire.poller.starts import Opening
from deltawire.poller.watch import Watch
from deltawire.poller_state import FetchState
from deltawire.tasks import until_one_ends

logger = structlog.get_logger()

SERVICE = "poller"
SUMMARY_INTERVAL = 60.0

T = TypeVar("T", Feed, FetchState)


async def run(
    log: Log, topics: Topics, config: Config, *, session: aiohttp.ClientSession, clock: Clock = utc_now
) -> None:
    """Poll the feeds of the ``feeds`` topic until cancelled; then writes under way are finished.

    ``session`` is one of ``net.make_session``, and stays the caller's.

    Raises:
        FuseBlown: more records of the feeds or of their states than ``config.dead_letters`` allows cannot be read.
    """
    guard = Guard(config.differ.max_entries)
    generation = f"{int(clock().timestamp() * 1000)}-{uuid.uuid4().hex[:8]}"
    poller = Poller(log, topics, config, session, clock, guard, generation)
    summaries = asyncio.create_task(_summarise(poller))
    try:
        async with poller.websub.listening():
            polling = run_partitions(log, SERVICE, topics.feeds, functools.partial(_watch_partition, poller))
            await until_one_ends([series.beside(poller, polling), poller.starts.run()])
    finally:
        summaries.cancel()
        await guard.close()


async def _watch_partition(poller: Poller, partition: int) -> None:
    log, topics = poller.log, poller.topics
    # The tail begins exactly where the snapshot ended.
    bounds = await log.bounds(topics.feeds)
    wanted, fuse = await _restored(poller, topics.feeds, partition, Feed, bounds)
    known, _ = await _restored(poller, topics.fetch_state, partition, FetchState)
    feeds, states, unreadable = wanted.values, known.values, wanted.unreadable
    for feed_id, state in list(states.items()):
        # A feed whose record cannot be read is not one that was removed.
        if feed_id in unreadable or (feed_id in feeds and feeds[feed_id].generation == state.generation):
            continue
        # Removed, or removed and added again, while no poller ran: nobody has told the differ yet.
        await poller.retire(feed_id, states.pop(feed_id))
    watches = {id_: Watch(poller, feed, looks.start(feed, states.get(id_))) for id_, feed in feeds.items()}
    reader = await log.reader(topics.feeds, {partition: bounds[partition][1]})
    try:
        opening = _opening(poller, watches.values())
        for watch in watches.values():
            watch.start(opening)
        while True:
            records = await reader.poll()
            skips = Skips(topics, SERVICE)
            readable: list[tuple[Record, Feed | None]] = []
            for record in records:
                try:
                    readable.append((record, decode(record, Feed)))
                except msgspec.DecodeError as error:
                    skips.skip(record, error, poller.clock())
                else:
                    skips.passed()
            fuse = fuse.after(skips.outcomes)
            await skips.write(log)
            touched = (watches.get(record.key or "") for record, feed in readable if feed is not None)
            opening = _opening(poller, touched)
            for record, feed in readable:
                await _apply(poller, watches, record, feed, opening)
    finally:
        await asyncio.gather(*(watch.stop() for watch in watches.values()))
        await reader.close()


def _opening(poller: Poller, watches: Iterable[Watch | None]) -> Opening:
    """How the feeds of these watches are spread, null being one that is not watched yet."""
    before = [watch is not None and watch.state.last_read_at is not None for watch in watches]
    return poller.starts.opening(sum(before), len(before) - sum(before), time.monotonic())


async def _apply(
    poller: Poller, watches: dict[str, Watch], record: Record, feed: Feed | None, opening: Opening
) -> None:
    """Bring one feed in line with its record. A record that was seen before changes nothing."""
    if record.key is None:
        return
    watch = watches.get(record.key)
    if watch is None:
        if feed is not None:
            watches[feed.id] = Watch(poller, feed, looks.start(feed, None))
            watches[feed.id].start(opening)
        return
    if feed == watch.feed:
        return
    await watch.stop()
    if feed is None or feed.generation != watch.feed.generation:
        del watches[record.key]
        await poller.retire(record.key, watch.state)
    if feed is None:
        return
    state = looks.start(feed, watch.state)
    if watch.feed.paused and not feed.paused:
        # Whoever resumes a feed wants to see it now; only the source's own Retry-After still counts.
        state = msgspec.structs.replace(state, next_poll_at=None)
    watches[feed.id] = Watch(poller, feed, state)
    watches[feed.id].start(opening)


async def _restored(
    poller: Poller, topic: str, partition: int, type_: type[T], bounds: Mapping[int, tuple[int, int]] | None = None
) -> tuple[Latest[T], Fuse]:
    """The latest values, and what those that cannot be read leave of the fuse."""
    found = await latest(poller.log, topic, partition, type_, bounds)
    skips = found.skips(poller.topics, SERVICE, poller.clock())
    fuse = Fuse(limits=poller.config.dead_letters, where=f"{topic} partition {partition}").after(skips.outcomes)
    await skips.write(poller.log)
    return found, fuse


async def _summarise(poller: Poller) -> None:
    began = time.monotonic()
    while True:
        await asyncio.sleep(SUMMARY_INTERVAL)
        counts, poller.counts = poller.counts, Counter()
        lateness, poller.lateness = poller.lateness, 0.0
        poller.gates.prune()
        logger.info(
            "poller.summary",
            polls=counts.total(),
            changed=counts["changed"],
            unchanged=counts["unchanged"],
            failed=counts["failed"],
            unwritten=counts["unwritten"],
            feeds={state: number for state, number in poller.states.items() if number},
            latest_s=round(lateness, 3),
            up_s=round(time.monotonic() - began),
        )
