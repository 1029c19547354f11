"""What every engine of the log must do: its test module subclasses ``LogContract`` and gives ``make_engine``."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Protocol

import pytest

from deltawire.log.dead_letters import dead_letter
from deltawire.log.kafka_topics import MAX_RECORD
from deltawire.log.partitioner import partition_for_key
from deltawire.log.port import Fenced, Log, LogError, Outgoing, OutOfRange, Reader, Record, Writer, snapshot
from deltawire.log.topics import Topics
from support.kafka_log import FILLER

DEADLINE = 120.0


class Engine(Protocol):
    """One log under test. ``topics`` are its own: a fresh prefix, or a fresh file."""

    topics: Topics

    async def open(self) -> Log:
        """Open the log, again after it was closed: what it holds stays."""

    async def force_retention(self, log: Log) -> None:
        """Afterwards every record that was in a topic with retention is gone."""

    async def force_compaction(self, log: Log) -> None:
        """Afterwards compaction has seen all records, and removed the tombstones except those with the key FILLER."""


def out(topic: str, key: str | None, value: bytes | None = b"v", **more: str | int) -> Outgoing:
    return Outgoing(topic=topic, key=key, value=value, **more)  # type: ignore[arg-type]


async def everything(log: Log, topic: str) -> list[Record]:
    async with asyncio.timeout(DEADLINE):
        return [record async for record in snapshot(log, topic)]


async def take(reader: Reader, count: int) -> list[Record]:
    """The next ``count`` records, however many polls it takes."""
    records: list[Record] = []
    async with asyncio.timeout(DEADLINE):
        while len(records) < count:
            records += await reader.poll(max_records=count - len(records))
    return records


async def from_the_start(log: Log, topic: str) -> Reader:
    return await log.reader(topic, {p: start for p, (start, _) in (await log.bounds(topic)).items()})


async def reopened(log: Log, name: str) -> Writer:
    """Kafka may refuse a new writer (InvalidProducerEpoch) while it still ends what the last of its name left."""
    async with asyncio.timeout(DEADLINE):
        while True:
            with suppress(LogError):
                return await log.writer(name)
            await asyncio.sleep(0.01)


async def until(holds: Callable[[], Awaitable[bool]]) -> None:
    """Wait for something that shows in no event."""
    async with asyncio.timeout(DEADLINE):
        while not await holds():  # noqa: ASYNC110
            await asyncio.sleep(0.002)


class LogContract:
    @pytest.fixture
    def make_engine(self) -> Callable[[], Engine]:
        raise NotImplementedError

    @pytest.fixture
    def engine(self, make_engine: Callable[[], Engine]) -> Engine:
        return make_engine()

    @pytest.fixture
    async def log(self, engine: Engine) -> AsyncIterator[Log]:
        log = await engine.open()
        yield log
        await log.close()

    async def test_a_record_comes_back_as_it_was_written(self, log: Log, engine: Engine) -> None:
        topic = engine.topics.events
        before = datetime.now(UTC)
        await log.append(
            [
                Outgoing(topic=topic, key="schlüssel/1", value=b"\x00\xff", headers={"ce_type": "ä", "empty": ""}),
                Outgoing(topic=topic, key="schlüssel/1", value=None),
                Outgoing(topic=topic, key="schlüssel/1", value=b""),
                Outgoing(topic=topic, key=None, value=b"no key", partition=0),
            ]
        )
        records = sorted(await everything(log, topic), key=lambda r: r.value or b"")
        assert {(r.key, r.value, tuple(r.headers.items())) for r in records} == {
            ("schlüssel/1", b"\x00\xff", (("ce_type", "ä"), ("empty", ""))),
            ("schlüssel/1", None, ()),
            ("schlüssel/1", b"", ()),
            (None, b"no key", ()),
        }
        for record in records:
            assert record.topic == topic
            assert abs(record.timestamp - before) < timedelta(minutes=1)
            assert record.timestamp.tzinfo is not None

    async def test_values_of_4_mib_come_back(self, log: Log, engine: Engine) -> None:
        values = [bytes([n]) * (4 * 1024 * 1024) for n in range(6)]
        for value in values:
            await log.append([out(engine.topics.observations, "big", value)])
        assert [r.value for r in await everything(log, engine.topics.observations)] == values

    async def test_the_largest_record_fits_into_the_dead_letters(self, log: Log, engine: Engine) -> None:
        topics = engine.topics
        value = random.Random(1).randbytes(MAX_RECORD - len("big"))  # does not compress
        await log.append([out(topics.observations, "big", value)])
        (record,) = await everything(log, topics.observations)
        error = ValueError("\U0001f30a" * 1000)
        await log.append([dead_letter(topics, record, "differ", error, record.timestamp)])
        (letter,) = await everything(log, topics.dead_letters)
        assert (letter.key, letter.value) == ("big", value)
        assert letter.headers["dlq.error.message"] == "\U0001f30a" * 500

    async def test_the_key_chooses_kafkas_partition(self, log: Log, engine: Engine) -> None:
        topic = engine.topics.events
        count = len(await log.bounds(topic))
        keys = [f"feed-{n}" for n in range(40)]
        await log.append([out(topic, key) for key in keys])
        records = await everything(log, topic)
        assert {r.key: r.partition for r in records} == {key: partition_for_key(key, count) for key in keys}

    async def test_partition_key_and_partition_take_precedence(self, log: Log, engine: Engine) -> None:
        topic = engine.topics.entries
        count = len(await log.bounds(topic))
        await log.append(
            [out(topic, f"feed-1/{n}", partition_key="feed-1") for n in range(20)]
            + [out(topic, f"feed-2/{n}", partition_key="feed-1", partition=count - 1) for n in range(20)]
        )
        partitions = {(r.key or "").partition("/")[0]: r.partition for r in await everything(log, topic)}
        assert partitions == {"feed-1": partition_for_key("feed-1", count), "feed-2": count - 1}

    async def test_a_partition_keeps_the_order_and_positions_follow_offsets(self, log: Log, engine: Engine) -> None:
        topic = engine.topics.events
        writer = await log.writer("w")
        for n in range(0, 30, 3):
            await writer.commit([out(topic, "feed", b"%d" % (n + i)) for i in range(3)])
        partition = (await everything(log, topic))[0].partition
        reader = await log.reader(topic, {partition: 0})
        first = await take(reader, 11)
        assert reader.positions == {partition: first[-1].offset + 1}
        rest = await take(await log.reader(topic, {partition: first[-1].offset + 1}), 19)
        assert [r.value for r in first + rest] == [b"%d" % n for n in range(30)]
        offsets = [r.offset for r in first + rest]
        assert offsets == sorted(set(offsets))
        assert (await log.bounds(topic))[partition][1] > offsets[-1]

    async def test_the_offsets_that_append_tells_are_where_the_records_stand(self, log: Log, engine: Engine) -> None:
        topics = engine.topics
        told = []
        for n in range(4):
            records = [
                out(topics.events, "feed", b"%d" % n),
                out(topics.entries, "a"),
                out(topics.events, "feed", b"-"),
            ]
            told.append(await log.append(records))
        found = await everything(log, topics.events)
        entries = await everything(log, topics.entries)
        expected = [[found[2 * n].offset, entries[n].offset, found[2 * n + 1].offset] for n in range(4)]
        assert told in ([None] * 4, expected)

    async def test_what_cannot_be_written_is_refused_whole(self, log: Log, engine: Engine) -> None:
        good = out(engine.topics.events, "feed")
        count = len(await log.bounds(engine.topics.events))
        writer = await log.writer("w")
        for bad, says in (
            (out("deltawire.nothing.v1", "k"), "deltawire.nothing.v1"),
            (out(engine.topics.entries, None), "key"),
            (out(engine.topics.events, "k", partition=count), "partition"),
        ):
            with pytest.raises(LogError, match=says):
                await log.append([good, bad])
            with pytest.raises(LogError, match=says):
                await writer.commit([good, bad])
        assert await everything(log, engine.topics.events) == []
        await writer.commit([good])
        assert len(await everything(log, engine.topics.events)) == 1

    async def test_unknown_topics_and_partitions_cannot_be_read(self, log: Log, engine: Engine) -> None:
        with pytest.raises(LogError, match=r"deltawire\.nothing\.v1"):
            await log.bounds("deltawire.nothing.v1")
        with pytest.raises(LogError, match=r"deltawire\.nothing\.v1"):
            await log.reader("deltawire.nothing.v1", {0: 0})
        with pytest.raises(LogError, match="99"):
            await log.reader(engine.topics.events, {99: 0})

    async def test_a_new_writer_fences_the_old_one_of_its_name(self, log: Log, engine: Engine) -> None:
        topic = engine.topics.events
        old, other = await log.writer("differ-0"), await log.writer("differ-1")
        await old.commit([out(topic, "feed", b"old")])
        new = await log.writer("differ-0")
        for _ in range(2):
            with pytest.raises(Fenced):
                await old.commit([out(topic, "feed", b"zombie")])
        await new.commit([out(topic, "feed", b"new")])
        await other.commit([out(topic, "feed", b"other")])
        assert [r.value for r in await everything(log, topic)] == [b"old", b"new", b"other"]

    async def test_fencing_outlives_the_process(self, log: Log, engine: Engine) -> None:
        topic = engine.topics.events
        await (await log.writer("w")).commit([out(topic, "feed", b"1")])
        await log.close()
        again = await engine.open()
        await (await again.writer("w")).commit([out(topic, "feed", b"2")])
        assert [r.value for r in await everything(again, topic)] == [b"1", b"2"]
        await again.close()

    async def test_no_reader_sees_half_of_a_commit(self, log: Log, engine: Engine) -> None:
        events, entries = engine.topics.events, engine.topics.entries
        commits, width = 0, 7
        looks = 0

        async def write() -> None:
            nonlocal commits
            writer = await log.writer("w")
            # On a slow machine until somebody has looked in the middle of it.
            while commits < 60 or not looks:
                n, commits = commits, commits + 1
                await writer.commit(
                    [out(events, "feed", b"%d" % n) for _ in range(width)] + [out(entries, "feed", b"%d" % n)]
                )

        writing = asyncio.create_task(write())
        while not writing.done():
            seen = [int(r.value or b"") for r in await everything(log, events)]
            states = [int(r.value or b"") for r in await everything(log, entries)]
            assert len(seen) % width == 0
            assert len(states) == len(set(states))
            looks += bool(seen)
        await writing
        assert looks
        assert len(await everything(log, events)) == commits * width

    async def test_commits_side_by_side_all_arrive(self, log: Log, engine: Engine) -> None:
        topic = engine.topics.events

        async def write(name: int) -> None:
            writer = await log.writer(f"w{name}")
            for n in range(20):
                await writer.commit([out(topic, f"feed-{name}", b"%d" % n), out(topic, f"feed-{name}", b"%d+" % n)])

        await asyncio.gather(*(write(name) for name in range(10)))
        records = await everything(log, topic)
        for name in range(10):
            mine = [r.value for r in records if r.key == f"feed-{name}"]
            assert mine == [b"%d%s" % (n, mark) for n in range(20) for mark in (b"", b"+")]

    async def test_a_cancelled_commit_is_whole_or_absent(self, log: Log, engine: Engine) -> None:
        topic = engine.topics.events
        for n in range(20):
            writer = await reopened(log, "w")
            task = asyncio.create_task(writer.commit([out(topic, "feed", b"%d" % n)] * 3))
            for _ in range(n % 5):
                await asyncio.sleep(0)
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
        await (await reopened(log, "w")).commit([out(topic, "feed", b"end")] * 3)
        values = [r.value for r in await everything(log, topic)]
        assert values[::3] == values[1::3] == values[2::3]
        assert values[-1] == b"end"
        assert len(values[::3]) == len(set(values))

    async def test_readers_keep_their_own_positions(self, log: Log, engine: Engine) -> None:
        topic = engine.topics.events
        await log.append([out(topic, "feed", b"%d" % n) for n in range(10)])
        one, two = await from_the_start(log, topic), await from_the_start(log, topic)
        assert [r.value for r in await take(one, 10)] == [b"%d" % n for n in range(10)]
        assert [r.value for r in await take(two, 4)] == [b"0", b"1", b"2", b"3"]
        await two.close()
        await log.append([out(topic, "feed", b"10")])
        assert [r.value for r in await take(one, 1)] == [b"10"]

    async def test_one_reader_reads_all_partitions(self, log: Log, engine: Engine) -> None:
        topic = engine.topics.events
        count = len(await log.bounds(topic))
        for n in range(12):
            await log.append([out(topic, "k", b"%d" % n, partition=n % count)])
        reader = await from_the_start(log, topic)
        records = await take(reader, 12)
        for partition in range(count):
            assert [r.value for r in records if r.partition == partition] == [
                b"%d" % n for n in range(12) if n % count == partition
            ]

    async def test_a_waiting_reader_wakes_at_once_and_misses_nothing(self, log: Log, engine: Engine) -> None:
        topic = engine.topics.events
        reader = await from_the_start(log, topic)

        async def follow() -> list[bytes | None]:
            seen: list[bytes | None] = []
            while len(seen) < 200:
                seen += [r.value for r in await reader.poll(timeout=DEADLINE)]
            return seen

        async with asyncio.timeout(DEADLINE):  # one lost wake-up alone takes that long
            following = asyncio.create_task(follow())
            for n in range(200):
                await log.append([out(topic, "feed", b"%d" % n)])
                for _ in range(n % 7):
                    await asyncio.sleep(0)
            assert await following == [b"%d" % n for n in range(200)]

    async def test_a_poll_with_nothing_to_read_ends(self, log: Log, engine: Engine) -> None:
        reader = await from_the_start(log, engine.topics.events)
        assert await reader.poll(timeout=0) == []
        assert await reader.poll(timeout=0.05) == []

    async def test_a_snapshot_ends_where_the_end_was(self, log: Log, engine: Engine) -> None:
        topic = engine.topics.differ_state
        assert await everything(log, topic) == []
        await log.append([out(topic, "feed", b"%d" % n) for n in range(5)])
        seen = []
        async for record in snapshot(log, topic):
            seen.append(record.value)
            await log.append([out(topic, "feed", b"later")])
        assert seen == [b"%d" % n for n in range(5)]

    async def test_compaction_keeps_the_last_of_each_key(self, log: Log, engine: Engine) -> None:
        topic = engine.topics.entries
        reader = await from_the_start(log, topic)
        for n in range(30):
            await log.append([out(topic, f"k{n % 3}", b"%d" % n)])
        early = await take(reader, 2)
        await log.append([out(topic, "k0", None), out(topic, "k3", b"30"), out(topic, "k4", None)])
        before = await log.bounds(topic)

        await engine.force_compaction(log)

        kept = {r.key: r.value for r in await everything(log, topic) if r.value is not None}
        assert kept == {"k1": b"28", "k2": b"29", "k3": b"30"}
        ends = {p: end for p, (_, end) in (await log.bounds(topic)).items()}
        assert all(ends[p] >= end for p, (_, end) in before.items())
        # The holes it leaves are no loss to a reader in the middle of them.
        seen = {r.key: r.value for r in early}
        async with asyncio.timeout(DEADLINE):
            while dict(reader.positions) != ends:
                seen |= {r.key: r.value for r in await reader.poll()}
        assert {key: seen[key] for key in kept} == kept
        await log.append([out(topic, "k0", b"back")])
        left = {r.key: r.value for r in await everything(log, topic) if r.key != FILLER}
        assert left == kept | {"k0": b"back"}

    async def test_retention_moves_the_start_and_offsets_go_on(self, log: Log, engine: Engine) -> None:
        topic = engine.topics.events
        await log.append([out(topic, "feed", b"%d" % n) for n in range(10)])
        partition = (await everything(log, topic))[0].partition
        _, end = (await log.bounds(topic))[partition]

        await engine.force_retention(log)

        assert (await log.bounds(topic))[partition] == (end, end)
        assert await everything(log, topic) == []
        stale = await log.reader(topic, {partition: 3})
        with pytest.raises(OutOfRange):
            await take(stale, 1)
        await log.append([out(topic, "feed", b"new")])
        (record,) = await everything(log, topic)
        assert record.offset >= end

    async def test_a_position_beyond_the_end_is_out_of_range(self, log: Log, engine: Engine) -> None:
        _, end = (await log.bounds(engine.topics.events))[0]
        reader = await log.reader(engine.topics.events, {0: end + 5})
        with pytest.raises(OutOfRange):
            await take(reader, 1)

    async def test_what_was_written_is_there_after_a_restart(self, log: Log, engine: Engine) -> None:
        await log.append([out(engine.topics.events, "feed", b"%d" % n) for n in range(5)])
        bounds = await log.bounds(engine.topics.events)
        await log.close()
        await log.close()
        again = await engine.open()
        assert await again.bounds(engine.topics.events) == bounds
        assert [r.value for r in await everything(again, engine.topics.events)] == [b"%d" % n for n in range(5)]
        await again.close()

    async def test_a_sole_member_gets_every_partition(self, log: Log, engine: Engine) -> None:
        topic = engine.topics.observations
        async with asyncio.timeout(DEADLINE), log.member("differ", topic) as membership:
            assignment = await membership.changed()
            assert assignment.partitions == (await log.bounds(topic)).keys()
            assert assignment.generation >= 1
