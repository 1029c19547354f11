"""``deltawire topics``: what Kafka must hold before the services start, and making it so."""

from __future__ import annotations

import argparse
from collections.abc import Sequence

from deltawire.cli.main import Failure, Misuse
from deltawire.config import KafkaConfig
from deltawire.config_rules import kafka_address
from deltawire.log.kafka_client import Cluster
from deltawire.log.kafka_topics import (
    Administration,
    Difference,
    administration,
    differences,
    rights,
    wanted_settings,
)
from deltawire.log.topics import Topics
from deltawire.settings import Settings


async def main(arguments: argparse.Namespace, settings: Settings) -> None:
    config = settings.config.kafka
    address = kafka_address(settings.config.log.url)
    if address is None:
        raise Misuse(
            f"log.url {settings.config.log.url} is the embedded log, which needs no topics made; "
            "for Kafka write kafka://host:9092"
        )
    topics = Topics(config.topic_prefix)
    async with administration(Cluster(address, config)) as admin:
        if arguments.action == "apply":
            await _apply(admin, topics, config)
        else:
            await _plan(admin, topics, config)


async def _plan(admin: Administration, topics: Topics, config: KafkaConfig) -> None:
    found = await admin.find(list(topics))
    wrong = differences(topics, found, config.partitions)
    for topic in topics:
        mine = [difference for difference in wrong if difference.topic == topic.name]
        if any(difference.missing for difference in mine):
            told = ", ".join(f"{name}={value}" for name, value in wanted_settings(topic).items())
            print(f"create  {topic.name}: {config.partitions} partitions, {config.replication_factor} replicas, {told}")
        elif mine:
            for difference in mine:
                print(f"{'change' if difference.fixable else 'WRONG '}  {topic.name} {difference.what}")
        else:
            replicas = found[topic.name].replicas
            fewer = f", {replicas} replicas where {config.replication_factor} are configured"
            print(f"ok      {topic.name}{fewer if replicas < config.replication_factor else ''}")
    for hopeless in _hopeless(wrong):
        print(hopeless)
    print("\nrights of the services:")
    for line in rights(topics, topics.prefix):
        print(f"  {line}")


async def _apply(admin: Administration, topics: Topics, config: KafkaConfig) -> None:
    found = await admin.find(list(topics))
    wrong = differences(topics, found, config.partitions)
    if hopeless := _hopeless(wrong):
        raise Failure("; ".join(hopeless))
    missing = {difference.topic for difference in wrong if difference.missing}
    changed = {difference.topic for difference in wrong if difference.fixable}
    await admin.create([t for t in topics if t.name in missing], config.partitions, config.replication_factor)
    await admin.adjust([t for t in topics if t.name in changed], found)
    for topic in topics:
        done = "created" if topic.name in missing else "changed" if topic.name in changed else "ok"
        print(f"{done:<8}{topic.name}")


def _hopeless(wrong: Sequence[Difference]) -> list[str]:
    """What cannot be changed on a topic that is there."""
    return [
        f"{difference.topic} {difference.what}: the number cannot be changed without mixing up the order of events; "
        "set kafka.partitions to what is there, or choose another kafka.topic_prefix"
        for difference in wrong
        if not difference.missing and not difference.fixable
    ]
