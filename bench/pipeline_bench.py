"""How fast looks become events and rows on a real Kafka and PostgreSQL, beside bare aiokafka in the same run.

    .venv/bin/python bench/pipeline_bench.py [--feeds N] [--looks N] [--seconds S]

The differ and storage run as two processes; this program writes the looks, as a poller would, and reads the events, as
a subscriber would (read_committed). First all looks at once: events a second. Then one look at a time: seconds from
just before the look is written to its event in the subscriber's hands, and to its row in PostgreSQL. The bare side
sends records of an event's size through a topic of the same broker and reads them, without transactions.
"""

from __future__ import annotations

import argparse
import asyncio
import itertools
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import asyncpg
import msgspec
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition

from deltawire.log.kafka import KafkaLog
from deltawire.log.port import Outgoing
from deltawire.log.topics import Topics
from deltawire.model import Document, Entry, FeedMeta, FeedRef, Reading

sys.path.insert(0, str(Path(__file__).parent.parent / "tests"))

from support.broker import Broker
from support.kafka_log import create, settings
from support.postgres import PostgresServer, postgres_server

COMMAND = str(Path(sys.executable).with_name("deltawire"))
DEADLINE = 60.0
SHOWN = 20
NEW = 5
PARTITIONS = 6
WORDS = ("the", "harbour", "was", "closed", "after", "smoke", "had", "been", "seen", "over", "an", "old", "quay")


class Blog:
    """A feed that shows its newest ``SHOWN`` entries of about 600 characters."""

    def __init__(self, topics: Topics, feed: str) -> None:
        self._topics = topics
        self._feed = FeedRef(id=feed, url=f"https://bench.example/{feed}", generation="g")
        self._entries: list[Entry] = []
        self._looks = 0

    def look(self, new: int) -> tuple[Outgoing, list[str]]:
        """A look at it with that many new entries, and their names."""
        names = []
        for _ in range(new):
            number = len(self._entries)
            text = f"{number} " + " ".join(WORDS[(number * 7 + place) % len(WORDS)] for place in range(110))
            at = datetime(2026, 2, 1, tzinfo=UTC) + timedelta(seconds=number)
            names.append(f"{self._feed.id}-{number}")
            self._entries.append(
                Entry(
                    source_id=names[-1],
                    content_text=text,
                    content_html=f"<p>{text}</p>",
                    published_at=at,
                    published_precision="exact",
                )
            )
        self._looks += 1
        now = datetime.now(UTC)
        document = Document(
            poll_id=f"{self._looks:032x}",
            feed=self._feed,
            poller="bench",
            began_at=now,
            fetched_at=now,
            digest=str(self._looks),
            reading=Reading(
                format="rss",
                version=1,
                feed=FeedMeta(title="Bench"),
                coverage="window",
                entries=tuple(reversed(self._entries[-SHOWN:])),
            ),
        )
        value = msgspec.json.encode(document)
        return Outgoing(topic=self._topics.observations, key=self._feed.id, value=value), names


class Subscriber:
    """Reads a topic as it grows. ``ids`` has the id of the event of each entry, by the entry's name."""

    def __init__(self, broker: Broker, topic: str, partitions: int) -> None:
        self.count = 0
        self.size = 0
        self.ids: dict[str, str] = {}
        self._partitions = [TopicPartition(topic, number) for number in range(partitions)]
        self._consumer = AIOKafkaConsumer(bootstrap_servers=broker.address, isolation_level="read_committed")

    async def start(self) -> None:
        await self._consumer.start()
        self._consumer.assign(self._partitions)
        await self._consumer.seek_to_beginning(*self._partitions)

    async def read(self, count: int) -> None:
        """Return when there are that many records in all."""
        async with asyncio.timeout(DEADLINE):
            while self.count < count:
                for records in (await self._consumer.getmany(timeout_ms=1000)).values():
                    self.count += len(records)
                    for record in records:
                        self.size += len(record.value)
                        headers = dict(record.headers)
                        if headers.get("ce_type", b"").startswith(b"deltawire.entry."):
                            name = msgspec.json.decode(record.value)["entry"]["source_id"]
                            self.ids[name] = headers["ce_id"].decode()

    async def stop(self) -> None:
        await self._consumer.stop()


@contextmanager
def service(name: str, folder: Path) -> Iterator[None]:
    with (folder / f"{name}.log").open("wb") as log:
        process = subprocess.Popen([COMMAND, name], cwd=folder, stdout=log, stderr=log)
        try:
            yield
        finally:
            process.terminate()
            process.wait()


