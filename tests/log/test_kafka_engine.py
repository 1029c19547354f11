"""What only the Kafka engine has to withstand: aiokafka's traps, other programs, groups of processes."""

from __future__ import annotations

import asyncio
import os
import random
from collections import Counter
from collections.abc import AsyncIterator

import msgspec
import pytest
from aiokafka import AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.partitioner import DefaultPartitioner

from deltawire.config import KafkaConfig
from deltawire.log import kafka_member
from deltawire.log.kafka import KafkaLog
from deltawire.log.kafka_client import Cluster
from deltawire.log.kafka_topics import MAX_RECORD
from deltawire.log.partitioner import partition_for_key
from deltawire.log.port import LogError, Outgoing
from deltawire.log.topics import Topics
from deltawire.log.workers import run_partitions
from log.contract import DEADLINE, everything, from_the_start, out, reopened, take
from log.test_workers import copy
from support.broker import PASSWORD, USER, Broker
from support.kafka_log import alter, create, settings
from support.waiting import eventually


@pytest.fixture(autouse=True)
def prompt(monkeypatch: pytest.MonkeyPatch) -> None:
    """Groups learn of their changes with the next heartbeat."""
    monkeypatch.setattr(kafka_member, "HEARTBEAT_MS", 100)


@pytest.fixture
def config() -> KafkaConfig:
    return settings()


@pytest.fixture
async def topics(kafka: Broker, config: KafkaConfig) -> Topics:
    return await create(kafka, config)


@pytest.fixture
async def log(kafka: Broker, config: KafkaConfig, topics: Topics) -> AsyncIterator[KafkaLog]:
    log = await KafkaLog.open(kafka.address, topics, config)
    yield log
    await log.close()


@pytest.fixture
async def raw(kafka: Broker) -> AsyncIterator[AIOKafkaProducer]:
    """Another program's transactional producer."""
    producer = AIOKafkaProducer(bootstrap_servers=kafka.address, transactional_id=f"raw-{random.random()}")
    await producer.start()
    yield producer
    await producer.stop()


async def test_a_refused_record_takes_its_whole_commit_with_it_and_harms_no_later_one(
    kafka: Broker, log: KafkaLog, topics: Topics
) -> None:
    await alter(kafka, topics.table["events"], max_message_bytes="2000")
    entry = out(topics.entries, "feed/1", b"entry")
    writer = await log.writer("w")
    await writer.commit([out(topics.events, "feed", b"0"), entry])
    with pytest.raises(LogError, match="nothing was written"):
        await writer.commit([entry, out(topics.events, "feed", os.urandom(5000)), entry])
    with pytest.raises(LogError, match="open a new one"):
        await writer.commit([entry])
    with pytest.raises(LogError, match="nothing was written"):
        await log.append([entry, out(topics.events, "feed", os.urandom(5000))])
    writer = await log.writer("w")
    for n in range(1, 11):
        await writer.commit([out(topics.events, "feed", b"%d" % n), entry])
        await log.append([out(topics.events, "other", b"%d" % n)])
    assert [r.value for r in await everything(log, topics.events) if r.key == "feed"] == [b"%d" % n for n in range(11)]
    assert len(await everything(log, topics.entries)) == 11


async def test_a_commit_cancelled_at_any_moment_is_whole_or_absent(log: KafkaLog, topics: Topics) -> None:
    rng = random.Random(5)

    async def storm(feed: str) -> None:
        for n in range(12):
            writer = await reopened(log, feed)
            records = [out(topics.events, feed, b"%d" % n) for _ in range(3)]
            task = asyncio.create_task(writer.commit([*records, out(topics.entries, feed, b"%d" % n)]))
            await asyncio.wait({task}, timeout=rng.uniform(0, 0.03))
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
        await (await reopened(log, feed)).commit([out(topics.events, feed, b"end")])

    await asyncio.gather(*(storm(f"feed-{n}") for n in range(4)))
    events = Counter((r.key, r.value) for r in await everything(log, topics.events) if r.value != b"end")
    assert set(events.values()) <= {3}
    assert events.keys() == {(r.key, r.value) for r in await everything(log, topics.entries)}


async def test_what_was_aborted_or_left_open_is_never_read(
    log: KafkaLog, topics: Topics, raw: AIOKafkaProducer
) -> None:
    for n in range(10):
        await raw.begin_transaction()
        await raw.send_and_wait(topics.events, b"%d" % n, key=b"feed", partition=0)
        await (raw.abort_transaction() if n % 2 else raw.commit_transaction())
    reader = await from_the_start(log, topics.events)
    assert [r.value for r in await take(reader, 5)] == [b"0", b"2", b"4", b"6", b"8"]
    await raw.begin_transaction()
    await raw.send_and_wait(topics.events, b"open", key=b"feed", partition=0)
    assert await reader.poll(timeout=0.2) == []
    await raw.abort_transaction()
    await log.append([out(topics.events, "feed", b"end", partition=0)])
    assert [r.value for r in await take(reader, 1)] == [b"end"]


