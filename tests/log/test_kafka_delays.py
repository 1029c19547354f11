"""Requests and answers of transactions that are late or lost on the way: nothing is torn, lost, doubled or undone.

The delayed EndTxn is what Jepsen found in 2024 in Kafka's own protocol: one that arrives late can end a later
transaction of the same producer. aiokafka sends one again whose answer does not come, so that both exist.
"""

from __future__ import annotations

import asyncio
import gc
import os
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from typing import TypeVar

import pytest
from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError

from deltawire.config import KafkaConfig
from deltawire.log import kafka_session
from deltawire.log.kafka import KafkaLog
from deltawire.log.kafka_client import hush, stop
from deltawire.log.kafka_writer import KafkaWriter
from deltawire.log.port import LogError, OutcomeUnknown, Outgoing
from deltawire.log.topics import Topics
from log.contract import DEADLINE, everything, out
from support.broker import Broker
from support.kafka_log import alter, create, settings
from support.kafka_proxy import (
    ADD_PARTITIONS,
    END_TXN,
    INIT_PRODUCER_ID,
    METADATA,
    Action,
    KafkaProxy,
    Request,
    Rule,
)

TIMEOUT = 1.5
LANES = 10
REFUSED = os.urandom(5000)

T = TypeVar("T")


@pytest.fixture
def config() -> KafkaConfig:
    return settings(timeout=TIMEOUT)


@pytest.fixture
async def topics(kafka: Broker, config: KafkaConfig) -> Topics:
    return await create(kafka, settings(topic_prefix=config.topic_prefix))


@pytest.fixture
async def proxy(kafka: Broker) -> AsyncIterator[KafkaProxy]:
    async with KafkaProxy(kafka) as proxy:
        yield proxy


@asynccontextmanager
async def opened(address: str, topics: Topics, config: KafkaConfig) -> AsyncIterator[KafkaLog]:
    log = await patiently(lambda: KafkaLog.open(address, topics, config))
    try:
        yield log
    finally:
        await log.close()


@pytest.fixture
async def hasty(proxy: KafkaProxy, topics: Topics, config: KafkaConfig) -> AsyncIterator[KafkaLog]:
    """Through the proxy, with a short deadline."""
    async with opened(proxy.address, topics, config) as log:
        yield log


@pytest.fixture
async def log(proxy: KafkaProxy, topics: Topics) -> AsyncIterator[KafkaLog]:
    """Through the proxy, with the usual one."""
    async with opened(proxy.address, topics, settings(topic_prefix=topics.prefix)) as log:
        yield log


@pytest.fixture
async def plain(kafka: Broker, topics: Topics) -> AsyncIterator[KafkaLog]:
    """Past it."""
    async with opened(kafka.address, topics, settings(topic_prefix=topics.prefix)) as log:
        yield log


def ends(name: str, *, commit: bool | None = None) -> Callable[[Request], bool]:
    return lambda r: (r.api, r.writer) == (END_TXN, name) and commit in (None, r.commit)


def batch(topics: Topics, lane: str, value: str) -> list[Outgoing]:
    """One value into four partitions of two topics."""
    events = [out(topics.events, lane, value.encode(), partition=p) for p in range(3)]
    return [*events, out(topics.entries, f"{lane}/{value}", value.encode())]


async def values(log: KafkaLog, topics: Topics) -> dict[tuple[str, str], int]:
    """How many records of each lane and value there are, in all four partitions."""
    found: dict[tuple[str, str], int] = {}
    for topic in (topics.events, topics.entries):
        for record in await everything(log, topic):
            at = (str(record.key).split("/", maxsplit=1)[0], (record.value or b"").decode())
            found[at] = found.get(at, 0) + 1
    return found


async def late_commit(log: KafkaLog, proxy: KafkaProxy, topics: Topics, lane: str, turn: int) -> Rule:
    """A commit whose end does not reach the broker in time."""
    late = proxy.rule("hold request", ends(lane, commit=True))
    while not late.caught:  # on a slow machine the deadline may come before the end is asked for
        writer = await renewed(log, lane)
        with pytest.raises(LogError) as failure:
            await writer.commit(batch(topics, lane, f"{turn} late"))
    assert isinstance(failure.value, OutcomeUnknown)
    return late


async def refused(writer: KafkaWriter, topics: Topics, lane: str, turn: int) -> None:
    """A commit that the broker refuses in part, so that all of it is undone."""
    with pytest.raises(LogError, match="nothing was written"):
        await writer.commit([*batch(topics, lane, f"{turn} undone"), out(topics.events, lane, REFUSED, partition=0)])


async def late_abort(log: KafkaLog, proxy: KafkaProxy, topics: Topics, lane: str, turn: int) -> Rule:
    """A transaction that is undone, but its end does not reach the broker in time."""
    late = proxy.rule("hold request", ends(lane, commit=False))
    await refused(await log.writer(lane), topics, lane, turn)
    async with asyncio.timeout(DEADLINE):
        await late.caught_one()
    return late


async def one_turn(
    hasty: KafkaLog,
    log: KafkaLog,
    proxy: KafkaProxy,
    topics: Topics,
    lane: str,
    turn: int,
    *,
    abort: bool,
    undone: bool,
) -> dict[tuple[str, str], int]:
    """The late end (``abort``: of one undone) arrives before that of the next transaction (which may be undone too).

    Returns what must be in the log for ever: what the log said before the next, and the next where it is not undone.
    """
    if abort:
        late = await late_abort(log, proxy, topics, lane, turn)
    else:
        late = await late_commit(hasty, proxy, topics, lane, turn)
    assert (await late.caught_one()).commit is not abort
    writer = await renewed(log, lane)
    there = {at: count for at, count in (await values(log, topics)).items() if at == (lane, f"{turn} late")}
    middle = proxy.rule("hold request", ends(lane))
    following = refused(writer, topics, lane, turn) if undone else writer.commit(batch(topics, lane, f"{turn} next"))
    running = asyncio.create_task(following)
    async with asyncio.timeout(DEADLINE):
        assert (await middle.caught_one()).commit is not undone
        late.release()
        await late.answered()
        middle.release()
        await middle.answered()
        await running
    return there if undone else there | {(lane, f"{turn} next"): 4}


