"""A login within TLS to a real broker, and the sentences of those who are refused, or who must refuse."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from deltawire.config import KafkaConfig
from deltawire.log.kafka import KafkaLog
from deltawire.log.port import LogError
from deltawire.log.topics import Topics
from log.contract import everything, out
from support.broker import PASSWORD, USER, Broker, self_signed
from support.kafka_log import create, settings


@pytest.fixture
def sealed(kafka: Broker) -> str:
    """The address of a broker that speaks TLS and asks for a login."""
    if kafka.sealed_address is None:
        pytest.skip("openssl is missing, which makes the broker's certificate; on Debian: apt-get install openssl")
    return kafka.sealed_address


@pytest.fixture
def config(kafka: Broker, sealed: str) -> KafkaConfig:
    return settings(
        security_protocol="SASL_SSL",
        sasl_mechanism="PLAIN",
        sasl_username=USER,
        sasl_password=PASSWORD,
        ssl_cafile=str(kafka.certificate),
    )


@pytest.fixture
async def topics(kafka: Broker, config: KafkaConfig) -> Topics:
    return await create(kafka, settings(topic_prefix=config.topic_prefix))


async def test_with_the_certificate_trusted_and_the_login_known_everything_works(
    sealed: str, config: KafkaConfig, topics: Topics
) -> None:
    log = await KafkaLog.open(sealed, topics, config)
    await (await log.writer("sealed")).commit([out(topics.events, "k", b"1")])
    assert [r.value for r in await everything(log, topics.events)] == [b"1"]
    await log.close()


async def test_a_stranger_is_refused_and_a_broker_that_is_one_too(
    kafka: Broker, sealed: str, config: KafkaConfig, topics: Topics, tmp_path: Path
) -> None:
    with pytest.raises(LogError, match=r"refuses the login that \[kafka\] has$"):
        await KafkaLog.open(sealed, topics, msgspec.structs.replace(config, sasl_password="guessed"))
    other = tmp_path / "other.pem"
    self_signed(other, tmp_path / "keystore.pem")
    for cafile in (str(other), None):
        with pytest.raises(LogError, match=rf"of Kafka at {sealed} is not trusted \(self-signed .*kafka\.ssl_cafile"):
            await KafkaLog.open(sealed, topics, msgspec.structs.replace(config, ssl_cafile=cafile))
    misnamed = sealed.replace("127.0.0.1", "localhost")
    with pytest.raises(LogError, match=r"Hostname mismatch.*is the address one that it names"):
        await KafkaLog.open(misnamed, topics, config)
    with pytest.raises(LogError, match=r"does not speak TLS as we do.*kafka\.security_protocol"):
        await KafkaLog.open(kafka.address, topics, config)
