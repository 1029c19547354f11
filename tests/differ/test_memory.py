"""What the differ remembers: in RAM only while it is looked at, and what is committed apart from what is not."""

from __future__ import annotations

import asyncio
import gc
import tracemalloc
from collections.abc import AsyncIterator
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import msgspec
import pytest

from deltawire.differ.memory import POSITION, Batch, Hot, Memory, restore
from deltawire.differ.shelf import Shelf, ShelfError
from deltawire.differ.state import FeedState, Known, Policy
from deltawire.log.port import LogError, Outgoing, Record, snapshot
from deltawire.log.sqlite import SqliteLog
from deltawire.log.topics import Topics
from deltawire.model import FeedRef
from deltawire.press.chance import Publisher
from differ.build import START, entry
from support.looks import Looks

TOPICS = Topics("test")
NOW = datetime(2026, 2, 1, tzinfo=UTC)


@pytest.fixture
async def log(tmp_path: Path) -> AsyncIterator[SqliteLog]:
    log = await SqliteLog.open(tmp_path / "log.db", TOPICS, partitions=1, serve=False, maintenance_interval=None)
    yield log
    await log.close()


def remembered(feed_id: str, entries: int, size: int) -> list[Outgoing]:
    """The records of a feed whose entries have texts of that size."""
    feed = FeedRef(id=feed_id, url="https://blog.test/", generation="g")
    state = FeedState(feed=feed, epoch="a", since=START, began_at=START, fetched_at=START)
    values: dict[str, msgspec.Struct] = {feed_id: state}
    for number in range(entries):
        values[f"{feed_id}/e{number}"] = Known(entry=entry(f"e{number}", "x" * size), revision=1)
    return [
        Outgoing(topic=TOPICS.differ_state, key=key, value=msgspec.json.encode(value)) for key, value in values.items()
    ]


def record(out: Outgoing, offset: int) -> Record:
    return Record(topic=out.topic, partition=0, offset=offset, key=out.key, value=out.value, headers={}, timestamp=NOW)


async def looks(*seeds: int, steps: int = 12) -> list[Record]:
    """Looks at as many blogs, in turn."""
    each = [await Looks(TOPICS, f"blog-{n}", Publisher(n, "guardian", noisy=True)).records(steps) for n in seeds]
    return [record(out, offset) for offset, out in enumerate(out for turn in zip(*each, strict=False) for out in turn)]


def spilled() -> int:
    """How many temporary files of SQLite this process has open."""
    links = list(Path("/proc/self/fd").iterdir())
    return sum("etilqs_" in str(link.readlink()) for link in links if link.is_symlink())


