"""Subscribers that are none of ours (kcat, Kafka's console consumer, aiokafka) read what docs/events.md says."""

from __future__ import annotations

import asyncio
import shlex
import shutil
import subprocess
from collections import defaultdict
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import orjson
import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition

from deltawire.config import KafkaConfig
from deltawire.log.topics import Topics
from deltawire.press.chance import Publisher
from e2e.deployment import DEADLINE, press
from e2e.services import on_kafka, services
from e2e.test_exact import agreement, step_all, the_store_to_be_the_fold
from support.broker import Broker, find, resolve
from support.kafka_log import create, settings

DOCUMENTATION = Path(__file__).parents[2] / "docs/events.md"


class Message(NamedTuple):
    key: str
    headers: dict[str, str]
    value: Any


class Published(NamedTuple):
    """``events`` as ``deltawire tail --json`` prints them."""

    topic: str
    events: list[dict[str, Any]]


def blogs(seed: int) -> dict[str, Publisher]:
    return {"rss": Publisher(seed, "rss", window=8), "json": Publisher(seed, "json-feed", noisy=True)}


def documented(program: str, broker: Broker, topic: str) -> list[str]:
    """The arguments that the documentation gives the program, for this broker and topic."""
    line = next(line for line in DOCUMENTATION.read_text(encoding="utf-8").splitlines() if line.startswith(program))
    return [
        {"localhost:9092": broker.address, "deltawire.events.v1": topic}.get(word, word)
        for word in shlex.split(line)[1:]
    ]


def output(*command: str) -> list[str]:
    result = subprocess.run(command, capture_output=True, text=True, timeout=DEADLINE)
    assert result.returncode == 0, result.stderr
    return result.stdout.splitlines()


async def roll_back(broker: Broker, kafka: KafkaConfig) -> None:
    """Leave a record in each partition of the events that no subscriber may see."""
    producer = AIOKafkaProducer(bootstrap_servers=broker.address, transactional_id=f"{kafka.topic_prefix}.undone")
    await producer.start()
    try:
        await producer.begin_transaction()
        for partition in range(kafka.partitions):
            await producer.send_and_wait(Topics(kafka.topic_prefix).events, b"undone", b"undone", partition)
        await producer.abort_transaction()
    finally:
        await producer.stop()


async def publish(broker: Broker, kafka: KafkaConfig, folder: Path) -> list[dict[str, Any]]:
    truth = blogs(seed=31)
    await create(broker, kafka)
    await roll_back(broker, kafka)
    names = ("poller", "differ")
    async with press(truth) as config, services(folder, on_kafka(config, broker, kafka), names) as (deployment, _):
        await asyncio.wait_for(step_all(truth, 8), DEADLINE)
        return await agreement(deployment, truth)


@pytest.fixture(scope="module")
def published(kafka: Broker, tmp_path_factory: pytest.TempPathFactory) -> Published:
    config = settings()
    events = asyncio.run(publish(kafka, config, tmp_path_factory.mktemp("published")))
    assert len(events) > 20
    return Published(Topics(config.topic_prefix).events, events)


def check(messages: list[Message], events: list[dict[str, Any]]) -> None:
    """Each event once, as the documentation says, and those of a feed in order."""
    assert sorted(m.headers["ce_id"] for m in messages) == sorted(event["id"] for event in events)
    told = {event["id"]: event for event in events}
    sequences: dict[tuple[str, str], list[str]] = defaultdict(list)
    for message in messages:
        event = told[message.headers["ce_id"]]
        assert message.key == event["data"]["feed"]["id"] == event["partitionkey"]
        assert message.value == event["data"]
        assert message.headers == as_headers(event)
        sequences[message.key, message.headers["ce_feedepoch"]].append(message.headers["ce_sequence"])
    assert len(sequences) == 2
    for read in sequences.values():
        assert read == [f"{number:020d}" for number in range(1, len(read) + 1)]


def as_headers(event: Mapping[str, Any]) -> dict[str, str]:
    attributes = {name: value for name, value in event.items() if name != "data"}
    content_type = attributes.pop("datacontenttype")
    assert content_type == "application/json"
    words = {name: str(value).lower() if isinstance(value, bool) else value for name, value in attributes.items()}
    return {"content-type": content_type} | {f"ce_{name}": word for name, word in words.items()}


@pytest.mark.skipif(shutil.which("kcat") is None, reason="kcat is missing; on Debian: apt-get install kcat")
def test_kcat_reads_the_events_as_documented(kafka: Broker, published: Published) -> None:
    messages = []
    for line in output("kcat", *documented("kcat", kafka, published.topic)):
        read = orjson.loads(line)
        headers = dict(zip(read["headers"][::2], read["headers"][1::2], strict=True))
        messages.append(Message(read["key"], headers, orjson.loads(read["payload"])))
    check(messages, published.events)


