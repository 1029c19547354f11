"""Differ and storage on Kafka when it cleans up: compaction changes nothing, and what retention took is told."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from deltawire.log.kafka import KafkaLog
from deltawire.press.truth import compare, fold
from deltawire.store.sqlite import SqliteStore
from e2e.line import PARTITIONS, Line, folded, of
from support.broker import Broker
from support.kafka_log import compact, create, kept, overrun, settings
from support.waiting import eventually, running


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
    for name in ("differ_state", "entries"):
        topic = line.topics.table[name]
        records = await kept(line.log, topic.name)
        latest = {(r.partition, str(r.key)): r.value for r in records}
        await compact(kafka, line.log, topic)
        after = await kept(line.log, topic.name)
        assert len(after) < len(records)
        assert {(r.partition, str(r.key)): r.value for r in after} == {k: v for k, v in latest.items() if v is not None}
        assert any(key.startswith("blog-2") for _, key in latest)
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
