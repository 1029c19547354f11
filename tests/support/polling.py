"""A log, a site and a poller between them: what the tests of the poller service run on."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import msgspec

from deltawire import net
from deltawire.config import Config, FetchConfig
from deltawire.log.port import LogError, Outgoing, Record, snapshot
from deltawire.log.sqlite import SqliteLog
from deltawire.log.topics import Topics
from deltawire.model import DOUBTFUL, REVERSAL_LOOKS, Document, Entry, Feed, Observation
from deltawire.observations import Amended, Place, Written, held, whole
from deltawire.poller import service
from deltawire.poller_state import FetchState
from support.origin import Answer, Origin
from support.waiting import running

TOPICS = Topics()
CONFIG = Config(
    fetch=FetchConfig(
        allow_private_networks=True, per_host_rate=0, per_host_connections=64, live_interval=0.05, timeout=60
    )
)
OWED = REVERSAL_LOOKS * DOUBTFUL + 1
"""Looks without a change that are written after one."""

JSON_FEED = "https://jsonfeed.org/version/1.1"


def blog(*texts: str, **fields: Any) -> bytes:
    items = [{"id": text, "content_text": text} for text in texts]
    return json.dumps({"version": JSON_FEED, "title": "Harbour", "items": items} | fields).encode()


def page(*texts: str, **fields: Any) -> Answer:
    return Answer(body=blog(*texts), content_type="application/feed+json", **fields)


class Deployment:
    """A log, a site, and a poller that can be started and stopped."""

    def __init__(self, path: Path, origin: Origin) -> None:
        self.path = path
        self.origin = origin
        self.log: SqliteLog

    @asynccontextmanager
    async def poller(self, config: Config = CONFIG, **options: Any) -> AsyncIterator[asyncio.Task[None]]:
        async with (
            net.make_session(config.fetch) as session,
            running(service.run(self.log, TOPICS, config, session=session, **options)) as task,
        ):
            yield task

    async def add(self, feed_id: str = "harbour", url: str | None = None, **fields: Any) -> Feed:
        feed = Feed(id=feed_id, url=url or self.origin.url(), generation="g1", min_interval=0.03, max_interval=0.1)
        feed = msgspec.structs.replace(feed, **fields)
        await self.put(feed)
        return feed

    async def put(self, feed: Feed) -> None:
        await self.log.append([Outgoing(topic=TOPICS.feeds, key=feed.id, value=msgspec.json.encode(feed))])

    async def remove(self, feed_id: str = "harbour") -> None:
        await self.log.append([Outgoing(topic=TOPICS.feeds, key=feed_id, value=None)])

    async def observations(self, feed_id: str = "harbour") -> list[Observation]:
        records = [record async for record in snapshot(self.log, TOPICS.observations) if record.key == feed_id]
        return looks(records)

    async def kinds(self, feed_id: str = "harbour") -> list[str]:
        return [type(observation).__name__ for observation in await self.observations(feed_id)]

    async def state(self, feed_id: str = "harbour") -> FetchState | None:
        latest: Record | None = None
        async for record in snapshot(self.log, TOPICS.fetch_state):
            latest = record if record.key == feed_id else latest
        return None if latest is None or latest.value is None else msgspec.json.decode(latest.value, type=FetchState)

    async def until(
        self, condition: Callable[[list[Observation]], bool], feed_id: str = "harbour", seconds: float = 120
    ) -> list[Observation]:
        """The observations of a feed as soon as the condition holds for them."""
        async with asyncio.timeout(seconds):
            while not condition(observations := await self.observations(feed_id)):  # noqa: ASYNC110 - in a file
                await asyncio.sleep(0.01)
        return observations


def has(kind: type[Observation], count: int = 1) -> Callable[[list[Observation]], bool]:
    return lambda observations: sum(isinstance(observation, kind) for observation in observations) >= count


def shows(entries: int) -> Callable[[list[Observation]], bool]:
    return lambda seen: any(isinstance(one, Document) and len(texts(one)) == entries for one in seen)


def looks(records: Sequence[Record]) -> list[Observation]:
    """The looks of one feed, put together of its records."""
    read: dict[Place, Entry] = {}
    found: list[Observation] = []
    for record in records:
        written = msgspec.json.decode(record.value or b"", type=Written)
        if isinstance(written, Document | Amended):
            read |= held(written)
        found.append(whole(written, read) if isinstance(written, Amended) else written)
    return found


def texts(observation: Observation) -> list[str]:
    assert isinstance(observation, Document)
    return [entry.content_text for entry in observation.reading.entries]


def with_fetch(**fields: Any) -> Config:
    return msgspec.structs.replace(CONFIG, fetch=msgspec.structs.replace(CONFIG.fetch, **fields))


class Failing:
    """The log, whose appends fail or hang as told."""

    def __init__(self, log: SqliteLog) -> None:
        self._log = log
        self.failures = 0
        self.hold: asyncio.Event | None = None
        self.held = asyncio.Event()

    async def append(self, records: list[Outgoing]) -> Sequence[int] | None:
        if self.failures:
            self.failures -= 1
            raise LogError("the disk is full")
        if self.hold is not None:
            self.held.set()
            await self.hold.wait()
        return await self._log.append(records)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._log, name)


class Busy:
    """The log, to which a record is added right after somebody first asked for the bounds of its topic."""

    def __init__(self, log: SqliteLog, record: Outgoing) -> None:
        self._log = log
        self._record = record
        self.told = asyncio.Event()

    async def bounds(self, topic: str) -> dict[int, tuple[int, int]]:
        bounds = await self._log.bounds(topic)
        if topic == self._record.topic and not self.told.is_set():
            self.told.set()
            await self._log.append([self._record])
        return bounds

    def __getattr__(self, name: str) -> Any:
        return getattr(self._log, name)
