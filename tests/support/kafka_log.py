"""Kafka logs for the tests: topics of their own on the shared broker."""

from __future__ import annotations

import uuid

import msgspec

from deltawire.config import KafkaConfig
from deltawire.log.kafka_client import Cluster
from deltawire.log.kafka_topics import administration
from deltawire.log.topics import Topics
from support.broker import Broker


def settings(partitions: int = 3, **more: object) -> KafkaConfig:
    """A configuration with a topic prefix that no other test has."""
    config = KafkaConfig(topic_prefix=f"test-{uuid.uuid4().hex[:12]}", partitions=partitions, replication_factor=1)
    return msgspec.structs.replace(config, **more)


async def create(broker: Broker, config: KafkaConfig) -> Topics:
    """Create the topics of a configuration; what ``deltawire topics apply`` does."""
    topics = Topics(config.topic_prefix)
    async with administration(Cluster(broker.address, config)) as admin:
        await admin.create(list(topics), config.partitions, config.replication_factor)
    return topics
