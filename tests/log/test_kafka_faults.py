"""The Kafka engine while its broker is dead, stands still or is started again."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence

import pytest

from deltawire.config import KafkaConfig
from deltawire.log import kafka_member
from deltawire.log.kafka import KafkaLog
from deltawire.log.kafka_writer import KafkaWriter
from deltawire.log.port import Fenced, LogError, OutcomeUnknown, Outgoing
from deltawire.log.topics import Topics
from deltawire.log.workers import run_partitions
from log.contract import DEADLINE, everything, from_the_start, out, take
from log.test_workers import copy
from support.broker import Broker
from support.kafka_log import create, settings

TIMEOUT = 1.5


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
    log = await KafkaLog.open(broker.address, topics, config)
    yield log
    await log.close()


async def within(seconds: float, act: Callable[[], Awaitable[object]]) -> None:
    """The act fails with a LogError, in time."""
    async with asyncio.timeout(seconds):
        with pytest.raises(LogError):
            await act()


async def test_with_the_broker_gone_everything_ends_in_time_and_with_it_back_everything_works(
    broker: Broker, config: KafkaConfig, topics: Topics, log: KafkaLog, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(kafka_member, "REPORT_INTERVAL", 0.5)
    await log.append([out(topics.events, "k", b"1", partition=0)])
    writer = await log.writer("w")
    await writer.commit([out(topics.events, "k", b"2", partition=0)])
    reader = await from_the_start(log, topics.events)
    assert [r.value for r in await take(reader, 2)] == [b"1", b"2"]
    loop = asyncio.get_running_loop()

    async with log.member("g", topics.events) as membership:
        await membership.changed()
        await asyncio.to_thread(broker.kill)
        later = [out(topics.events, "k", b"3", partition=0)]

        async def follow() -> None:
            while True:
                await reader.poll()

        await asyncio.gather(
            within(3 * TIMEOUT + 2, lambda: writer.commit(later)),
            within(3 * TIMEOUT + 2, lambda: log.append(later)),
            within(3 * TIMEOUT + 2, lambda: log.bounds(topics.events)),
            within(3 * TIMEOUT + 2, lambda: log.reader(topics.events, {0: 0})),
            within(3 * TIMEOUT + 2, lambda: log.writer("w2")),
            within(3 * TIMEOUT + 2, lambda: KafkaLog.open(broker.address, topics, config)),
            within(8 * TIMEOUT, follow),
        )
        left = loop.time()
    assert loop.time() - left < 5  # the member said goodbye to nobody
    doomed = KafkaLog(log._cluster, log._topics, log.partitions)
    writing = [asyncio.create_task(doomed.append(later)) for _ in range(20)]
    await asyncio.sleep(0)
    before = loop.time()
    await asyncio.gather(writer.close(), reader.close(), doomed.close())
    assert loop.time() - before < 10
    assert all(isinstance(e, LogError) for e in await asyncio.gather(*writing, return_exceptions=True))

    await asyncio.to_thread(broker.start)
    writer = await log.writer("w")
    await writer.commit([out(topics.events, "k", b"4", partition=0)])
    await log.append([out(topics.events, "k", b"5", partition=0)])
    assert [r.value for r in await everything(log, topics.events)] == [b"1", b"2", b"4", b"5"]
    # In its old group the broker still waits for the member that could not say goodbye.
    async with log.member("g2", topics.events) as membership, asyncio.timeout(DEADLINE):
        assert (await membership.changed()).partitions == {0, 1, 2}


async def test_a_commit_on_a_broker_that_stands_still_is_whole_or_absent(
    broker: Broker, topics: Topics, log: KafkaLog
) -> None:
    for n in range(3):
        writer = await log.writer("w")
        records = [out(topics.events, "k", b"%d" % n) for _ in range(5)]
        committing = asyncio.ensure_future(writer.commit(records))
        for _ in range(n):
            await asyncio.sleep(0.003)  # into the sending, the acknowledging, the ending
        broker.pause()
        try:
            async with asyncio.timeout(3 * TIMEOUT):
                (error,) = await asyncio.gather(committing, return_exceptions=True)
            assert error is None or (isinstance(error, LogError) and not isinstance(error, Fenced))
        finally:
            broker.resume()
        visible = Counter(r.value for r in await everything(log, topics.events))
        later = await renewed(log)
        await later.commit([out(topics.entries, "k", b"after")])
        again = Counter(r.value for r in await everything(log, topics.events))
        assert set(again.values()) <= {5}
        if not isinstance(error, OutcomeUnknown):
            assert again == visible
            assert (b"%d" % n in again) == (error is None)


async def renewed(log: KafkaLog) -> KafkaWriter:
    async with asyncio.timeout(DEADLINE):
        while True:
            try:
                return await log.writer("w")
            except LogError:
                continue


@pytest.mark.parametrize("hard", [False, True], ids=["stopped", "killed"])
async def test_a_broker_that_is_started_again_costs_no_record_and_doubles_none(
    broker: Broker, config: KafkaConfig, topics: Topics, log: KafkaLog, hard: bool
) -> None:
    other = await KafkaLog.open(broker.address, topics, config)
    expected = [b"%d" % n for n in range(200)]

    def member(of: KafkaLog) -> asyncio.Task[None]:
        return asyncio.create_task(run_partitions(of, "copy", topics.observations, lambda p: copy(of, p, topics)))

    members = [member(log), member(other)]

    async def write() -> None:
        for n, value in enumerate(expected):
            await append(log, [out(topics.observations, f"feed-{n % 5}", value)])

    writing = asyncio.create_task(write())
    async with asyncio.timeout(DEADLINE):
        while len(await everything(log, topics.events)) < 20:  # noqa: ASYNC110
            await asyncio.sleep(0.01)
    await asyncio.to_thread(broker.kill if hard else broker.stop)
    await asyncio.to_thread(broker.start)
    loop = asyncio.get_running_loop()
    back = loop.time()
    await writing
    written = Counter(r.value for r in await everything(log, topics.observations))
    async with asyncio.timeout(2 * DEADLINE):
        while (copied := Counter(r.value for r in await everything(log, topics.events))) != written:  # noqa: ASYNC110
            await asyncio.sleep(0.05)
    assert copied.keys() == set(expected)
    assert loop.time() - back < 30
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
