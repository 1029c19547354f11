"""Topics on Kafka: planned, made, adjusted; and a refusal to start on others, with the mend."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import msgspec
import pytest
from aiokafka.admin import AIOKafkaAdminClient, NewPartitions
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType

from deltawire.cli.main import main
from deltawire.config import KafkaConfig
from deltawire.log.engines import open_log
from deltawire.log.kafka_client import Cluster
from deltawire.log.kafka_topics import Found, administration, differences, wanted_settings
from deltawire.log.port import LogError
from deltawire.log.topics import DAY, Topic, Topics
from support.broker import Broker
from support.kafka_log import create, settings
from support.waiting import eventually

DELETED = Topic(name="d.events.v1", compact=False, public=True, retention=DAY)
COMPACTED = Topic(name="d.state.v1", compact=True, public=False, retention=None)


def found(topic: Topic, changed: dict[str, str]) -> dict[str, Found]:
    held = wanted_settings(topic) | changed
    return {topic.name: Found(3, 1, held, held)}


@pytest.mark.parametrize(
    ("topic", "changed", "says"),
    [
        (DELETED, {}, None),
        (DELETED, {"retention.ms": "864000000000"}, None),
        (DELETED, {"retention.ms": "-1"}, None),
        (DELETED, {"retention.ms": "3600000"}, "has retention.ms=3600000, needs 86400000"),
        (DELETED, {"cleanup.policy": "compact"}, "has cleanup.policy=compact, needs delete"),
        (COMPACTED, {"cleanup.policy": "compact,delete"}, "has cleanup.policy=compact,delete, needs compact"),
        (COMPACTED, {"max.message.bytes": "1048588"}, "has max.message.bytes=1048588, needs 8454144"),
        (COMPACTED, {"max.message.bytes": "99999999"}, None),
    ],
)
def test_less_than_is_needed_is_a_difference_and_more_is_none(
    topic: Topic, changed: dict[str, str], says: str | None
) -> None:
    what = [difference.what for difference in differences([topic], found(topic, changed), 3)]
    assert what == ([] if says is None else [says])


def test_what_we_may_not_see_is_taken_on_trust_but_not_the_partitions() -> None:
    unseen = {DELETED.name: Found(4, 1, None, {})}
    assert differences([DELETED], unseen, 4) == []
    assert [d.what for d in differences([DELETED], unseen, 3)] == ["has 4 partitions, kafka.partitions says 3"]


@pytest.fixture
def config() -> KafkaConfig:
    return settings()


@pytest.fixture
async def admin(kafka: Broker) -> AsyncIterator[AIOKafkaAdminClient]:
    client = AIOKafkaAdminClient(bootstrap_servers=kafka.address)
    await client.start()
    yield client
    await client.close()


Command = Callable[..., tuple[int, str, str]]


@pytest.fixture
def deltawire(kafka: Broker, config: KafkaConfig, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Command:
    """Run a command on a configuration for the broker."""
    file = tmp_path / "deltawire.toml"

    def run(*arguments: str, partitions: int = config.partitions) -> tuple[int, str, str]:
        file.write_text(
            f'[log]\nurl = "kafka://{kafka.address}"\n[kafka]\ntopic_prefix = "{config.topic_prefix}"\n'
            f"partitions = {partitions}\nreplication_factor = 1\n"
        )
        status = main([*arguments, "--config", str(file)])
        told = capsys.readouterr()
        return status, told.out, told.err

    return run


def test_a_plan_changes_nothing_and_apply_makes_what_services_need(
    kafka: Broker, config: KafkaConfig, deltawire: Command
) -> None:
    topics = Topics(config.topic_prefix)
    for _ in range(2):
        status, out, err = deltawire("topics", "plan")
        assert (status, err) == (0, "")
        assert [line.split()[0] for line in out.splitlines()[: len(topics.table)]] == ["create"] * len(topics.table)
    assert f"create  {topics.events}: 3 partitions, 1 replicas, cleanup.policy=delete" in out
    assert f"Topic {topics.events}: Describe, DescribeConfigs, Read, Write" in out
    assert f"TransactionalId {config.topic_prefix}.* (prefixed): Describe, Write" in out
    assert deltawire("topics", "apply")[1].split()[::2] == ["created"] * len(topics.table)
    assert deltawire("topics", "apply")[1].split()[::2] == ["ok"] * len(topics.table)
    assert [line.split()[0] for line in deltawire("topics", "plan")[1].splitlines()[: len(topics.table)]] == [
        "ok"
    ] * len(topics.table)


async def test_a_service_does_not_start_on_topics_that_are_missing(kafka: Broker, config: KafkaConfig) -> None:
    with pytest.raises(LogError) as error:
        await open_log(f"kafka://{kafka.address}", Topics(config.topic_prefix), role="owner", kafka=config)
    assert f"{config.topic_prefix}.events.v1 is missing" in str(error.value)
    assert "deltawire topics apply does it" in str(error.value)


async def test_another_number_of_partitions_is_refused_and_cannot_be_applied(
    kafka: Broker, config: KafkaConfig, deltawire: Command
) -> None:
    topics = await create(kafka, config)
    other = msgspec.structs.replace(config, partitions=4)
    with pytest.raises(LogError, match=r"events\.v1 has 3 partitions, kafka\.partitions says 4"):
        await open_log(f"kafka://{kafka.address}", topics, role="owner", kafka=other)
    status, _, err = await asyncio.to_thread(deltawire, "topics", "apply", partitions=4)
    assert status == 1
    assert "set kafka.partitions to what is there" in err
    assert "WRONG" in (await asyncio.to_thread(deltawire, "topics", "plan", partitions=4))[1]


async def test_apply_changes_what_differs_and_leaves_what_an_operator_added(
    kafka: Broker, config: KafkaConfig, admin: AIOKafkaAdminClient, deltawire: Command
) -> None:
    topics = await create(kafka, config)
    theirs = {"cleanup.policy": "delete", "retention.ms": "1000", "min.insync.replicas": "1"}
    await admin.alter_configs([ConfigResource(ConfigResourceType.TOPIC, topics.events, configs=theirs)])
    with pytest.raises(LogError, match=r"events\.v1 has max\.message\.bytes=1048588, needs 8454144"):
        await open_log(f"kafka://{kafka.address}", topics, role="guest", kafka=config)
    plan = (await asyncio.to_thread(deltawire, "topics", "plan"))[1]
    assert f"change  {topics.events} has retention.ms=1000, needs 2592000000" in plan
    assert f"changed {topics.events}" in (await asyncio.to_thread(deltawire, "topics", "apply"))[1]
    async with administration(Cluster(kafka.address, config)) as administrator:
        own = (await administrator.find(list(topics)))[topics.events].own
    assert own == wanted_settings(topics.table["events"]) | {"min.insync.replicas": "1"}


async def test_partitions_that_somebody_added_are_noticed(
    kafka: Broker, config: KafkaConfig, admin: AIOKafkaAdminClient
) -> None:
    topics = await create(kafka, config)
    await admin.create_partitions({topics.events: NewPartitions(5)})

    async def there() -> bool:
        return len((await admin.describe_topics([topics.events]))[0]["partitions"]) == 5

    await eventually(there)
    with pytest.raises(LogError, match=r"events\.v1 has 5 partitions, kafka\.partitions says 3"):
        await open_log(f"kafka://{kafka.address}", topics, role="owner", kafka=config)


@pytest.mark.parametrize("command", [["poller"], ["gateway"], ["topics", "plan"]])
def test_what_needs_kafka_says_so_on_the_embedded_log(
    command: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(command) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert "log.url sqlite:///var/deltawire/log.db is the embedded log" in line
    assert "kafka://host:9092" in line
    assert list(tmp_path.iterdir()) == []


def test_a_broker_that_is_not_there_is_one_clear_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DELTAWIRE_LOG__URL", "kafka://127.0.0.1:9")
    assert main(["tail"]) == 1
    assert capsys.readouterr().err == (
        "deltawire tail: cannot look at the topics: Kafka at 127.0.0.1:9 cannot be reached; "
        "is it running, and is the address right?\n"
    )
