"""Differ and storage as tasks on one Kafka log, and looks for them to work on."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import msgspec

from deltawire.differ import memory, service
from deltawire.differ.state import Policy
from deltawire.events import decode
from deltawire.log.kafka import KafkaLog
from deltawire.log.port import Outgoing, snapshot
from deltawire.log.topics import Topics
from deltawire.model import Retired
from deltawire.press.chance import Publisher
from deltawire.press.truth import fold
from deltawire.storage import service as storage
from deltawire.store.sqlite import SqliteStore
from support.kafka_log import kept
from support.looks import Looks

PARTITIONS = 2


class Line:
    """The log, the feeds' looks, and how far differ and storage are."""

    def __init__(self, log: KafkaLog, topics: Topics, store: SqliteStore) -> None:
        self.log = log
        self.topics = topics
        self.store = store
        self.feeds = {
            name: Looks(topics, name, Publisher(seed, "guardian" if seed % 2 else "atom", noisy=True))
            for seed, name in enumerate(("blog-0", "blog-1", "blog-2"))
        }

    async def look(self, steps: int) -> None:
        for looks in self.feeds.values():
            await self.log.append(await looks.records(steps))

    async def differ(self, log: KafkaLog | None = None) -> None:
        await service.run(log or self.log, self.topics, "urn:test", Policy())

    async def storage(self) -> None:
        await storage.run(self.log, self.topics, self.store)

    async def diffed(self) -> bool:
        """Whether the differ has read all looks. The last offset of a partition is a hole."""
        reached = {
            record.partition: msgspec.json.decode(record.value or b"0")
            for record in await kept(self.log, self.topics.differ_state)
            if record.key == memory.POSITION
        }
        return await self._passed(self.topics.observations, reached)

    async def stored(self) -> bool:
        return await self._passed(self.topics.events, await self.store.positions(storage.CONSUMER))

    async def _passed(self, topic: str, reached: dict[int, int]) -> bool:
        bounds = await self.log.bounds(topic)
        return all(reached.get(p, 0) >= end - 1 for p, (_, end) in bounds.items() if end)

    async def events(self) -> list[dict[str, Any]]:
        return [
            json.loads(decode(record.headers, record.value).structured())
            async for record in snapshot(self.log, self.topics.events)
        ]

    async def memories(self) -> list[tuple[int, dict[str, memory.Recalled]]]:
        """The position and the feeds of each partition, as a differ that starts now would have them."""
        found = []
        for partition in range(PARTITIONS):
            restored = await memory.restore(self.log, self.topics, partition)
            found.append((restored.position, {feed: restored.recall(feed) for feed in restored.feeds()}))
            restored.close()
        return found

    async def retire(self, feed_id: str) -> None:
        looks = self.feeds.pop(feed_id)
        at = looks.now + timedelta(seconds=5)
        retired = Retired(poll_id="0" * 32, feed=looks.feed, poller="p", began_at=at, fetched_at=at, cause="removed")
        await self.log.append(
            [Outgoing(topic=self.topics.observations, key=feed_id, value=msgspec.json.encode(retired))]
        )

    async def in_store(self) -> dict[str, str]:
        """The text of each entry that stands, by its id."""
        rows = [row for feed in self.feeds for row in await self.store.entries(feed, limit=1000)]
        return {row.entry.id: row.entry.content_text for row in rows if row.removed_at is None}


def folded(events: Sequence[dict[str, Any]]) -> dict[str, str]:
    return {subject: entry["content_text"] for subject, entry in fold(events).items()}


def of(events: Sequence[dict[str, Any]], feed: str) -> list[dict[str, Any]]:
    return [event for event in events if event["partitionkey"] == feed]
