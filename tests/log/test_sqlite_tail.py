"""Readers at the end of the SQLite log: from memory or from the file, they read the same."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from deltawire.log import sqlite_tail
from deltawire.log.port import LogError, Outgoing, OutOfRange, Record, snapshot
from deltawire.log.sqlite import SqliteLog
from deltawire.log.sqlite_commits import Committer
from deltawire.log.topics import Topics

TOPICS = Topics()
DEADLINE = 60.0


@pytest.fixture
async def log(tmp_path: Path) -> AsyncIterator[SqliteLog]:
    log = await SqliteLog.open(tmp_path / "log.db", TOPICS, partitions=2, serve=False, maintenance_interval=None, gap=1)
    yield log
    await log.close()


def event(n: int, partition: int = 0, size: int = 0) -> Outgoing:
    value = b"%d %s" % (n, bytes(size))
    return Outgoing(topic=TOPICS.events, key=f"feed-{n}", value=value, partition=partition, headers={"n": str(n)})


async def without_the_file(log: SqliteLog, monkeypatch: pytest.MonkeyPatch) -> None:
    async def fail(*_: object) -> None:
        raise AssertionError("the file was read")

    monkeypatch.setattr(log._connections, "run", fail)


async def test_a_reader_at_the_end_reads_what_is_committed_without_the_file(
    log: SqliteLog, monkeypatch: pytest.MonkeyPatch
) -> None:
    await log.append([event(0), event(0, 1)])
    reader = await log.reader(TOPICS.events, {0: 0, 1: 0})
    assert len(await reader.poll()) == 2
    with monkeypatch.context() as patched:
        await without_the_file(log, patched)
        waiting = asyncio.create_task(reader.poll(timeout=DEADLINE))
        await asyncio.sleep(0)
        await log.append([event(1), event(2, 1), event(3)])
        found = await waiting
        assert sorted((r.partition, r.headers["n"]) for r in found) == [(0, "1"), (0, "3"), (1, "2")]
        positions = dict(reader.positions)
        await log.append([event(4), event(5)])
        assert [r.headers["n"] for r in await reader.poll(max_records=1)] == ["4"]
        assert [r.headers["n"] for r in await reader.poll()] == ["5"]
        at_the_end = dict(reader.positions)
    again = await log.reader(TOPICS.events, positions)
    assert [r.headers["n"] for r in await again.poll()] == ["4", "5"]
    assert again.positions == at_the_end == {p: end for p, (_, end) in (await log.bounds(TOPICS.events)).items()}
    stored = [record async for record in snapshot(log, TOPICS.events)]
    assert sorted(found, key=lambda r: (r.partition, r.offset)) == [r for r in stored if r.headers["n"] in "123"]


@pytest.mark.parametrize("seed", range(4))
async def test_whatever_had_to_make_room_each_reader_reads_everything_once(
    log: SqliteLog, monkeypatch: pytest.MonkeyPatch, seed: int
) -> None:
    rng = random.Random(seed)
    monkeypatch.setattr(sqlite_tail, "TAIL_BYTES", 12_000)
    readers = [await log.reader(TOPICS.events, {0: 0, 1: 0}) for _ in range(3)]
    read: list[list[Record]] = [[] for _ in readers]
    for n in range(150):
        other = Outgoing(topic=TOPICS.observations, key="o", value=bytes(rng.choice((10, 5000))))
        await log.append([other, *(event(n, rng.randrange(2), rng.choice((0, 100, 3000))) for _ in range(2))])
        if rng.random() < 0.05:
            await log.maintain(datetime.now(UTC))
        if rng.random() < 0.05:
            with pytest.raises(LogError, match="syntax"):
                await log._committer.submit(lambda c: c.execute("no statement"))
        for reader, found in zip(readers, read, strict=True):
            if rng.random() < 0.3:
                found += await reader.poll(max_records=rng.choice((1, 3, 500)), timeout=0)
        assert log._tail._size <= sqlite_tail.TAIL_BYTES
    everything = [record async for record in snapshot(log, TOPICS.events)]
    ends = {p: end for p, (_, end) in (await log.bounds(TOPICS.events)).items()}
    for reader, found in zip(readers, read, strict=True):
        while reader.positions != ends:
            found += await reader.poll(timeout=0)
        assert sorted(found, key=lambda r: (r.partition, r.offset)) == everything


async def test_a_commit_of_unknown_outcome_that_happened_is_read_from_the_file(
    log: SqliteLog, monkeypatch: pytest.MonkeyPatch
) -> None:
    reader = await log.reader(TOPICS.events, {0: 0})
    await log.append([event(0)])
    assert len(await reader.poll()) == 1
    committed = Committer._attempt

    def unknown(committer: Committer, jobs: list[object]) -> bool:
        committed(committer, jobs)  # type: ignore[arg-type]
        raise OSError("the disk went away after it")

    with monkeypatch.context() as patched:
        patched.setattr(Committer, "_attempt", unknown)
        with pytest.raises(LogError, match="went away"):
            await log.append([event(1)])
    other = await log.reader(TOPICS.events, dict(reader.positions))
    assert [r.headers["n"] for r in await reader.poll(timeout=0)] == ["1"]
    await log.append([event(2)])
    assert [r.headers["n"] for r in await reader.poll()] == ["2"]
    assert [r.headers["n"] for r in await other.poll()] == ["1", "2"]


async def test_what_retention_took_is_out_of_range_and_not_in_memory(log: SqliteLog) -> None:
    reader = await log.reader(TOPICS.events, {0: 0})
    await log.append([event(0)])
    assert len(await reader.poll()) == 1
    behind = await log.reader(TOPICS.events, {0: 0})
    await log.append([event(1)])
    await log.maintain(datetime.now(UTC) + timedelta(days=31))
    with pytest.raises(OutOfRange):
        await behind.poll()


async def test_nothing_is_kept_of_topics_that_nobody_reads(log: SqliteLog) -> None:
    await log.append([event(0)])
    assert log._tail._size == 0
    reader = await log.reader(TOPICS.events, {0: 0})
    await log.append([event(1)])
    assert log._tail._size > 0
    await reader.close()
    await reader.close()
    await log.append([event(2)])
    assert log._tail._size == 0
