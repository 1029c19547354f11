"""The differ on documents that are written by what changed in them: it needs nothing but the log."""

from __future__ import annotations

import weakref
from collections.abc import AsyncIterator, Sequence
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest
from structlog.testing import capture_logs

from deltawire import observations
from deltawire.config import DeadLettersConfig
from deltawire.differ import memory, service
from deltawire.differ.memory import Batch, Memory
from deltawire.differ.readback import read_back
from deltawire.differ.state import Policy
from deltawire.log import workers
from deltawire.log.port import Outgoing, Record, snapshot
from deltawire.log.sqlite import SqliteLog
from deltawire.log.topics import Topics
from deltawire.model import Document, Entry, FeedMeta, FeedRef, Reading
from deltawire.observations import Amended, Source, Written
from deltawire.poller import digest
from deltawire.poller.told import draft
from support.flaky_log import FlakyLog
from support.waiting import eventually, running

TOPICS = Topics("test")
START = datetime(2026, 2, 1, tzinfo=UTC)


@pytest.fixture(autouse=True)
def nothing_at_hand(monkeypatch: pytest.MonkeyPatch) -> None:
    class Nothing(weakref.WeakValueDictionary[observations.Place, Entry]):
        def __setitem__(self, place: observations.Place, entry: Entry) -> None:
            pass

    monkeypatch.setattr(observations, "_at_hand", Nothing())


@pytest.fixture
async def log(tmp_path: Path) -> AsyncIterator[SqliteLog]:
    log = await SqliteLog.open(
        tmp_path / "log.db", TOPICS, partitions=1, serve=False, maintenance_interval=None, now=lambda: START
    )
    yield log
    await log.close()


def entry(number: int, text: str = "Fog over the port. ") -> Entry:
    return Entry(
        source_id=f"e{number}",
        content_text=text * 60,
        content_html=f"<p>{text * 60}</p>",
        published_at=START + timedelta(minutes=number),
        published_precision="minute",
    )


def look(feed: str, number: int, entries: Sequence[Entry]) -> Document:
    reading = Reading(format="rss", version=301, feed=FeedMeta(title="Port"), coverage="full", entries=tuple(entries))
    at = START + timedelta(seconds=number)
    return Document(
        poll_id=f"{hash(feed) % 2**64:016x}{number:016x}",
        feed=FeedRef(id=feed, url="https://port.test/"),
        poller="p",
        began_at=at,
        fetched_at=at,
        reading=reading,
        digest=digest.of(reading),
    )


def looks(feed: str) -> list[Document]:
    """A blog of 20 entries; each look shows one more, another one edited, and of the sixth look on one is gone."""
    shown = [entry(number) for number in range(20, 0, -1)]
    found = []
    for number in range(12):
        shown = [entry(21 + number), *shown]
        shown[number + 3] = msgspec.structs.replace(shown[number + 3], title=f"Put right {number}")
        if number == 6:
            del shown[-1]
        found.append(look(feed, number, shown))
    return found


def observed(feed: str, value: bytes) -> Outgoing:
    return Outgoing(topic=TOPICS.observations, key=feed, value=value)


async def write(log: SqliteLog, *each: list[Document]) -> None:
    """The looks of several feeds, in turn."""
    told: dict[str, Any] = {}
    for turn in zip(*each, strict=True):
        for seen in turn:
            drafted = draft(seen, told.get(seen.feed.id))
            (offset,) = await log.append([observed(seen.feed.id, drafted.value)])
            told[seen.feed.id] = drafted.written(offset)


async def everything(log: SqliteLog, topic: str) -> list[Record]:
    return [record async for record in snapshot(log, topic)]


def events_of(records: Sequence[Record]) -> list[tuple[str, bytes]]:
    """Ids and contents, without what is the same for all."""
    return [(record.headers["ce_id"], record.value or b"") for record in records]


def record(value: bytes, offset: int = 0) -> Record:
    return Record(
        topic=TOPICS.observations, partition=0, offset=offset, key="port", value=value, headers={}, timestamp=START
    )


def said(each: Sequence[Document]) -> list[tuple[str, bytes]]:
    """The events of documents that are written whole."""
    with closing(Memory()) as known:
        batch = Batch(known, TOPICS, "urn:test", Policy())
        for seen in each:
            batch.add(record(msgspec.json.encode(seen)), START)
        return [(event.id, event.value()) for event, _ in batch.events]


async def until_read(log: SqliteLog) -> None:
    ends = {p: end for p, (_, end) in (await log.bounds(TOPICS.observations)).items() if end}

    async def read() -> bool:
        positions = {
            record.partition: msgspec.json.decode(record.value or b"0")
            for record in await everything(log, TOPICS.differ_state)
            if record.key == memory.POSITION
        }
        # The last offset of a partition may be a hole: what is read ends before it.
        return all(positions.get(p, 0) >= end - 1 for p, end in ends.items())

    await eventually(read, seconds=120)


