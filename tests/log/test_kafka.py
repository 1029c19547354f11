"""The contract on a real Kafka broker."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest
from aiokafka import TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, RecordsToDelete
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType

from deltawire.config import KafkaConfig
from deltawire.log.kafka import KafkaLog
from deltawire.log.kafka_topics import wanted_settings
from deltawire.log.port import Log
from deltawire.log.topics import Topics
from log.contract import DEADLINE, FILLER, Engine, LogContract, everything, out
from log.contract_model import LogModelContract
from support.broker import Broker
from support.kafka_log import create, settings

COMPACT_AT_ONCE = {"segment.ms": "100", "min.cleanable.dirty.ratio": "0.001"}


class KafkaEngine:
    """``patient``: wait until compaction is done, not only for what makes it possible."""

    def __init__(self, broker: Broker, *, patient: bool = True) -> None:
        self._broker = broker
        self._config: KafkaConfig = settings()
        self._patient = patient
        self._created = False
        self.topics = Topics(self._config.topic_prefix)

    async def open(self) -> Log:
        if not self._created:
            await create(self._broker, self._config)
            self._created = True
        return await KafkaLog.open(self._broker.address, self.topics, self._config)

    async def force_retention(self, log: Log) -> None:
        async with asyncio.timeout(DEADLINE):
            admin = await self._admin()
            for topic in self.topics:
                if not topic.compact:
                    bounds = await log.bounds(topic.name)
                    await admin.delete_records(
                        {TopicPartition(topic.name, p): RecordsToDelete(end) for p, (_, end) in bounds.items()}
                    )
            await admin.close()

    async def force_compaction(self, log: Log) -> None:
        """The newest segment is never compacted, and a new one begins only with a record: so some are written."""
        topic = self.topics.entries
        wanted = wanted_settings(self.topics.table["entries"]) | COMPACT_AT_ONCE
        if self._patient:
            wanted["delete.retention.ms"] = "0"
        admin = await self._admin()
        await admin.alter_configs([ConfigResource(ConfigResourceType.TOPIC, topic, configs=wanted)])
        await admin.close()
        partitions = range(len(await log.bounds(topic)))
        async with asyncio.timeout(DEADLINE):
            while True:
                await log.append([out(topic, FILLER, None, partition=p) for p in partitions])
                kept = [r for r in await everything(log, topic) if r.key != FILLER]
                once = len({r.key for r in kept}) == len(kept) and all(r.value is not None for r in kept)
                if once or not self._patient:
                    return
                await asyncio.sleep(0.1)

    async def _admin(self) -> AIOKafkaAdminClient:
        admin = AIOKafkaAdminClient(bootstrap_servers=self._broker.address)
        await admin.start()
        return admin


class TestKafka(LogContract):
    @pytest.fixture
    def make_engine(self, kafka: Broker) -> Callable[[], Engine]:
        return lambda: KafkaEngine(kafka)


class TestKafkaModel(LogModelContract):
    @pytest.fixture
    def make_engine(self, kafka: Broker) -> Callable[[], Engine]:
        return lambda: KafkaEngine(kafka, patient=False)