async def test_opening_a_writer_ends_what_the_last_of_its_name_left_open(
    kafka: Broker, log: KafkaLog, topics: Topics
) -> None:
    lost = AIOKafkaProducer(bootstrap_servers=kafka.address, transactional_id="lost", transaction_timeout_ms=600_000)
    await lost.start()
    await lost.begin_transaction()
    await lost.send_and_wait(topics.events, b"half", key=b"feed", partition=0)
    writer = await log.writer("lost")
    await writer.commit([out(topics.events, "feed", b"whole", partition=0)])
    assert [r.value for r in await everything(log, topics.events)] == [b"whole"]
    await lost.stop()


async def test_one_sees_what_one_has_written_even_where_another_still_hides_it(
    log: KafkaLog, topics: Topics, raw: AIOKafkaProducer
) -> None:
    await raw.begin_transaction()
    await raw.send_and_wait(topics.events, b"open", key=b"k", partition=0)
    await log.append([out(topics.events, "k", b"mine", partition=0)])
    looking = asyncio.create_task(everything(log, topics.events))
    await asyncio.wait({looking}, timeout=0.3)
    assert not looking.done()
    await raw.abort_transaction()
    assert [r.value for r in await looking] == [b"mine"]


async def test_a_poll_moves_over_markers_at_the_end_without_waiting(
    log: KafkaLog, topics: Topics, raw: AIOKafkaProducer
) -> None:
    await raw.begin_transaction()
    await raw.send_and_wait(topics.events, b"v", key=b"k", partition=0)
    await raw.abort_transaction()
    reader = await log.reader(topics.events, {0: 0})
    async with asyncio.timeout(DEADLINE):
        while reader.positions[0] < 2:
            assert await reader.poll(timeout=10 * DEADLINE) == []


async def test_what_other_programs_write_is_read_as_far_as_it_goes(
    log: KafkaLog, topics: Topics, raw: AIOKafkaProducer
) -> None:
    await raw.begin_transaction()
    await raw.send(topics.events, b"v", key=b"\xff", partition=0, headers=[("a", b"\xfe"), ("none", None)])
    await raw.commit_transaction()
    (record,) = await take(await from_the_start(log, topics.events), 1)
    assert (record.key, record.value, record.headers) == ("\ufffd", b"v", {"a": "\ufffd", "none": ""})


async def test_records_of_8_mib_pass_and_larger_ones_are_refused_with_their_size(log: KafkaLog, topics: Topics) -> None:
    largest = os.urandom(MAX_RECORD - len("feed"))
    await log.append([out(topics.events, "feed", largest), out(topics.events, "feed", b"after")])
    assert [r.value for r in await everything(log, topics.events)] == [largest, b"after"]
    with pytest.raises(LogError, match=rf"'feed' has {MAX_RECORD + 1} bytes; the log takes at most {MAX_RECORD}"):
        await log.append([out(topics.events, "feed", largest + b"x")])


async def test_appends_that_wait_together_share_a_transaction(log: KafkaLog, topics: Topics) -> None:
    await asyncio.gather(*(log.append([out(topics.events, "k", b"%d" % n, partition=0)]) for n in range(200)))
    assert [r.value for r in await everything(log, topics.events)] == [b"%d" % n for n in range(200)]
    assert (await log.bounds(topics.events))[0][1] < 220  # each transaction takes an offset


async def test_a_consumer_that_stopped_without_a_word_is_replaced(
    kafka: Broker, config: KafkaConfig, topics: Topics
) -> None:
    log = await KafkaLog.open(kafka.address, topics, config)
    reader = await log.reader(topics.events, {0: 0})
    reader._stall = 1.0
    await log.append([out(topics.events, "k", b"1", partition=0)])
    await take(reader, 1)
    consumer = reader._consumer
    assert consumer is not None
    consumer._fetcher._fetch_task.cancel()
    await log.append([out(topics.events, "k", b"2", partition=0)])
    assert [r.value for r in await take(reader, 1)] == [b"2"]
    assert reader._consumer is not consumer
    await log.close()


async def test_members_share_the_partitions_and_take_over_from_each_other(
    kafka: Broker, config: KafkaConfig, topics: Topics, log: KafkaLog
) -> None:
    other = await KafkaLog.open(kafka.address, topics, config)
    async with asyncio.timeout(DEADLINE), log.member("g", topics.events) as one:
        first = await one.changed()
        assert first.partitions == {0, 1, 2}
        async with other.member("g", topics.events) as two:
            halves = [await one.changed(), await two.changed()]
            while not (halves[0].partitions and halves[1].partitions):
                halves[0] = await one.changed()
            assert halves[0].partitions.isdisjoint(halves[1].partitions)
            assert halves[0].partitions | halves[1].partitions == {0, 1, 2}
            assert halves[0].generation > first.generation
        last = await one.changed()
        assert last.partitions == {0, 1, 2}
        assert last.generation > halves[0].generation
    await other.close()


