"""Reading from Kafka: explicit positions, committed records only, and a watch over a consumer that stands still."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from datetime import UTC, datetime
from types import MappingProxyType

import structlog
from aiokafka import AIOKafkaConsumer, ConsumerRecord, TopicPartition
from aiokafka.errors import OffsetOutOfRangeError

from deltawire.log.kafka_client import Cluster, stop
from deltawire.log.kafka_held import Holds, Mark
from deltawire.log.port import LogError, OutOfRange, Record

logger = structlog.get_logger()

FETCH_BYTES = 16 * 1024 * 1024
"""Of one fetch, as compressed; a record that is larger comes nevertheless."""

PARTITION_FETCH_BYTES = 4 * 1024 * 1024

IDLE_MS = 2000
"""How often a consumer that has nothing to read moves at all. What comes, comes at once."""

FIRST_SLICE, LONGEST_SLICE = 0.02, 1.0
"""Seconds between two looks at the positions while polls wait: records wake them at once, holes do not."""


class KafkaReader:
    """Make it with ``open``. ``ends`` asks for the end of each partition of the topic, as a reader sees it.

    A consumer can stop without a word. One that is silent for ``stall`` seconds is compared with those ends: behind
    them it is replaced; and where they cannot be had, Kafka is gone, and polling says so.
    """

    def __init__(
        self,
        cluster: Cluster,
        topic: str,
        positions: Mapping[int, int],
        ends: Callable[[], Awaitable[Mapping[int, int]]],
        closed: Callable[[KafkaReader], None],
    ) -> None:
        self.topic = topic
        self.settled = dict(positions)
        """Everything before these offsets was handed out, and then more was asked for."""
        self._cluster = cluster
        self._positions = dict(positions)
        self._ends = ends
        self._on_close = closed
        self._consumer: AIOKafkaConsumer | None = None
        self._closed = False
        self._stall = cluster.timeout
        self._slice = FIRST_SLICE
        self._holds = Holds(topic, cluster.timeout / 2)
        self._heard = asyncio.get_running_loop().time()

    @property
    def positions(self) -> Mapping[int, int]:
        return MappingProxyType(self._positions)

    async def open(self) -> None:
        """
        Raises:
            LogError: Kafka cannot be reached.
        """
        await self._replace()

    async def poll(self, *, max_records: int = 500, timeout: float = 1.0) -> list[Record]:
        if self._closed or self._consumer is None:
            raise LogError(f"this reader of {self.topic} is closed")
        self.settled = dict(self._positions)
        clock = asyncio.get_running_loop().time
        deadline = clock() + timeout
        wait = 0.0
        while True:
            records = await self._fetch(max_records, wait)
            if records or self._positions != self.settled:
                self._heard = clock()
                self._slice = FIRST_SLICE
                return records
            if clock() - self._heard > self._stall:
                await self._check()
            left = deadline - clock()
            if left <= 0:
                return []
            wait, self._slice = min(left, self._slice), min(self._slice * 2, LONGEST_SLICE)

    async def close(self) -> None:
        self._closed = True
        self._on_close(self)
        self._holds.forget()
        await self._drop()

    async def _fetch(self, max_records: int, wait: float) -> list[Record]:
        """The next records, and the positions after them: no await in between, so that cancelling loses none."""
        consumer = self._consumer
        if consumer is None or self._closed:
            raise LogError(f"this reader of {self.topic} was closed")
        try:
            async with asyncio.timeout(wait + self._cluster.timeout):
                fetched = await consumer.getmany(timeout_ms=round(wait * 1000), max_records=max_records)
        except OffsetOutOfRangeError:
            raise OutOfRange(f"{self.topic}: the log does not hold the positions {self._positions}") from None
        except Exception as error:
            raise LogError(f"reading {self.topic}: {self._cluster.explain(error)}") from error
        records = [_record(record) for batch in fetched.values() for record in batch]
        for partition in self._positions:
            at = TopicPartition(self.topic, partition)
            self._positions[partition] = await consumer.position(at)
            if (said := consumer.last_poll_timestamp(at)) is not None:
                mark = Mark(stable=consumer.last_stable_offset(at), end=consumer.highwater(at), at=said / 1000)
                self._holds.see(partition, mark)
        return records

    async def _check(self) -> None:
        """Nothing came for long: is there nothing, or is the consumer dead?"""
        ends = await self._ends()
        behind = {p: ends[p] - at for p, at in self._positions.items() if ends[p] > at}
        self._heard = asyncio.get_running_loop().time()
        if behind:
            logger.warning("log.reader_stalled", topic=self.topic, behind=behind, outcome="consumer replaced")
            await self._drop()
            await self._replace()

    async def _replace(self) -> None:
        partitions = {TopicPartition(self.topic, p): at for p, at in self._positions.items()}
        consumer = AIOKafkaConsumer(
            **self._cluster.options("reader"),
            isolation_level="read_committed",
            auto_offset_reset="none",
            enable_auto_commit=False,
            fetch_max_wait_ms=IDLE_MS,
            consumer_timeout_ms=IDLE_MS,
            fetch_max_bytes=FETCH_BYTES,
            max_partition_fetch_bytes=PARTITION_FETCH_BYTES,
        )
        try:
            await self._cluster.start(f"cannot read {self.topic}", consumer)
            consumer.assign(list(partitions))
            for partition, position in partitions.items():
                consumer.seek(partition, position)
        except BaseException:
            await asyncio.shield(stop(consumer))
            raise
        self._consumer = consumer

    async def _drop(self) -> None:
        consumer, self._consumer = self._consumer, None
        if consumer is not None:
            await asyncio.shield(stop(consumer))


def _record(record: ConsumerRecord) -> Record:
    """What other programs wrote is taken as far as it goes: bytes that are no UTF-8 are replaced."""
    return Record(
        topic=record.topic,
        partition=record.partition,
        offset=record.offset,
        key=None if record.key is None else record.key.decode("utf-8", "replace"),
        value=record.value,
        headers={name: (value or b"").decode("utf-8", "replace") for name, value in record.headers},
        timestamp=datetime.fromtimestamp(max(record.timestamp, 0) / 1000, UTC),
    )