async def test_bodies_of_quiet_feeds_are_on_disk_and_not_in_memory(log: SqliteLog) -> None:
    for number in range(50):
        await log.append(remembered(f"quiet-{number}", 10, 20_000))
    await log.append(remembered("other", 1, 10))
    written = sum([len(r.value or b"") async for r in snapshot(log, TOPICS.differ_state)])
    assert written > 10_000_000
    tracemalloc.start()
    try:
        with closing(await restore(log, TOPICS, 0, Hot(written // 3))) as memory:
            gc.collect()
            assert tracemalloc.get_traced_memory()[0] < written / 20
            assert spilled() == 1
            for number in range(50):
                assert len(memory.recall(f"quiet-{number}").entries) == 10
            gc.collect()
            # A recalled feed takes its text twice (as text and as HTML), once encoded.
            assert tracemalloc.get_traced_memory()[0] < written
            assert len(memory.feeds()) == 51
    finally:
        tracemalloc.stop()
    assert spilled() == 0


def test_feeds_that_were_looked_at_last_stay_decoded_within_the_bound_of_all_partitions() -> None:
    hot = Hot(25_000)
    with closing(Memory(hot)) as memory, closing(Memory(hot)) as other:
        for name in ("a", "b"):
            memory.apply([record(out, 0) for out in remembered(name, 2, 2_500)])
        other.apply([record(out, 0) for out in remembered("c", 2, 2_500)])
        first, second = memory.recall("a"), memory.recall("b")
        assert memory.recall("a") is first
        other.recall("c")
        assert memory.recall("a") is first
        again = memory.recall("b")
        assert again is not second
        assert again == second


def test_a_memory_that_is_closed_leaves_its_room_to_the_others() -> None:
    hot = Hot(25_000)
    with closing(Memory(hot)) as memory:
        memory.apply([record(out, 0) for name in ("a", "b") for out in remembered(name, 2, 2_500)])
        first = memory.recall("a")
        with closing(Memory(hot)) as other:
            other.apply([record(out, 0) for out in remembered("c", 2, 2_500)])
            other.recall("c")
        memory.recall("b")
        assert memory.recall("a") is first


def test_a_feed_that_is_larger_than_the_bound_stays_while_it_is_the_last() -> None:
    with closing(Memory(Hot(10))) as memory:
        memory.apply([record(out, 0) for name in ("a", "b") for out in remembered(name, 2, 100)])
        first = memory.recall("a")
        assert memory.recall("a") is first
        memory.recall("b")
        assert memory.recall("a") is not first


async def test_a_batch_ends_with_the_feed_that_fills_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("deltawire.differ.memory.BATCH_BYTES", 10_000)
    observations = await looks(1, 2, 3, steps=1)
    with closing(Memory()) as memory:
        memory.apply([record(out, 0) for out in remembered("blog-2", 2, 5_000)])
        batch = Batch(memory, TOPICS, "urn:test", Policy())
        assert batch.add_all(observations, NOW) == 2
        batch.records(0, 2)
        batch.settle(2)
        assert memory.recall("blog-1").state is not None
        assert memory.recall("blog-3").state is None


@pytest.mark.parametrize("hot_bytes", [1, 50_000, 2**30])
async def test_what_is_kept_hot_what_is_recalled_and_what_is_restored_are_the_same(
    log: SqliteLog, hot_bytes: int
) -> None:
    observations = await looks(1, 2, 3)
    with closing(Memory(Hot(hot_bytes))) as memory:
        for start in range(0, len(observations), 5):
            batch = Batch(memory, TOPICS, "urn:test", Policy(max_entries=30))
            batch.add_all(observations[start : start + 5], NOW)
            position = start + 5
            await log.append([out for out in batch.records(0, position) if out.topic == TOPICS.differ_state])
            # Another batch on the same memory that is never committed: it must leave nothing behind.
            doomed = Batch(memory, TOPICS, "urn:test", Policy(max_entries=3))
            doomed.add_all(observations[start : start + 9], NOW)
            doomed.records(0, position)
            batch.settle(position)
        with closing(await restore(log, TOPICS, 0)) as restored:
            assert memory.feeds() == restored.feeds() == ["blog-1", "blog-2", "blog-3"]
            for feed_id in memory.feeds():
                ours, theirs = memory.recall(feed_id), restored.recall(feed_id)
                assert ours == theirs
                assert len(ours.entries) > 3
            assert memory.position == position


async def test_memory_that_cannot_be_read_stops_its_feed_loudly_and_no_restart(log: SqliteLog) -> None:
    (look, *_) = await looks(1)
    await log.append(
        [
            *remembered("well", 2, 10),
            *remembered("blog-1", 2, 10),
            Outgoing(topic=TOPICS.differ_state, key="blog-1/e1", value=b'{"entry": "of a later version"}'),
            Outgoing(topic=TOPICS.differ_state, key=POSITION, value=b"0", partition=0),
        ]
    )
    with closing(await restore(log, TOPICS, 0)) as memory:
        assert len(memory.recall("well").entries) == 2
        batch = Batch(memory, TOPICS, "urn:test", Policy())
        with pytest.raises(LogError, match=r"memory of blog-1/e1 cannot be read .*run the version"):
            batch.add(look, NOW)
        assert batch.skips.letters == []


def test_a_shelf_keeps_apart_what_only_begins_alike() -> None:
    with closing(Shelf()) as shelf:
        shelf.put({"a/2": b"22", "a/1": b"1", "a-b/1": b"x", "a0/1": b"y", "a": b"z"})
        shelf.put({"a/1": None, "a/2": b"2", "a/3": b"333"})
        assert shelf.under("a") == [("a/2", b"2"), ("a/3", b"333")]
        assert (shelf.get("a"), shelf.get("a/1")) == (b"z", None)


async def test_a_shelf_that_is_closed_while_a_thread_uses_it_raises_there() -> None:
    shelf = Shelf()
    shelf.put({f"a/{number}": bytes(10_000) for number in range(200)})
    started = asyncio.Event()
    loop = asyncio.get_running_loop()

    def use() -> None:
        while True:
            shelf.under("a")
            loop.call_soon_threadsafe(started.set)

    using = asyncio.ensure_future(asyncio.to_thread(use))
    await started.wait()
    shelf.close()
    with pytest.raises(ShelfError, match="TMPDIR"):
        await asyncio.wait_for(using, 60)