async def bare(broker: Broker, topic: str, count: int, size: int, samples: int) -> tuple[float, list[float]]:
    """Records a second sent and read at once, and the seconds of one record at a time."""
    value = os.urandom(size // 2).hex().encode()
    subscriber = Subscriber(broker, topic, PARTITIONS)
    producer = AIOKafkaProducer(bootstrap_servers=broker.address, acks="all")
    await producer.start()
    await subscriber.start()

    async def send() -> None:
        for number in range(count):
            await producer.send(topic, value, partition=number % PARTITIONS)
        await producer.flush()

    began = time.perf_counter()
    await asyncio.gather(send(), subscriber.read(count))
    rate = count / (time.perf_counter() - began)
    delays = []
    for number in range(samples):
        began = time.perf_counter()
        await asyncio.gather(producer.send_and_wait(topic, value), subscriber.read(count + number + 1))
        delays.append(time.perf_counter() - began)
    await subscriber.stop()
    await producer.stop()
    return rate, delays


class Pipeline:
    """The differ and storage at work on one log and one store."""

    def __init__(self, log: KafkaLog, subscriber: Subscriber, postgres: asyncpg.Connection[asyncpg.Record]) -> None:
        self._log = log
        self._subscriber = subscriber
        self._postgres = postgres
        self._events = 0

    async def take(self, looks: Sequence[Outgoing], events: int) -> tuple[float, float]:
        """Seconds from before the looks are written until all their events are read, and until all have rows."""
        self._events += events
        began = time.perf_counter()
        await self._log.append(looks)
        await self._subscriber.read(self._events)
        read = time.perf_counter()
        async with asyncio.timeout(DEADLINE):
            while await self._rows() < self._events:  # noqa: ASYNC110 the rows are another process's
                await asyncio.sleep(0.01)
        return read - began, time.perf_counter() - began

    async def follow(self, look: Outgoing, name: str) -> tuple[float, float]:
        """The same for one look with one new entry, with the row asked for without a pause."""
        self._events += 1
        began = time.perf_counter()
        await self._log.append([look])
        await self._subscriber.read(self._events)
        read = time.perf_counter()
        event_id = self._subscriber.ids[name]
        async with asyncio.timeout(DEADLINE):
            while not await self._postgres.fetchval("SELECT 1 FROM deltawire.revisions WHERE event_id = $1", event_id):
                pass
        return read - began, time.perf_counter() - began

    async def _rows(self) -> int:
        if await self._postgres.fetchval("SELECT to_regclass('deltawire.revisions')") is None:
            return 0
        return int(await self._postgres.fetchval("SELECT count(*) FROM deltawire.revisions"))


def told(what: str, delays: Sequence[float], bare_delays: Sequence[float]) -> None:
    cells = []
    for share in (50, 99):
        mine, theirs = percentile(delays, share), percentile(bare_delays, share)
        cells.append(f"{1000 * mine:9.1f}{1000 * theirs:9.1f}{mine / theirs:7.1f}")
    print(f"{what:34}{''.join(cells)}")


def percentile(values: Sequence[float], share: int) -> float:
    return statistics.quantiles(values, n=100, method="inclusive")[share - 1]


async def measure(broker: Broker, postgres: PostgresServer, folder: Path, options: argparse.Namespace) -> None:
    config = settings(PARTITIONS)
    topics = await create(broker, config)
    (folder / "deltawire.toml").write_text(
        f'[log]\nurl = "kafka://{broker.address}"\n[store]\nurl = "{postgres.url()}"\n'
        f'[kafka]\ntopic_prefix = "{config.topic_prefix}"\npartitions = {PARTITIONS}\nreplication_factor = 1\n',
        encoding="utf-8",
    )
    log = await KafkaLog.open(broker.address, topics, config)
    subscriber = Subscriber(broker, topics.events, PARTITIONS)
    await subscriber.start()
    blogs = [Blog(topics, f"bench-{number}") for number in range(options.feeds)]
    with service("differ", folder), service("storage", folder):
        pipeline = Pipeline(log, subscriber, await postgres.connect())
        # Each feed's first look, which also waits for the services to have started.
        await pipeline.take([blog.look(SHOWN)[0] for blog in blogs], options.feeds * (1 + SHOWN))
        events = options.feeds * options.looks * NEW
        burst = [blog.look(NEW)[0] for _ in range(options.looks) for blog in blogs]
        read, stored = await pipeline.take(burst, events)
        delays = []
        end = time.perf_counter() + options.seconds
        for number in itertools.count():
            if time.perf_counter() > end:
                break
            look, (name,) = blogs[number % len(blogs)].look(1)
            delays.append(await pipeline.follow(look, name))
    size = subscriber.size // subscriber.count
    await subscriber.stop()
    await log.close()
    # After the services have ended, so that both sides have the machine to themselves; any topic of ours will do.
    rate, bare_delays = await bare(broker, topics.dead_letters, 5 * events, size, len(delays))
    load = os.getloadavg()[0]
    print(f"{events} events of {size} bytes from {len(burst)} looks; {len(delays)} single looks; load {load:.1f}")
    print(f"{'':34}  events/s  bare records/s  ratio")
    for what, seconds in (("look to event", read), ("look to row in PostgreSQL", stored)):
        print(f"{what:34}{events / seconds:10,.0f}{rate:16,.0f}{events / seconds / rate:7.3f}")
    print(f"{'':34}   p50 ms     bare  ratio   p99 ms     bare  ratio")
    told("look to event", [event for event, _ in delays], bare_delays)
    told("look to row in PostgreSQL", [row for _, row in delays], bare_delays)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--feeds", type=int, default=24)
    parser.add_argument("--looks", type=int, default=40)
    parser.add_argument("--seconds", type=float, default=10)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=".") as folder, postgres_server() as postgres:
        broker = Broker(Path(folder) / "kafka")
        broker.start()
        try:
            asyncio.run(measure(broker, postgres, Path(folder), options))
        finally:
            broker.stop()


if __name__ == "__main__":
    main()
