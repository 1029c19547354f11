"""The Kafka engine while its broker is dead, stands still or is started again."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from contextlib import suppress
from typing import TypeVar

import pytest

from deltawire.config import KafkaConfig
from deltawire.log import kafka_member
from deltawire.log.kafka import KafkaLog
from deltawire.log.port import Fenced, LogError, OutcomeUnknown, Outgoing
from deltawire.log.topics import Topics
from deltawire.log.workers import run_partitions
from log.contract import DEADLINE, everything, from_the_start, out, take
from log.test_workers import copy
from support.broker import Broker
from support.kafka_log import create, settings

TIMEOUT = 1.5

T = TypeVar("T")


@pytest.fixture(scope="module")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Broker]:
    """A broker of our own, which each test leaves running."""
    broker = Broker(tmp_path_factory.mktemp("kafka"), heap="256m")
    broker.start()
    yield broker
    broker.stop()


@pytest.fixture
def config() -> KafkaConfig:
    return settings(timeout=TIMEOUT)


@pytest.fixture
async def topics(broker: Broker, config: KafkaConfig) -> Topics:
    return await create(broker, settings(topic_prefix=config.topic_prefix))


@pytest.fixture
async def log(broker: Broker, config: KafkaConfig, topics: Topics) -> AsyncIterator[KafkaLog]:
    """With a short deadline, so that it gives up soon."""
    log = await surely(lambda: KafkaLog.open(broker.address, topics, config))
    yield log
    await log.close()


@pytest.fixture
async def patient(broker: Broker, topics: Topics) -> AsyncIterator[KafkaLog]:
    """With a long one: on a busy machine a broker that is well may take longer than the short one."""
    log = await KafkaLog.open(broker.address, topics, settings(topic_prefix=topics.prefix))
    yield log
    await log.close()


async def surely(act: Callable[[], Awaitable[T]]) -> T:
    """What the act returns once it does not fail: the broker is well, but may take longer than the short deadline."""
    async with asyncio.timeout(DEADLINE):
        while True:
            with suppress(LogError):
                return await act()
            await asyncio.sleep(0.1)


async def fails(act: Callable[[], Awaitable[object]]) -> None:
    """The act fails with a LogError, in time: without a deadline of its own it would wait for ever."""
    async with asyncio.timeout(DEADLINE):
        with pytest.raises(LogError):
            await act()


async def test_with_the_broker_gone_everything_ends_in_time_and_with_it_back_everything_works(
    broker: Broker,
    config: KafkaConfig,
    topics: Topics,
    log: KafkaLog,
    patient: KafkaLog,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(kafka_member, "REPORT_INTERVAL", 0.5)
    await patient.append([out(topics.events, "k", b"1", partition=0)])
    await (await patient.writer("w")).commit([out(topics.events, "k", b"2", partition=0)])
    writer = await surely(lambda: log.writer("w"))
    reader = await surely(lambda: from_the_start(log, topics.events))
    assert [r.value for r in await take(reader, 2)] == [b"1", b"2"]

    async with asyncio.timeout(3 * DEADLINE):
        async with patient.member("g", topics.events) as membership:
            await membership.changed()
            await asyncio.to_thread(broker.kill)
            later = [out(topics.events, "k", b"3", partition=0)]

            async def follow() -> None:
                while True:
                    await reader.poll()

            await asyncio.gather(
                fails(lambda: writer.commit(later)),
                fails(lambda: log.append(later)),
                fails(lambda: log.bounds(topics.events)),
                fails(lambda: log.reader(topics.events, {0: 0})),
                fails(lambda: log.writer("w2")),
                fails(lambda: KafkaLog.open(broker.address, topics, config)),
                fails(follow),
            )
        # Here the member has said goodbye to nobody.
        doomed = KafkaLog(log._cluster, log._topics, log.partitions)
        writing = [asyncio.create_task(doomed.append(later)) for _ in range(20)]
        await asyncio.sleep(0)
        await asyncio.gather(writer.close(), reader.close(), doomed.close())
    assert all(isinstance(e, LogError) for e in await asyncio.gather(*writing, return_exceptions=True))

    await asyncio.to_thread(broker.start)
    await (await surely(lambda: patient.writer("w"))).commit([out(topics.events, "k", b"4", partition=0)])
    await append(log, [out(topics.events, "k", b"5", partition=0)])
    # The last may be there twice, as whoever writes again what may have been written knows.
    found = [r.value for r in await surely(lambda: everything(log, topics.events))]
    assert list(dict.fromkeys(found)) == [b"1", b"2", b"4", b"5"]
    assert found[:3] == [b"1", b"2", b"4"]


async def test_a_member_that_joins_while_the_broker_is_away_gets_its_place_when_it_is_back(
    broker: Broker, topics: Topics, patient: KafkaLog, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(kafka_member, "REPORT_INTERVAL", 0.5)
    # Whoever never was a member need not wait until the group has lost it.
    monkeypatch.setattr(kafka_member, "LOST_AFTER", 1e9)
    await asyncio.to_thread(broker.kill)
    async with patient.member("late", topics.events) as membership:
        await asyncio.to_thread(broker.start)
        async with asyncio.timeout(DEADLINE):
            assert (await membership.changed()).partitions == {0, 1, 2}


async def test_a_commit_on_a_broker_that_stands_still_is_whole_or_absent(
    broker: Broker, topics: Topics, log: KafkaLog, patient: KafkaLog
) -> None:
    for n in range(3):
        writer = await surely(lambda: log.writer("w"))
        records = [out(topics.events, "k", b"%d" % n) for _ in range(5)]
        committing = asyncio.ensure_future(writer.commit(records))
        for _ in range(n):
            await asyncio.sleep(0.003)  # into the sending, the acknowledging, the ending
        broker.pause()
        try:
            async with asyncio.timeout(DEADLINE):
                (error,) = await asyncio.gather(committing, return_exceptions=True)
            assert error is None or (isinstance(error, LogError) and not isinstance(error, Fenced))
        finally:
            broker.resume()
        visible = Counter(r.value for r in await everything(patient, topics.events))
        later = await surely(lambda: patient.writer("w"))
        await later.commit([out(topics.entries, "k", b"after")])
        again = Counter(r.value for r in await everything(patient, topics.events))
        assert set(again.values()) <= {5}
        if not isinstance(error, OutcomeUnknown):
            assert again == visible
            assert (b"%d" % n in again) == (error is None)


@pytest.mark.parametrize("hard", [False, True], ids=["stopped", "killed"])
async def test_a_broker_that_is_started_again_costs_no_record_and_doubles_none(
    broker: Broker, config: KafkaConfig, topics: Topics, log: KafkaLog, patient: KafkaLog, hard: bool
) -> None:
    other = await surely(lambda: KafkaLog.open(broker.address, topics, config))
    expected = [b"%d" % n for n in range(200)]

    def member(of: KafkaLog) -> asyncio.Task[None]:
        return asyncio.create_task(run_partitions(of, "copy", topics.observations, lambda p: copy(of, p, topics)))

    members = [member(log), member(other)]

    async def write() -> None:
        for n, value in enumerate(expected):
            await append(log, [out(topics.observations, f"feed-{n % 5}", value)])

    writing = asyncio.create_task(write())
    async with asyncio.timeout(DEADLINE):
        while len(await everything(patient, topics.events)) < 20:  # noqa: ASYNC110
            await asyncio.sleep(0.01)
    await asyncio.to_thread(broker.kill if hard else broker.stop)
    await asyncio.to_thread(broker.start)
    await writing

    async def counted(topic: str) -> Counter[bytes | None]:
        return Counter(r.value for r in await surely(lambda: everything(patient, topic)))

    written = await counted(topics.observations)
    async with asyncio.timeout(2 * DEADLINE):
        while (copied := await counted(topics.events)) != written:  # noqa: ASYNC110
            await asyncio.sleep(0.05)
    assert copied.keys() == set(expected)
    for task in members:
        task.cancel()
    await asyncio.gather(*members, return_exceptions=True)
    await other.close()


async def append(log: KafkaLog, records: Sequence[Outgoing]) -> None:
    """As the poller does: what may not have been written is written again."""
    async with asyncio.timeout(2 * DEADLINE):
        while True:
            try:
                return await log.append(records)
            except LogError:
                await asyncio.sleep(0.1)
