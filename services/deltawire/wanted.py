"""Which feeds are wanted: the ``feeds`` topic, its seeding from the configuration, and the commands that change it."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Collection, Iterable, Mapping
from datetime import datetime
from urllib.parse import urlsplit

import msgspec

from deltawire.config import FeedConfig
from deltawire.log.port import Log, Outgoing, latest
from deltawire.log.topics import Topics
from deltawire.model import Feed


async def read(log: Log, topics: Topics) -> dict[str, Feed]:
    """The wanted feeds by id, in the order of their ids."""
    return await latest(log, topics.feeds, Feed)


async def write(log: Log, topics: Topics, feeds: Iterable[Feed]) -> None:
    """Want these feeds as they are given, durably."""
    if out := records(topics, feeds):
        await log.append(out)


def records(topics: Topics, feeds: Iterable[Feed]) -> list[Outgoing]:
    """The records that want these feeds."""
    return [Outgoing(topic=topics.feeds, key=f.id, value=msgspec.json.encode(f)) for f in feeds]


async def forget(log: Log, topics: Topics, feed_id: str) -> None:
    await log.append([Outgoing(topic=topics.feeds, key=feed_id, value=None)])


def generation(now: datetime) -> str:
    """The generation of a feed that is added now."""
    return f"{int(now.timestamp() * 1000):x}"


def seeded(wanted: Mapping[str, Feed], configured: Iterable[FeedConfig], now: datetime) -> list[Feed]:
    """The feeds to write so that the configuration holds: new ones, and those whose configuration was edited.

    What commands changed since stays unless the configuration itself changed; paused, and linked in a series, it stays.
    """
    changed: list[Feed] = []
    for config in configured:
        seed = hashlib.blake2b(msgspec.json.encode(config), digest_size=8).hexdigest()
        before = wanted.get(config.id)
        if before is not None and before.seed == seed:
            continue
        changed.append(
            Feed(
                id=config.id,
                url=config.url,
                format=config.format,
                min_interval=config.min_interval,
                max_interval=config.max_interval,
                tags=config.tags,
                series=before.series if before else None,
                continues=before.continues if before else None,
                continued_by=before.continued_by if before else None,
                paused=before.paused if before else False,
                generation=before.generation if before else generation(now),
                origin="config",
                seed=seed,
            )
        )
    return changed


def named(url: str, wanted: Mapping[str, Feed]) -> str:
    """An id for a feed given by its address alone: readable, and the same for the same address."""
    for feed in wanted.values():
        if feed.url == url:
            return feed.id
    return _free(slug(url), wanted)


def slug(url: str) -> str:
    """``https://www.example.org/europe/live.html?x=1`` as ``example-org-europe-live``."""
    parts = urlsplit(url)
    host = (parts.hostname or "feed").removeprefix("www.")
    path = re.sub(r"\.(html?|xml|json|rss|atom|php|txt)$", "", parts.path.rstrip("/"))
    return re.sub(r"[^a-z0-9]+", "-", f"{host}{path}".lower()).strip("-")[:80].rstrip("-") or "feed"


def _free(base: str, taken: Collection[str]) -> str:
    count, name = 1, base
    while name in taken:
        count += 1
        name = f"{base}-{count}"
    return name
