"""What the differ does with looks that it cannot process: letters in its own commit, and a fuse."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path

import msgspec
import pytest
from structlog.testing import capture_logs

from deltawire import telemetry
from deltawire.config import DeadLettersConfig
from deltawire.differ import memory, service
from deltawire.differ.memory import Batch, Memory
from deltawire.differ.state import Policy
from deltawire.log import workers
from deltawire.log.fuse import FuseBlown
from deltawire.log.port import Outgoing, Record, snapshot
from deltawire.log.topics import Topics
from deltawire.press.chance import Publisher
from support.flaky_log import FlakyLog
from support.looks import Looks
from support.waiting import eventually, running

TOPICS = Topics("test")
BAD = b'{"kind":"rumour"}'


@pytest.fixture(params=range(3))
async def log(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[FlakyLog]:
    monkeypatch.setattr(workers, "FIRST_PAUSE", 0.001)
    monkeypatch.setattr(workers, "LONGEST_PAUSE", 0.01)
    log = await FlakyLog.open(tmp_path / "log.db", TOPICS, seed=request.param, revoke_rate=0.01)
    yield log
    await log.inner.close()


async def everything(log: FlakyLog, topic: str) -> list[Record]:
    return [record async for record in snapshot(log.inner, topic)]


async def positions(log: FlakyLog) -> dict[int, int]:
    return {
        record.partition: msgspec.json.decode(record.value or b"0")
        for record in await everything(log, TOPICS.differ_state)
        if record.key == memory.POSITION
    }


def bad(key: str = "blog", value: bytes = BAD) -> Outgoing:
    return Outgoing(topic=TOPICS.observations, key=key, value=value, headers={"x": "1"})


async def test_on_a_log_at_its_worst_each_bad_look_has_one_letter_and_the_others_their_events(
    log: FlakyLog, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(service, "BATCH", 3)
    looks = await Looks(TOPICS, "blog", Publisher(1, "guardian")).records(4)
    for number, look in enumerate(looks):
        await log.inner.append([bad(value=b"%d" % number), look])
    counter = telemetry.dead_letters.labels("differ", "ValidationError")
    before = counter._value.get()
    (end,) = (end for _, end in (await log.inner.bounds(TOPICS.observations)).values() if end)
    limits = DeadLettersConfig(max_ratio=1)
    with capture_logs() as lines:
        async with running(service.run(log, TOPICS, "urn:test", Policy(), limits=limits)):

            async def caught_up() -> bool:
                return any(position >= end - 1 for position in (await positions(log)).values())

            await eventually(caught_up)

        async def told() -> bool:
            # A thread of the differ counts and logs, one after the other, also after the differ was stopped.
            said = len([line for line in lines if line["event"] == "record.dead_letter"])
            return bool(said == counter._value.get() - before)

        await eventually(told)
    letters = await everything(log, TOPICS.dead_letters)
    assert [letter.value for letter in letters] == [b"%d" % number for number in range(len(looks))]
    assert {(letter.key, letter.headers["x"], letter.headers["dlq.topic"]) for letter in letters} == {
        ("blog", "1", TOPICS.observations)
    }
    stood = {r.offset: r.value for r in await everything(log, TOPICS.observations)}
    assert all(stood[int(letter.headers["dlq.offset"])] == letter.value for letter in letters)
    # A commit whose outcome is unknown may have been written: then its letters are there without having been counted.
    assert counter._value.get() - before <= len(letters)
    assert len(await everything(log, TOPICS.events)) > 5


async def test_a_blown_fuse_stops_the_differ_with_nothing_of_the_batch_committed(tmp_path: Path) -> None:
    log = await FlakyLog.open(tmp_path / "log.db", TOPICS, seed=1, unknown_rate=0, revoke_rate=0, short_poll_rate=0)
    looks = await Looks(TOPICS, "blog", Publisher(1, "guardian")).records(1)
    await log.inner.append([*looks, *[bad()] * 4])
    limits = DeadLettersConfig(max_consecutive=3)
    with pytest.raises(FuseBlown, match=r"test\.observations\.v1 partition \d: 4 records in a row"):
        await asyncio.wait_for(service.run(log, TOPICS, "urn:test", Policy(), limits=limits), 60)
    for topic in (TOPICS.events, TOPICS.dead_letters, TOPICS.differ_state):
        assert await everything(log, topic) == []
    await log.inner.close()


async def test_a_fuse_counts_across_batches(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(service, "BATCH", 2)
    log = await FlakyLog.open(tmp_path / "log.db", TOPICS, seed=1, unknown_rate=0, revoke_rate=0, short_poll_rate=0)
    await log.inner.append([bad()] * 9)
    with pytest.raises(FuseBlown):
        await asyncio.wait_for(
            service.run(log, TOPICS, "urn:test", Policy(), limits=DeadLettersConfig(max_consecutive=5)), 60
        )
    assert len(await everything(log, TOPICS.dead_letters)) == 4
    await log.inner.close()


async def test_a_look_that_the_decision_trips_over_is_skipped_and_changes_nothing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def trip(*_: object) -> None:
        raise ZeroDivisionError

    good, *_ = await Looks(TOPICS, "blog", Publisher(1, "guardian")).records(0)
    now = datetime(2026, 2, 1, tzinfo=UTC)
    record = Record(
        topic=TOPICS.observations, partition=0, offset=7, key="blog", value=good.value, headers={}, timestamp=now
    )
    batch = Batch(Memory(), TOPICS, "urn:test", Policy())
    with monkeypatch.context() as patched:
        patched.setattr(memory, "decide", trip)
        batch.add(record, now)
    assert batch.skips.outcomes == ["ZeroDivisionError at offset 7"]
    assert [out.topic for out in batch.records(0, 8)] == [TOPICS.dead_letters, TOPICS.differ_state]
    batch.add(record, now)
    assert batch.events
