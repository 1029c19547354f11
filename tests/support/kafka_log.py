"""Kafka logs for the tests: topics of their own on the shared broker."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import msgspec
from aiokafka import TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, RecordsToDelete
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType

from deltawire.config import KafkaConfig
from deltawire.log.kafka_client import Cluster
from deltawire.log.kafka_topics import administration, wanted_settings
from deltawire.log.port import Log, Outgoing, Record, snapshot
from deltawire.log.topics import Topic, Topics
from support.broker import Broker

FILLER = "@filler"
"""Key of the tombstones that fill up a compacted topic."""


def settings(partitions: int = 3, **more: object) -> KafkaConfig:
    """A configuration with a topic prefix that no other test has, and patience for a busy machine."""
    prefix = f"test-{uuid.uuid4().hex[:12]}"
    config = KafkaConfig(topic_prefix=prefix, partitions=partitions, replication_factor=1, timeout=30)
    return msgspec.structs.replace(config, **more)


async def create(broker: Broker, config: KafkaConfig) -> Topics:
    """Create the topics of a configuration; what ``deltawire topics apply`` does."""
    topics = Topics(config.topic_prefix)
    async with administration(Cluster(broker.address, config)) as admin:
        await admin.create(list(topics), config.partitions, config.replication_factor)
    return topics


@asynccontextmanager
async def admin_of(broker: Broker) -> AsyncIterator[AIOKafkaAdminClient]:
    admin = AIOKafkaAdminClient(bootstrap_servers=broker.address)
    await admin.start()
    try:
        yield admin
    finally:
        await admin.close()


async def alter(broker: Broker, topic: Topic, **settings: str) -> None:
    """Give the topic these settings (dots as underscores) besides those that it must have."""
    wanted = wanted_settings(topic) | {name.replace("_", "."): value for name, value in settings.items()}
    async with admin_of(broker) as admin:
        await admin.alter_configs([ConfigResource(ConfigResourceType.TOPIC, topic.name, configs=wanted)])


async def overrun(broker: Broker, log: Log, topic: str) -> None:
    """Retention passes over everything that the topic holds."""
    bounds = await log.bounds(topic)
    async with admin_of(broker) as admin:
        await admin.delete_records({TopicPartition(topic, p): RecordsToDelete(end) for p, (_, end) in bounds.items()})


async def compact(broker: Broker, log: Log, topic: Topic, *, patient: bool = True) -> None:
    """Have the topic compacted, its tombstones removed; without patience only do what makes it possible.

    The newest segment is never compacted, and a new one begins only with a record: so some are written.
    """
    settings = {"segment_ms": "100", "min_cleanable_dirty_ratio": "0.001"}
    await alter(broker, topic, **settings, **({"delete_retention_ms": "0"} if patient else {}))
    partitions = range(len(await log.bounds(topic.name)))
    while True:
        await log.append([Outgoing(topic=topic.name, key=FILLER, value=None, partition=p) for p in partitions])
        held = await kept(log, topic.name)
        if not patient or (
            len({(r.partition, r.key) for r in held}) == len(held) and all(r.value is not None for r in held)
        ):
            return
        await asyncio.sleep(0.1)


async def kept(log: Log, topic: str) -> list[Record]:
    """The records of a compacted topic without what was filled in."""
    return [record async for record in snapshot(log, topic) if record.key != FILLER]
