"""The engine that a ``[log] url`` names."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Literal
from urllib.parse import unquote

from deltawire import telemetry
from deltawire.config import KafkaConfig
from deltawire.config_rules import kafka_address
from deltawire.log.kafka import KafkaLog
from deltawire.log.kafka_reach import is_away
from deltawire.log.port import Log, LogError, Unreachable
from deltawire.log.sqlite import SqliteLog
from deltawire.log.sqlite_guest import SqliteGuest
from deltawire.log.topics import Topic

_SQLITE = "sqlite:///"


async def open_log(
    url: str,
    topics: Iterable[Topic],
    *,
    role: Literal["owner", "guest"],
    kafka: KafkaConfig | None = None,
) -> Log:
    """Open the log that ``url`` names, as the process that runs services (owner) or as a command beside it (guest).

    ``sqlite:///relative/path`` and ``sqlite:////absolute/path`` name a file. ``kafka://host:port,host:port`` names
    a cluster, where ``kafka`` has its settings and the role does not matter.

    Raises:
        Unreachable: Kafka does not answer.
        LogError: the URL names no engine, or the log cannot be used in that role.
    """
    if address := kafka_address(url):
        kafka = kafka or KafkaConfig()
        try:
            return await KafkaLog.open(address, topics, kafka)
        except LogError as error:
            if await is_away(error, address, login=kafka.security_protocol != "PLAINTEXT"):
                raise Unreachable(str(error)) from error
            raise
    if not url.startswith(_SQLITE) or url == _SQLITE:
        raise LogError(
            f'[log] url "{telemetry.redact(url)}" names no log; "sqlite:///var/deltawire/log.db" names a file, '
            '"kafka://host:9092" a Kafka cluster'
        )
    path = Path(unquote(url.removeprefix(_SQLITE)))
    if role == "guest":
        return SqliteGuest(path, topics)
    return await SqliteLog.open(path, topics)
