"""The Kafka engine of the log, for many processes on many machines. ``port`` says what it promises.

A commit that has happened shows to readers a moment later, in each partition by itself. ``bounds`` waits for what
this log committed, so that one sees what one has written.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from contextvars import ContextVar

from aiokafka import AIOKafkaConsumer, TopicPartition

from deltawire.config import KafkaConfig
from deltawire.log.kafka_client import Cluster, stop
from deltawire.log.kafka_member import KafkaMembership
from deltawire.log.kafka_reader import KafkaReader
from deltawire.log.kafka_session import Offsets, Session
from deltawire.log.kafka_topics import MAX_RECORD, administration, differences
from deltawire.log.kafka_writer import Appender, KafkaWriter, Placer
from deltawire.log.port import LogError, Membership, Outgoing
from deltawire.log.topics import Topic

VISIBLE_WITHIN = 5.0
"""Seconds that ``bounds`` waits for our own commits to show. Another's open transaction can hide them for longer."""

_group: ContextVar[str | None] = ContextVar("_group", default=None)
"""The group whose member runs this task: readers that its workers open are what the group has worked on."""


class KafkaLog:
    """Make it with ``open``; it belongs to that event loop."""

    def __init__(self, cluster: Cluster, topics: Mapping[str, Topic], partitions: int) -> None:
        self._cluster = cluster
        self._topics = topics
        self._partitions = partitions
        self._placer = Placer(topics, partitions)
        self._appender = Appender(self._placer, self._open_appender)
        self._written: dict[tuple[str, int], int] = {}
        self._sessions: set[Session] = set()
        self._readers: dict[KafkaReader, str | None] = {}
        self._looker: AIOKafkaConsumer | None = None
        self._looking = asyncio.Lock()
        self._closed = False

    @classmethod
    async def open(cls, address: str, topics: Iterable[Topic], config: KafkaConfig) -> KafkaLog:
        """Connect to ``host:port,host:port`` and compare its topics with what they must be.

        Raises:
            LogError: Kafka cannot be reached, or topics are missing or differ; the sentence says the mend.
        """
        cluster = Cluster(address, config)
        named = {topic.name: topic for topic in topics}
        async with administration(cluster) as admin:
            found = differences(named.values(), await admin.find(list(named.values())), config.partitions)
        if found:
            raise LogError(
                f"the topics on Kafka at {address} are not as they must be: "
                + "; ".join(f"{difference.topic} {difference.what}" for difference in found)
                + ". deltawire topics plan shows what to do, deltawire topics apply does it"
            )
        return cls(cluster, named, config.partitions)

    @property
    def partitions(self) -> int:
        """The number of partitions of every topic."""
        return self._partitions

    async def append(self, records: Sequence[Outgoing]) -> None:
        self._check_open()
        await self._appender.append(records)

    async def writer(self, name: str) -> KafkaWriter:
        self._check_open()
        return KafkaWriter(self._placer, await self._open_session(name))

    async def reader(self, topic: str, positions: Mapping[int, int]) -> KafkaReader:
        self._check_open()
        self._check_topic(topic, positions)

        async def ends() -> Mapping[int, int]:
            return {partition: end for partition, (_, end) in (await self.bounds(topic)).items()}

        reader = KafkaReader(self._cluster, topic, positions, ends, self._forget)
        await reader.open()
        self._readers[reader] = _group.get()
        return reader

    async def bounds(self, topic: str) -> dict[int, tuple[int, int]]:
        self._check_open()
        self._check_topic(topic, ())
        clock = asyncio.get_running_loop().time
        deadline, pause = clock() + VISIBLE_WITHIN, 0.002
        while True:
            found = await self._look(topic)
            hidden = any(found[p][1] < self._written.get((topic, p), 0) for p in found)
            if not hidden or clock() > deadline:
                return found
            await asyncio.sleep(pause)
            pause = min(pause * 2, 0.1)

    @asynccontextmanager
    async def member(self, group: str, topic: str) -> AsyncIterator[Membership]:
        """Join the group, on Kafka under the topics' prefix."""
        self._check_open()
        self._check_topic(topic, ())
        prefix = topic.rsplit(".", 2)[0]
        group = group if group.startswith(f"{prefix}.") else f"{prefix}.{group}"

        def settled() -> dict[int, int]:
            return {
                partition: position
                for reader, of in self._readers.items()
                if of == group and reader.topic == topic
                for partition, position in reader.settled.items()
            }

        membership = KafkaMembership(self._cluster, group, topic, settled)
        await membership.join()
        token = _group.set(group)
        try:
            yield membership
        finally:
            _group.reset(token)
            await membership.leave()

    async def close(self) -> None:
        """Finish within a few seconds, whatever Kafka does. Readers that wait end with a LogError."""
        if self._closed:
            return
        self._closed = True
        ends = [self._appender.close(), *(session.close() for session in self._sessions)]
        ends += [reader.close() for reader in list(self._readers)]
        if self._looker is not None:
            ends.append(stop(self._looker))
        await asyncio.gather(*ends)

    async def _look(self, topic: str) -> dict[int, tuple[int, int]]:
        """Ask for the beginning and the end of each partition; the end is what committed readers may see."""
        partitions = [TopicPartition(topic, p) for p in range(self._partitions)]
        async with self._looking:
            if self._looker is None:
                self._looker = await self._open_looker()
        looker = self._looker
        try:
            begins, ends = await self._cluster.call(
                f"cannot ask for the ends of {topic}",
                asyncio.gather(looker.beginning_offsets(partitions), looker.end_offsets(partitions)),
            )
        except LogError:
            if self._looker is looker:
                self._looker = None
                await asyncio.shield(stop(looker))
            raise
        return {at.partition: (begins[at], ends[at]) for at in partitions}

    async def _open_looker(self) -> AIOKafkaConsumer:
        looker = AIOKafkaConsumer(
            **self._cluster.options("bounds"), isolation_level="read_committed", enable_auto_commit=False
        )
        try:
            await self._cluster.start("cannot ask for the ends of the topics", looker)
        except BaseException:
            await asyncio.shield(stop(looker))
            raise
        return looker

    async def _open_appender(self) -> Session:
        prefix = next(iter(self._topics)).rsplit(".", 2)[0]
        return await Session.open(
            self._cluster, f"{prefix}.append.{self._cluster.instance}", max_request=2 * MAX_RECORD, written=self._note
        )

    async def _open_session(self, name: str) -> Session:
        session = await Session.open(self._cluster, name, max_request=2 * MAX_RECORD, written=self._note)
        self._sessions = {old for old in self._sessions if not old.ended} | {session}
        return session

    def _note(self, offsets: Offsets) -> None:
        for at, offset in offsets.items():
            self._written[at] = max(offset, self._written.get(at, 0))

    def _forget(self, reader: KafkaReader) -> None:
        self._readers.pop(reader, None)

    def _check_open(self) -> None:
        if self._closed:
            raise LogError(f"the log on Kafka at {self._cluster.address} is closed")

    def _check_topic(self, topic: str, wanted: Iterable[int]) -> None:
        if topic not in self._topics:
            raise LogError(f"the log has no topic {topic}")
        for partition in wanted:
            if not 0 <= partition < self._partitions:
                raise LogError(f"topic {topic} has {self._partitions} partition(s), no partition {partition}")
