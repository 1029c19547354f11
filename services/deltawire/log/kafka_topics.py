"""Topics on Kafka as they should be and as they are: what is missing, what differs, and making it so."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager

import msgspec
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from aiokafka.errors import TopicAlreadyExistsError, TopicAuthorizationFailedError, for_code

from deltawire.log.kafka_client import Cluster, stop
from deltawire.log.port import LogError
from deltawire.log.topics import DAY, Topic

MAX_RECORD = 8 * 1024 * 1024
"""Bytes of a record, before compression. A batch around it may be a little larger."""

_ROOM = 64 * 1024
"""For what is around a record in a batch, and for ``Topic.room``."""

_SET_ON_THE_TOPIC = 1


class Found(msgspec.Struct, frozen=True):
    """A topic as it is. ``settings`` is null where we may not see them; ``own`` are those set on the topic itself."""

    partitions: int
    replicas: int
    settings: dict[str, str] | None
    own: dict[str, str]


class Difference(msgspec.Struct, frozen=True):
    """``missing``: the topic is to be created. ``fixable``: by changing its settings."""

    topic: str
    what: str
    missing: bool = False
    fixable: bool = False


def wanted_settings(topic: Topic) -> dict[str, str]:
    """The configuration of the topic, as Kafka names it."""
    settings = {
        "cleanup.policy": "compact" if topic.compact else "delete",
        "max.message.bytes": str(MAX_RECORD + _ROOM),
    }
    if topic.retention is not None:
        settings["retention.ms"] = str(round(topic.retention * 1000))
    else:
        # Whoever restores from the topic must be done before a deletion that it has not seen is forgotten.
        settings["delete.retention.ms"] = str(round(DAY * 1000))
    return settings


def differences(topics: Iterable[Topic], found: Mapping[str, Found], partitions: int) -> list[Difference]:
    """What must change before deltawire can run. More of what is asked for (retention, size) is no difference."""
    out: list[Difference] = []
    for topic in topics:
        at = found.get(topic.name)
        if at is None:
            out.append(Difference(topic.name, "is missing", missing=True))
            continue
        if at.partitions != partitions:
            out.append(Difference(topic.name, f"has {at.partitions} partitions, kafka.partitions says {partitions}"))
        if at.settings is None:
            continue
        for name, value in wanted_settings(topic).items():
            is_now = at.settings.get(name, "")
            if not _enough(name, value, is_now):
                out.append(Difference(topic.name, f"has {name}={is_now}, needs {value}", fixable=True))
    return out


def _enough(name: str, wanted: str, is_now: str) -> bool:
    if name == "cleanup.policy":
        return wanted == is_now
    return is_now.lstrip("-").isdigit() and (int(is_now) >= int(wanted) or (name == "retention.ms" and is_now == "-1"))


def rights(topics: Iterable[Topic], prefix: str) -> list[str]:
    """The access rights that the services need, one a line."""
    lines = [f"Topic {topic.name}: Describe, DescribeConfigs, Read, Write" for topic in topics]
    return [
        *lines,
        f"Group {prefix}.* (prefixed): Read",
        f"TransactionalId {prefix}.* (prefixed): Describe, Write",
        "Cluster: IdempotentWrite (brokers before 2.8 only)",
        "deltawire topics apply also needs: Create and AlterConfigs on these topics",
    ]


@asynccontextmanager
async def administration(cluster: Cluster) -> AsyncIterator[Administration]:
    """A connection for looking at topics and changing them.

    Raises:
        LogError: Kafka does not answer.
    """
    client = AIOKafkaAdminClient(**cluster.options("topics"))
    try:
        await cluster.start("cannot look at the topics", client)
        yield Administration(cluster, client)
    finally:
        await asyncio.shield(stop(client))


class Administration:
    def __init__(self, cluster: Cluster, client: AIOKafkaAdminClient) -> None:
        self._cluster = cluster
        self._client = client

    async def find(self, topics: Sequence[Topic]) -> dict[str, Found]:
        """Those of the topics that exist."""
        doing = "cannot look at the topics"
        names = [topic.name for topic in topics]
        found: dict[str, Found] = {}
        # Asked for all, Kafka leaves out what is not there; asked by name, a broker may create it.
        for at in await self._cluster.call(doing, self._client.describe_topics()):
            if at["topic"] in names and not at["error_code"]:
                partitions = at["partitions"]
                replicas = min((len(p["replicas"]) for p in partitions), default=0)
                found[at["topic"]] = Found(len(partitions), replicas, None, {})
        if not found:
            return found
        asked = [ConfigResource(ConfigResourceType.TOPIC, name) for name in found]
        for response in await self._cluster.call(doing, self._client.describe_configs(asked)):
            for code, _, _, name, entries in response.resources:
                if not code:
                    settings = {entry[0]: entry[1] or "" for entry in entries}
                    own = {entry[0]: entry[1] or "" for entry in entries if entry[3] == _SET_ON_THE_TOPIC}
                    found[name] = msgspec.structs.replace(found[name], settings=settings, own=own)
        return found

    async def create(self, topics: Sequence[Topic], partitions: int, replication: int) -> None:
        """Create topics that do not exist, and return when they can be used.

        Raises:
            LogError: Kafka refused; what it created before stays.
        """
        if not topics:
            return
        new = [NewTopic(t.name, partitions, replication, topic_configs=wanted_settings(t)) for t in topics]
        answer = await self._cluster.call("cannot create topics", self._client.create_topics(new))
        for name, code, message in answer.topic_errors:
            error = for_code(code)
            if code and error is not TopicAlreadyExistsError:
                raise LogError(f"topic {name} cannot be created: {_why(error, message)}")
        await self._until_there([TopicPartition(t.name, p) for t in topics for p in range(partitions)])

    async def _until_there(self, partitions: Sequence[TopicPartition]) -> None:
        """Wait until the leader of every partition answers for it.

        A new topic is listed before it can be used, and a broker that has to end a transaction in between may
        forget to answer for half a minute (Kafka 4.1: markers for known and unknown partitions in one request).
        """
        consumer = AIOKafkaConsumer(**self._cluster.options("topics"))
        try:
            await self._cluster.start("the new topics do not show up", consumer)
            await self._cluster.call("the new topics do not show up", consumer.end_offsets(partitions))
        finally:
            await asyncio.shield(stop(consumer))

    async def adjust(self, topics: Sequence[Topic], found: Mapping[str, Found]) -> None:
        """Give existing topics the settings that they need. Others, and those that are more than enough, stay.

        Raises:
            LogError: Kafka refused.
        """
        changes = []
        for topic in topics:
            at = found[topic.name]
            # This request replaces all settings of a topic, so those that it has are said again.
            changed = {
                n: v for n, v in wanted_settings(topic).items() if not _enough(n, v, (at.settings or {}).get(n, ""))
            }
            changes.append(ConfigResource(ConfigResourceType.TOPIC, topic.name, configs=at.own | changed))
        if not changes:
            return
        answers = await self._cluster.call("cannot change topics", self._client.alter_configs(changes))
        for answer in answers:
            for code, message, _, name in answer.resources:
                if code:
                    raise LogError(f"topic {name} cannot be changed: {_why(for_code(code), message)}")


def _why(error: type[Exception], message: str | None) -> str:
    if error is TopicAuthorizationFailedError:
        return "we lack the right to (see deltawire topics plan)"
    return message or error.__name__
