"""Differ and storage on Kafka when it cleans up: compaction changes nothing, and what retention took is told."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest
from structlog.testing import capture_logs

from deltawire.differ import memory, service
from deltawire.differ.state import Policy
from deltawire.events import decode
from deltawire.log.kafka import KafkaLog
from deltawire.log.port import Outgoing, snapshot
from deltawire.log.topics import Topics
from deltawire.model import Retired
from deltawire.press.chance import Publisher
from deltawire.press.truth import compare, fold
from deltawire.storage import service as storage
from deltawire.store.sqlite import SqliteStore
from support.broker import Broker
from support.kafka_log import compact, create, kept, overrun, settings
from support.looks import Looks
from support.waiting import eventually, running

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

    async def differ(self) -> None:
        await service.run(self.log, self.topics, "urn:test", Policy())

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


@pytest.fixture
async def line(kafka: Broker, tmp_path: Path) -> AsyncIterator[Line]:
    config = settings(partitions=PARTITIONS)
    topics = await create(kafka, config)
    log = await KafkaLog.open(kafka.address, topics, config)
    store = await SqliteStore.open(tmp_path / "store.db")
    yield Line(log, topics, store)
    await store.close()
    await log.close()


async def test_after_compaction_the_differ_remembers_exactly_what_it_did(kafka: Broker, line: Line) -> None:
    await line.look(8)
    await line.retire("blog-2")
    async with running(line.differ()):
        await eventually(line.diffed)
    before = await line.memories()
    latest: dict[str, dict[str | None, bytes | None]] = {}
    for name in ("differ_state", "entries"):
        topic = line.topics.table[name]
        records = await kept(line.log, topic.name)
        latest[name] = {r.key: r.value for r in records}
        await compact(kafka, line.log, topic)
        after = await kept(line.log, topic.name)
        assert len(after) < len(records)
        assert {r.key: r.value for r in after} == {k: v for k, v in latest[name].items() if v is not None}
        assert any(str(key).startswith("blog-2") for key in latest[name])
        assert not any(str(r.key).startswith("blog-2") for r in after)
    assert await line.memories() == before
    assert sorted(feed for _, feeds in before for feed in feeds) == ["blog-0", "blog-1"]
    await line.look(4)
    async with running(line.differ()):
        await eventually(line.diffed)
    events = await line.events()
    for name, looks in line.feeds.items():
        report = compare(looks.publisher.facts, events, feed=name)
        assert report.ok, f"{name}: {report}"


async def test_events_that_retention_took_before_they_were_stored_are_told_and_made_good(
    kafka: Broker, line: Line
) -> None:
    async with running(line.differ()):
        async with running(line.storage()):
            await line.look(4)
            await eventually(line.diffed)
            await eventually(line.stored)
        await line.look(6)
        await eventually(line.diffed)
        events = await line.events()
        await overrun(kafka, line.log, line.topics.events)
        assert await line.events() == []
        assert await line.in_store() != folded(events)
        with capture_logs() as logs:
            async with running(line.storage()):
                await eventually(line.stored)
                assert await line.in_store() == folded(events)
                await line.look(4)
                await eventually(line.diffed)
                await eventually(line.stored)
    assert await line.in_store() == folded(events + await line.events())
    told = [entry for entry in logs if entry["event"] == "storage.events_lost"]
    assert told
    assert all(entry["log_level"] == "warning" and "retention deleted" in entry["cause"] for entry in told)


async def test_looks_that_retention_took_before_the_differ_saw_them_are_told_and_the_next_change_shows_all_of_them(
    kafka: Broker, line: Line
) -> None:
    async with running(line.differ()):
        await line.look(4)
        await eventually(line.diffed)
    known = {feed: fold(of(await line.events(), feed)) for feed in line.feeds}
    before = {p: end for p, (_, end) in (await line.log.bounds(line.topics.observations)).items()}
    await line.look(6)
    await overrun(kafka, line.log, line.topics.observations)
    after = {p: begin for p, (begin, _) in (await line.log.bounds(line.topics.observations)).items()}
    with capture_logs() as logs:
        async with running(line.differ()):
            await line.look(0)
            await eventually(line.diffed)
            refused = {feed: fold(of(await line.events(), feed)) for feed in line.feeds}
            await line.look(4)
            await eventually(line.diffed)
    assert refused == known
    gaps = {entry["partition"]: entry for entry in logs if entry["event"] == "differ.gap"}
    assert gaps.keys() == {p for p in before if after[p] > before[p]}
    assert gaps
    assert all(entry["log_level"] == "error" and entry["lost"] > 0 for entry in gaps.values())
    events = await line.events()
    for name, looks in line.feeds.items():
        report = compare(looks.publisher.facts, events, feed=name)
        assert (report.final, report.doubled, report.holes, report.identity) == ([], [], [], []), f"{name}: {report}"
