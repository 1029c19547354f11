"""What only the SQLite engine promises: maintenance, group commit, full disks, closing."""

from __future__ import annotations

import asyncio
import sqlite3
import threading
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from deltawire.log import sqlite_maintenance, sqlite_rows
from deltawire.log.port import Fenced, Log, LogError, OutcomeUnknown, OutOfRange
from deltawire.log.sqlite import SqliteLog
from deltawire.log.topics import Topics
from log.contract import everything, out, until

TOPICS = Topics()
NOW = datetime(2025, 11, 25, 12, 0, tzinfo=UTC)


class Clock:
    def __init__(self) -> None:
        self.now = NOW

    def __call__(self) -> datetime:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "new" / "log.db"


@pytest.fixture
async def log(path: Path, clock: Clock) -> AsyncIterator[SqliteLog]:
    log = await SqliteLog.open(path, TOPICS, now=clock, maintenance_interval=None, serve=False)
    yield log
    await log.close()


async def values(log: Log, topic: str) -> list[bytes | None]:
    return [record.value for record in await everything(log, topic)]


async def test_retention_goes_by_the_age_of_each_record(log: SqliteLog, clock: Clock) -> None:
    for day in range(5):
        clock.now = NOW + timedelta(days=day)
        await log.append([out(TOPICS.observations, "feed", b"%d" % day), out(TOPICS.events, "feed", b"%d" % day)])
    await log.maintain(clock.now)
    assert await values(log, TOPICS.observations) == [b"1", b"2", b"3", b"4"]
    await log.maintain(clock.now + timedelta(milliseconds=1))
    assert await values(log, TOPICS.observations) == [b"2", b"3", b"4"]
    assert await values(log, TOPICS.events) == [b"0", b"1", b"2", b"3", b"4"]


async def test_a_tombstone_stays_for_a_day_and_what_it_deleted_does_not(log: SqliteLog, clock: Clock) -> None:
    await log.append([out(TOPICS.entries, "gone", b"1"), out(TOPICS.entries, "kept", b"2")])
    await log.append([out(TOPICS.entries, "gone", None)])
    await log.maintain(NOW + timedelta(days=1))
    assert await values(log, TOPICS.entries) == [b"2", None]
    await log.maintain(NOW + timedelta(days=1, milliseconds=1))
    assert await values(log, TOPICS.entries) == [b"2"]
    await log.maintain(NOW + timedelta(days=1000))
    assert await values(log, TOPICS.entries) == [b"2"]


async def test_offsets_are_not_given_again_when_the_tail_is_gone(path: Path, log: SqliteLog, clock: Clock) -> None:
    await log.append([out(TOPICS.entries, "gone", None)])
    await log.maintain(NOW + timedelta(days=2))
    await log.close()
    again = await SqliteLog.open(path, TOPICS, maintenance_interval=None, serve=False)
    await again.append([out(TOPICS.entries, "next")])
    assert [r.offset for r in await everything(again, TOPICS.entries)] == [1]
    await again.close()


async def test_compaction_leaves_the_ends_where_they_were(log: SqliteLog) -> None:
    # Kafka never compacts the newest records, so there something must be written after them.
    await log.append([out(TOPICS.entries, "a", b"1"), out(TOPICS.entries, "a", b"2"), out(TOPICS.entries, "b", None)])
    bounds = await log.bounds(TOPICS.entries)
    await log.maintain(NOW + timedelta(days=2))
    assert [end for _, end in (await log.bounds(TOPICS.entries)).values()] == [end for _, end in bounds.values()]
    assert await values(log, TOPICS.entries) == [b"2"]


async def test_a_reader_in_the_middle_learns_that_retention_went_past_it(log: SqliteLog) -> None:
    # A Kafka consumer hands out what it had fetched by then, which is no loss either.
    await log.append([out(TOPICS.events, "feed", b"%d" % n) for n in range(10)])
    reader = await log.reader(TOPICS.events, {0: 0})
    assert len(await reader.poll(max_records=3)) == 3
    await log.maintain(NOW + timedelta(days=31))
    with pytest.raises(OutOfRange):
        await reader.poll()


async def test_a_commit_shows_in_all_topics_at_once(log: SqliteLog) -> None:
    # On Kafka each partition shows it by itself, a moment apart.
    looks = 0

    async def write() -> None:
        writer = await log.writer("w")
        n = 0
        # On a slow machine until somebody has looked in the middle of it.
        while n < 60 or not looks:
            await writer.commit([out(TOPICS.events, "feed", b"%d" % n), out(TOPICS.entries, "feed", b"%d" % n)])
            n += 1

    writing = asyncio.create_task(write())
    while not writing.done():
        seen = [int(value or b"") for value in await values(log, TOPICS.events)]
        states = [int(value or b"") for value in await values(log, TOPICS.entries)]
        assert max(seen, default=-1) <= max(states, default=-1)
        looks += bool(seen)
    await writing
    assert looks