async def test_the_groups_offsets_tell_how_far_its_workers_are(
    kafka: Broker, log: KafkaLog, topics: Topics, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(kafka_member, "REPORT_INTERVAL", 0.05)
    await log.append([out(topics.events, "k", b"%d" % n, partition=0) for n in range(5)])

    async def worker(partition: int) -> None:
        reader = await log.reader(topics.events, {partition: 0})
        while True:
            await reader.poll()

    admin = AIOKafkaAdminClient(bootstrap_servers=kafka.address)
    await admin.start()
    running = asyncio.create_task(run_partitions(log, "storage", topics.events, worker))

    async def reported() -> bool:
        offsets = await admin.list_consumer_group_offsets(f"{topics.prefix}.storage")
        return {at.partition: held.offset for at, held in offsets.items()} == {0: 6, 1: 0, 2: 0}

    await eventually(reported, seconds=DEADLINE)
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    assert await reported()
    await admin.close()


async def test_members_that_come_and_go_copy_each_record_exactly_once(
    kafka: Broker, config: KafkaConfig, topics: Topics, log: KafkaLog
) -> None:
    rng = random.Random(3)
    expected = [b"%d" % n for n in range(150)]
    logs = [await KafkaLog.open(kafka.address, topics, config) for _ in range(2)]

    def member(of: KafkaLog) -> asyncio.Task[None]:
        return asyncio.create_task(run_partitions(of, "copy", topics.observations, lambda p: copy(of, p, topics)))

    members = [member(of) for of in logs]
    for n, value in enumerate(expected):
        await log.append([out(topics.observations, f"feed-{n % 5}", value)])
        if n % 30 == 29:
            leaver = rng.randrange(2)
            members[leaver].cancel()
            await asyncio.gather(members[leaver], return_exceptions=True)
            members[leaver] = member(logs[leaver])
    async with asyncio.timeout(2 * DEADLINE):
        while len(copied := await everything(log, topics.events)) < len(expected):  # noqa: ASYNC110
            await asyncio.sleep(0.05)
    for task in members:
        task.cancel()
    await asyncio.gather(*members, return_exceptions=True)
    assert Counter(r.value for r in await everything(log, topics.events)) == Counter(expected)
    for feed in range(5):
        mine = [int(r.value or b"") for r in copied if r.key == f"feed-{feed}"]
        assert mine == sorted(mine)
    for of in logs:
        await of.close()


@pytest.mark.parametrize("count", [1, 3, 12])
def test_our_partitioner_is_that_of_the_client(count: int) -> None:
    theirs = DefaultPartitioner()
    for key in (f"feed-{n}" for n in range(200)):
        everywhere = list(range(count))
        assert partition_for_key(key, count) == theirs(key.encode(), everywhere, everywhere)


async def test_a_closed_log_says_so(log: KafkaLog, topics: Topics) -> None:
    reader = await from_the_start(log, topics.events)
    waiting = asyncio.create_task(reader.poll(timeout=DEADLINE))
    await asyncio.sleep(0)
    await log.close()
    for refused in (waiting, log.append([Outgoing(topic=topics.events, key="k", value=b"v")]), log.writer("w")):
        with pytest.raises(LogError, match="closed"):
            await refused


async def test_with_a_login_everything_works_and_without_it_nothing_is_said_but_that(
    kafka: Broker, config: KafkaConfig, topics: Topics
) -> None:
    assert kafka.guarded_address is not None
    login = msgspec.structs.replace(
        config,
        security_protocol="SASL_PLAINTEXT",
        sasl_mechanism="PLAIN",
        sasl_username=USER,
        sasl_password=PASSWORD,
    )
    log = await KafkaLog.open(kafka.guarded_address, topics, login)
    await (await log.writer("guarded")).commit([out(topics.events, "k", b"1")])
    assert [r.value for r in await everything(log, topics.events)] == [b"1"]
    async with asyncio.timeout(DEADLINE), log.member("g", topics.events) as membership:
        assert (await membership.changed()).partitions == {0, 1, 2}
    await log.close()
    stranger = msgspec.structs.replace(login, sasl_password="guessed")
    with pytest.raises(LogError, match=r"refuses the login that \[kafka\] has$"):
        await KafkaLog.open(kafka.guarded_address, topics, stranger)


def test_logins_and_certificates_reach_the_client() -> None:
    secured = settings(security_protocol="SASL_SSL", sasl_username="u", sasl_password="p")
    options = Cluster("h:1,h:2", secured).options("writer")
    assert options["bootstrap_servers"] == ["h:1", "h:2"]
    assert (options["security_protocol"], options["sasl_mechanism"]) == ("SASL_SSL", "SCRAM-SHA-512")
    assert (options["sasl_plain_username"], options["sasl_plain_password"]) == ("u", "p")
    assert options["ssl_context"].check_hostname
    with pytest.raises(LogError, match="ssl_cafile"):
        Cluster("h:1", settings(security_protocol="SSL", ssl_cafile="/nowhere.pem")).options("writer")