async def renewed(log: KafkaLog, lane: str) -> KafkaWriter:
    return await patiently(lambda: log.writer(lane))


async def patiently(act: Callable[[], Awaitable[T]]) -> T:
    """What it returns once it does not fail: on a busy machine it may take longer than the short deadline."""
    async with asyncio.timeout(DEADLINE):
        while True:
            try:
                return await act()
            except LogError:
                await asyncio.sleep(0.01)


def unprotected(passed: list[Request], lane: str) -> list[Request]:
    """Beginnings of transactions in an epoch in which another had ended: each producer has an epoch of its own.

    The end of one that was given up may still come while the next is at work, for its client sends it again.
    """
    found: list[Request] = []
    ended: set[int | None] = set()
    for request in (r for r in passed if r.writer == lane):
        if request.api == END_TXN:
            ended.add(request.epoch)
        elif request.api == ADD_PARTITIONS and request.epoch in ended:
            found.append(request)
    return found


@pytest.mark.parametrize("turns", [2, pytest.param(200 // LANES, marks=[pytest.mark.chaos, pytest.mark.timeout(600)])])
async def test_an_end_of_a_transaction_that_arrives_in_a_later_one_harms_neither(
    kafka: Broker, hasty: KafkaLog, log: KafkaLog, plain: KafkaLog, proxy: KafkaProxy, topics: Topics, turns: int
) -> None:
    await alter(kafka, topics.table["events"], max_message_bytes="2000")
    expected: dict[tuple[str, str], int] = {}

    async def run(number: int) -> None:
        for turn in range(turns):
            case = number + turn
            kind = {"abort": case % 2 == 1, "undone": case % 4 > 1}
            expected.update(await one_turn(hasty, log, proxy, topics, f"lane-{number}", turn, **kind))

    lanes = [f"lane-{n}" for n in range(LANES)]
    async with asyncio.TaskGroup() as group:
        for number in range(LANES):
            group.create_task(run(number))
    found = await values(plain, topics)
    wrong = {at: (found.get(at, 0), expected.get(at, 0)) for at in found | expected}
    assert {at: counts for at, counts in wrong.items() if counts[0] != counts[1]} == {}
    for lane in lanes:
        # Each turn opens two writers; the one that was late is not used again.
        assert [r.api for r in proxy.passed if r.writer == lane].count(INIT_PRODUCER_ID) >= 2 * turns
        assert unprotected(proxy.passed, lane) == []


async def test_the_bare_client_is_torn_by_the_same_delay(plain: KafkaLog, proxy: KafkaProxy, topics: Topics) -> None:
    producer = AIOKafkaProducer(bootstrap_servers=proxy.address, transactional_id="bare", request_timeout_ms=2000)
    await producer.start()
    late = proxy.rule("hold request", ends("bare", commit=True))
    await producer.begin_transaction()
    await producer.send_and_wait(topics.entries, b"1", key=b"k", partition=0)
    await producer.commit_transaction()  # which it sent twice
    await producer.begin_transaction()
    await producer.send_and_wait(topics.entries, b"aborted", key=b"k", partition=0)
    late.release()
    async with asyncio.timeout(DEADLINE):
        await late.answered()
    with suppress(KafkaError):
        await producer.abort_transaction()
    assert [r.value for r in await everything(plain, topics.entries)] == [b"1", b"aborted"]
    await stop(producer)
    hush(producer)


@pytest.mark.parametrize("how", ["cut answer", "hold answer"])
async def test_a_commit_whose_answer_is_lost_has_happened_and_is_found_in_the_log(
    proxy: KafkaProxy,
    topics: Topics,
    hasty: KafkaLog,
    log: KafkaLog,
    plain: KafkaLog,
    how: Action,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(kafka_session, "FINISH_WITHIN", 0.2)
    count = 0
    for _ in range(2):
        writer = await log.writer("counter")
        assert sorted(int(r.value or b"") for r in await everything(log, topics.entries)) == list(range(count))
        await writer.commit(batch(topics, "counter", f"{count}"))
        lost = proxy.rule(how, ends("counter"))
        while not lost.caught:  # on a slow machine the deadline may come before the end is asked for
            writer = await renewed(hasty, "counter")
            try:
                await writer.commit(batch(topics, "counter", f"{count + 1}"))
            except OutcomeUnknown:
                break
            except LogError:
                continue
        async with asyncio.timeout(DEADLINE):
            await lost.caught_one()
        assert len(lost.caught) == 1
        count += 2
    assert await values(plain, topics) == {("counter", f"{n}"): 4 for n in range(count)}


async def test_a_broker_that_stops_in_the_middle_of_hello_leaves_no_connection_behind(
    proxy: KafkaProxy, topics: Topics, config: KafkaConfig
) -> None:
    silent = proxy.rule("hold answer", lambda r: r.api == METADATA, count=100)
    with pytest.raises(LogError, match="did not answer within"):
        await KafkaLog.open(proxy.address, topics, settings(topic_prefix=config.topic_prefix, timeout=TIMEOUT))
    assert silent.caught
    gc.collect()  # one left open would be told now