@pytest.mark.parametrize("seed", range(2))
async def test_on_a_log_at_its_worst_the_events_are_those_of_whole_documents(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, seed: int
) -> None:
    monkeypatch.setattr(workers, "FIRST_PAUSE", 0.001)
    monkeypatch.setattr(workers, "LONGEST_PAUSE", 0.01)
    monkeypatch.setattr(service, "BATCH", 4)
    each = {name: looks(name) for name in ("port", "pier", "quay")}
    log = await FlakyLog.open(tmp_path / "log.db", TOPICS, seed=seed, revoke_rate=0.01)
    await write(log.inner, *each.values())
    kinds = [
        msgspec.json.decode(r.value or b"", type=Written) for r in await everything(log.inner, TOPICS.observations)
    ]
    assert sum(isinstance(kind, Amended) for kind in kinds) == 30
    differ, other = (running(service.run(log, TOPICS, "urn:test", Policy())) for _ in range(2))
    async with differ, other:
        await until_read(log.inner)
    written = await everything(log.inner, TOPICS.events)
    for name, seen in each.items():
        assert events_of([record for record in written if record.key == name]) == said(seen)
    assert await everything(log.inner, TOPICS.dead_letters) == []
    await log.inner.close()


async def test_what_refers_to_a_look_that_is_no_longer_kept_is_a_gap_and_no_dead_letter(tmp_path: Path) -> None:
    now = START
    log = await SqliteLog.open(tmp_path / "log.db", TOPICS, serve=False, maintenance_interval=None, now=lambda: now)
    (first, *rest) = looks("port")
    drafted = draft(first, None)
    (offset,) = await log.append([observed("port", drafted.value)])
    told = drafted.written(offset)
    now = START + timedelta(minutes=50)
    for seen in rest[:3]:
        drafted = draft(seen, told)
        (offset,) = await log.append([observed("port", drafted.value)])
        told = drafted.written(offset)
    await log.maintain(START + timedelta(days=3, minutes=1))
    assert (await log.bounds(TOPICS.observations))[0] == (1, 4)
    await log.append([observed("port", draft(rest[3], None).value)])
    with capture_logs() as lines:
        async with running(service.run(log, TOPICS, "urn:test", Policy(), limits=DeadLettersConfig(max_consecutive=1))):
            await until_read(log)

            async def told_of() -> bool:
                return any(line["event"] == "differ.gap" for line in lines)

            await eventually(told_of)
    assert [line["lost"] for line in lines if line["event"] == "differ.gap"] == [3]
    assert await everything(log, TOPICS.dead_letters) == []
    assert events_of(await everything(log, TOPICS.events)) == said(rest[3:4])
    await log.close()


async def test_what_refers_to_another_look_than_stands_there_is_a_dead_letter_that_says_so(log: SqliteLog) -> None:
    first, second, third = looks("port")[:3]
    drafted = draft(first, None)
    (offset,) = await log.append([observed("port", drafted.value)])
    strayed = draft(second, drafted.written(offset)).value.replace(first.poll_id.encode(), b"f" * 32)
    await log.append([observed("port", strayed), observed("port", draft(third, None).value)])
    async with running(service.run(log, TOPICS, "urn:test", Policy())):
        await until_read(log)
    (letter,) = await everything(log, TOPICS.dead_letters)
    assert letter.value == strayed
    assert "earlier observations that are not there (offsets 0)" in letter.headers["dlq.error.message"]
    assert events_of(await everything(log, TOPICS.events)) == said([first, third])


async def test_the_dead_letter_of_a_look_holds_the_whole_document(
    log: SqliteLog, monkeypatch: pytest.MonkeyPatch
) -> None:
    def trip(*_: object) -> None:
        raise ZeroDivisionError

    each = looks("port")[:2]
    await write(log, each)
    monkeypatch.setattr(memory, "decide", trip)
    async with running(service.run(log, TOPICS, "urn:test", Policy())):
        await until_read(log)
    letters = await everything(log, TOPICS.dead_letters)
    assert [msgspec.json.decode(letter.value or b"", type=Written) for letter in letters] == each


async def test_reading_back_tells_what_is_gone_from_what_was_never_there(log: SqliteLog) -> None:
    each = looks("port")[:4]
    await write(log, each)
    await log.append([observed("port", b"no look")])
    sources = [Source(offset, each[offset].poll_id) for offset in range(4)]
    others = {Source(0, "f" * 32), Source(4, "f" * 32), Source(5, "f" * 32), Source(99, "f" * 32)}
    read = await read_back(log, TOPICS.observations, 0, {*sources, *others})
    assert read.sources == {*sources, *others}
    assert read.gone == set()
    # One whole, three with what is new and what was edited.
    assert len(read.entries) == 21 + 3 * 2
    await log.maintain(START + timedelta(days=3, minutes=1))
    read = await read_back(log, TOPICS.observations, 0, {*sources, *others})
    assert read.entries == {}
    assert read.gone == {*sources, Source(0, "f" * 32), Source(4, "f" * 32)}


def test_what_is_remembered_has_its_texts_in_common_with_what_is_at_hand(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(observations, "_at_hand", weakref.WeakValueDictionary())
    told, shown = None, looks("port")[:2]
    with closing(Memory()) as memory:
        for offset, seen in enumerate(shown):
            drafted = draft(seen, told)
            told = drafted.written(offset)
            batch = Batch(memory, TOPICS, "urn:test", Policy())
            batch.add(record(drafted.value, offset), START)
            batch.settle(offset + 1)
        texts = {id(entry.content_html) for seen in shown for entry in seen.reading.entries}
        known = memory.recall("port").entries.values()
        assert len(known) == 22
        assert {id(k.entry.content_html) for k in known} <= texts
