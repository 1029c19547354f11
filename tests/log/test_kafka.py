"""The contract on a real Kafka broker."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest

from deltawire.config import KafkaConfig
from deltawire.log.kafka import KafkaLog
from deltawire.log.port import Log
from deltawire.log.topics import Topics
from log.contract import DEADLINE, Engine, LogContract
from log.contract_model import LogModelContract
from support.broker import Broker
from support.kafka_log import compact, create, overrun, settings


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
            for topic in self.topics:
                if not topic.compact:
                    await overrun(self._broker, log, topic.name)

    async def force_compaction(self, log: Log) -> None:
        async with asyncio.timeout(DEADLINE):
            await compact(self._broker, log, self.topics.table["entries"], patient=self._patient)


class TestKafka(LogContract):
    @pytest.fixture
    def make_engine(self, kafka: Broker) -> Callable[[], Engine]:
        return lambda: KafkaEngine(kafka)


class TestKafkaModel(LogModelContract):
    @pytest.fixture
    def make_engine(self, kafka: Broker) -> Callable[[], Engine]:
        return lambda: KafkaEngine(kafka, patient=False)