def test_the_console_consumer_reads_the_events_as_documented(kafka: Broker, published: Published) -> None:
    command = [find("java"), "-Xmx128m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-cp", f"{resolve()}/*"]
    command += ["-Dorg.slf4j.simpleLogger.defaultLogLevel=error", "org.apache.kafka.tools.consumer.ConsoleConsumer"]
    command += documented("kafka-console-consumer.sh", kafka, published.topic)
    messages = []
    for line in output(*command, "--max-messages", str(len(published.events))):
        headers, key, value = line.split("\t", 2)
        pairs: Iterator[list[str]] = (header.split(":", 1) for header in headers.split(","))
        messages.append(Message(key, dict(pairs), orjson.loads(value)))
    check(messages, published.events)


class Row(NamedTuple):
    sequence: int
    revision: int
    removed: bool
    title: str | None
    text: str
    html: str


class Table:
    """What a subscriber builds from the public topics, knowing no more than the documentation."""

    def __init__(self) -> None:
        self.rows: dict[tuple[str, str], Row] = {}
        self.skipped = 0
        self.taken = 0

    def bootstrap(self, key: str, value: Any) -> None:
        if value is None:
            feed, _, entry = key.partition("/")
            self.rows.pop((feed, entry), None)
            return
        self._put(value, int(value["sequence"]), value["removed_at"] is not None)

    def follow(self, headers: Mapping[str, str], value: Any) -> None:
        if not headers["ce_type"].startswith("deltawire.entry."):
            return
        at, sequence = (value["feed"]["id"], headers["ce_subject"]), int(headers["ce_sequence"])
        if at in self.rows and sequence <= self.rows[at].sequence:
            self.skipped += 1
            return
        self.taken += 1
        self._put(value, sequence, headers["ce_type"].endswith(".removed"))

    def _put(self, value: Any, sequence: int, removed: bool) -> None:
        entry = value["entry"]
        self.rows[value["feed"]["id"], entry["id"]] = Row(
            sequence, value["revision"], removed, entry["title"], entry["content_text"], entry["content_html"]
        )


async def read_to_the_end(
    broker: Broker, kafka: KafkaConfig, topic: str, begin: Mapping[TopicPartition, int] | None = None
) -> tuple[list[Message], dict[TopicPartition, int]]:
    """Every committed record with a bare consumer, and where it ended."""
    partitions = [TopicPartition(topic, number) for number in range(kafka.partitions)]
    consumer = AIOKafkaConsumer(bootstrap_servers=broker.address, isolation_level="read_committed")
    await consumer.start()
    messages: list[Message] = []
    try:
        consumer.assign(partitions)
        for at, offset in (begin or await consumer.beginning_offsets(partitions)).items():
            consumer.seek(at, offset)
        ends: dict[TopicPartition, int] = await consumer.end_offsets(partitions)
        async with asyncio.timeout(DEADLINE):
            while [at for at in partitions if await consumer.position(at) < ends[at]]:
                for records in (await consumer.getmany(timeout_ms=200)).values():
                    for record in records:
                        headers = {name: text.decode() for name, text in record.headers}
                        value = None if record.value is None else orjson.loads(record.value)
                        messages.append(Message(record.key.decode(), headers, value))
    finally:
        await consumer.stop()
    return messages, ends


async def test_a_table_bootstrapped_from_entries_and_the_events_after_it_is_the_store(
    kafka: Broker, tmp_path: Path
) -> None:
    config, truth, table = settings(), blogs(seed=37), Table()
    topics = Topics(config.topic_prefix)
    names = ("poller", "differ", "storage")
    async with press(truth) as text, services(tmp_path, on_kafka(text, kafka, config), names) as (deployment, _):
        await asyncio.wait_for(step_all(truth, 4), DEADLINE)
        _, position = await read_to_the_end(kafka, config, topics.events)
        await asyncio.wait_for(step_all(truth, 8), DEADLINE)
        for message in (await read_to_the_end(kafka, config, topics.entries))[0]:
            table.bootstrap(message.key, message.value)
        await asyncio.wait_for(step_all(truth, 8), DEADLINE)
        await the_store_to_be_the_fold(deployment, await agreement(deployment, truth))
        for message in (await read_to_the_end(kafka, config, topics.events, position))[0]:
            table.follow(message.headers, message.value)
        columns = "sequence, revision, removed_at IS NOT NULL, title, content_text, content_html"
        stored = deployment.stored(f"SELECT feed_id, entry_id, {columns} FROM entries")
    assert table.skipped > 3
    assert table.taken > 3
    assert {(feed, entry): Row(*rest) for feed, entry, *rest in stored} == table.rows