@pytest.mark.parametrize("name", ["observations", "entries"])
async def test_maintenance_works_in_steps_with_commits_between_them(log: SqliteLog, name: str) -> None:
    topic = TOPICS.table[name].name
    await log.append([out(topic, f"k{n % 7}", b"%d" % n) for n in range(5 * sqlite_maintenance.STEP_RECORDS)])
    maintaining = asyncio.create_task(log.maintain(NOW + timedelta(days=4)))
    between = 0
    while not maintaining.done():
        await log.append([out(TOPICS.feeds, "f")])
        between += not maintaining.done()
    await maintaining
    assert between >= 3
    left = await everything(log, topic)
    assert len(left) == (0 if name == "observations" else 7)


async def test_large_values_make_smaller_steps(log: SqliteLog) -> None:
    value = bytes(sqlite_maintenance.STEP_BYTES // 2)
    await log.append([out(TOPICS.observations, "k", value) for _ in range(7)])
    stream = log._streams[TOPICS.observations, 0].id
    before = sqlite_rows.to_milliseconds(NOW) + 1
    starts, more = [], True
    while more:
        more = await log._committer.submit(lambda c: sqlite_maintenance.retire(c, stream, before))
        starts.append((await log.bounds(TOPICS.observations))[0][0])
    assert starts == [2, 4, 6, 7]


async def test_a_step_of_shrinking_gives_back_many_pages(log: SqliteLog) -> None:
    def free(connection: sqlite3.Connection) -> int:
        return int(connection.execute("PRAGMA freelist_count").fetchone()[0])

    await log.append([out(TOPICS.observations, "k", bytes(1024 * 1024)) for _ in range(16)])
    await log._committer.submit(lambda c: c.execute("DELETE FROM records"))
    before = await log._committer.submit(free)
    await log._committer.submit(sqlite_maintenance.shrink)
    assert before - await log._committer.submit(free) == sqlite_maintenance.STEP_PAGES


def size(path: Path) -> int:
    return path.stat().st_size


async def test_the_file_shrinks_when_its_records_are_gone(log: SqliteLog, path: Path) -> None:
    await log.append([out(TOPICS.observations, "k", bytes(1024 * 1024)) for _ in range(24)])
    await log.append([out(TOPICS.observations, "k")])
    full = size(path)
    await log.maintain(NOW + timedelta(days=4))
    await log.close()
    assert full > 20 * 1024 * 1024
    assert size(path) < 10 * 1024 * 1024


async def test_the_indexes_serve_compaction(log: SqliteLog) -> None:
    def plan(connection: sqlite3.Connection) -> str:
        rows = connection.execute("EXPLAIN QUERY PLAN DELETE FROM records WHERE keyspace = 1 AND key = 'k' AND id < 9")
        more = connection.execute(
            "EXPLAIN QUERY PLAN SELECT id FROM records"
            " WHERE keyspace = 1 AND value IS NULL AND timestamp < 9 AND id < 9"
        )
        return "".join(row[3] for row in [*rows, *more])

    text = await log._committer.submit(plan)
    assert "records_by_key (keyspace=? AND key=? AND rowid<?)" in text
    assert "tombstones (keyspace=? AND timestamp<?)" in text


async def test_maintenance_runs_by_itself_and_outlives_an_error(path: Path, clock: Clock) -> None:
    log = await SqliteLog.open(path, TOPICS, now=clock, maintenance_interval=0.001, serve=False)
    await log.append([out(TOPICS.observations, "k")])
    await log._committer.submit(lambda c: c.execute("ALTER TABLE records RENAME TO elsewhere"))
    with pytest.raises(LogError, match="records"):
        await log.maintain(NOW)
    await log._committer.submit(lambda c: c.execute("ALTER TABLE elsewhere RENAME TO records"))
    clock.now = NOW + timedelta(days=4)

    async def is_gone() -> bool:
        return (await log.bounds(TOPICS.observations))[0] == (1, 1)

    await until(is_gone)
    await log.close()


async def test_a_full_disk_fails_who_needs_room_and_nobody_else(log: SqliteLog) -> None:
    await log.append([out(TOPICS.events, "feed", b"before")])

    def limit(connection: sqlite3.Connection, pages: int) -> None:
        connection.execute(f"PRAGMA max_page_count = {pages}")

    (pages,) = await log._committer.submit(lambda c: c.execute("PRAGMA page_count").fetchone())
    await log._committer.submit(lambda c: limit(c, pages + 20))
    results = await asyncio.gather(
        *(log.append([out(TOPICS.events, "feed", b"small")]) for _ in range(5)),
        log.append([out(TOPICS.events, "feed", b"small"), out(TOPICS.events, "feed", bytes(8192 * 100))]),
        *(log.append([out(TOPICS.events, "feed", b"small")]) for _ in range(5)),
        return_exceptions=True,
    )
    assert [type(r) for r in results] == [list] * 5 + [LogError] + [list] * 5
    assert "disk" in str(results[5])
    assert await values(log, TOPICS.events) == [b"before"] + [b"small"] * 10
    await log._committer.submit(lambda c: limit(c, 1_000_000))
    await log.append([out(TOPICS.events, "feed", bytes(8192 * 100))])


async def test_one_bad_caller_does_not_fail_those_it_was_grouped_with(log: SqliteLog) -> None:
    topic = TOPICS.events
    zombie = await log.writer("w")
    writer = await log.writer("w")
    hold = threading.Event()
    held = asyncio.create_task(log._committer.submit(lambda _: hold.wait(60)))
    results = asyncio.gather(
        log.append([out(topic, "k", b"1")]),
        zombie.commit([out(topic, "k", b"zombie")]),
        writer.commit([out(topic, "k", b"2")]),
        return_exceptions=True,
    )
    await asyncio.sleep(0)
    hold.set()
    await held
    assert [type(r) for r in await results] == [list, Fenced, type(None)]
    assert await values(log, topic) == [b"1", b"2"]


async def test_what_a_failing_caller_wrote_is_undone_alone(log: SqliteLog) -> None:
    def write_and_fail(connection: sqlite3.Connection) -> None:
        rows = sqlite_rows.to_rows([out(TOPICS.events, "k", b"half")], log._streams, 1, NOW)
        sqlite_rows.write(connection, rows, 0)
        raise LogError("on second thoughts")

    results = await asyncio.gather(
        log.append([out(TOPICS.events, "k", b"1")]),
        log._committer.submit(write_and_fail),
        log.append([out(TOPICS.events, "k", b"2")]),
        return_exceptions=True,
    )
    assert [str(r) for r in results] == ["[0]", "on second thoughts", "[1]"]
    assert [(r.offset, r.value) for r in await everything(log, TOPICS.events)] == [(0, b"1"), (1, b"2")]


async def test_the_writer_thread_survives_what_it_does_not_expect(log: SqliteLog) -> None:
    with pytest.raises(OutcomeUnknown):
        await log._committer.submit(lambda c: c.execute("RELEASE job"))
    await log.append([out(TOPICS.events, "k", b"1")])
    assert await values(log, TOPICS.events) == [b"1"]


async def test_close_waits_for_the_commits_under_way(path: Path, log: SqliteLog) -> None:
    commits = [asyncio.create_task(log.append([out(TOPICS.events, "k", b"%d" % n)])) for n in range(50)]
    await asyncio.sleep(0)
    await asyncio.gather(log.close(), log.close(), *commits)
    again = await SqliteLog.open(path, TOPICS, maintenance_interval=None, serve=False)
    assert len(await everything(again, TOPICS.events)) == 50
    await again.close()


async def test_a_closed_log_says_so_to_everybody(log: SqliteLog) -> None:
    writer = await log.writer("w")
    reader = await log.reader(TOPICS.events, {0: 0})
    waiting = asyncio.create_task(reader.poll(timeout=600))
    async with asyncio.timeout(60):
        await asyncio.sleep(0.05)
        await log.close()
        with pytest.raises(LogError, match="closed"):
            await waiting
    for call in (log.append([]), writer.commit([]), log.writer("x"), log.bounds(TOPICS.events), log.maintain(NOW)):
        with pytest.raises(LogError, match="closed"):
            await call


async def test_a_read_stops_at_16_mib_of_values(log: SqliteLog) -> None:
    await log.append([out(TOPICS.observations, "k", bytes(4 * 1024 * 1024)) for _ in range(9)])
    reader = await log.reader(TOPICS.observations, {0: 0})
    assert [len(await reader.poll()) for _ in range(3)] == [4, 4, 1]


async def test_a_poll_moves_over_holes_at_the_end_without_waiting(path: Path) -> None:
    log = await SqliteLog.open(path, TOPICS, maintenance_interval=None, serve=False, gap=1)
    await log.append([out(TOPICS.events, "k") for _ in range(3)])
    reader = await log.reader(TOPICS.events, {0: 3})
    async with asyncio.timeout(60):
        assert await reader.poll(timeout=600) == []
    assert reader.positions == {0: 4}
    assert (await log.bounds(TOPICS.events))[0] == (0, 4)
    await log.close()


async def test_partitions_take_turns_in_a_reader(path: Path) -> None:
    log = await SqliteLog.open(path, TOPICS, partitions=2, maintenance_interval=None, serve=False)
    await log.append([out(TOPICS.events, "k", partition=p) for p in (0, 1) for _ in range(50)])
    reader = await log.reader(TOPICS.events, {0: 0, 1: 0})
    seen = {r.partition for _ in range(2) for r in await reader.poll(max_records=5)}
    assert seen == {0, 1}
    await log.close()


async def test_commits_are_synced_to_disk(log: SqliteLog) -> None:
    assert await log._committer.submit(lambda c: c.execute("PRAGMA synchronous").fetchone()) == (2,)
