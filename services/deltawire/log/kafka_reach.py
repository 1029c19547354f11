"""Whether Kafka is away, so that waiting for it may help, or there and unwilling."""

from __future__ import annotations

import asyncio

from aiokafka.errors import KafkaConnectionError

from deltawire.log.port import LogError

PROBE_WITHIN = 1.0


async def is_away(error: LogError, address: str, *, login: bool) -> bool:
    """Whether the error of an attempt to open the log at ``host:port,host:port`` says that nobody answers there.

    With a ``login`` (or TLS) the client fails in the same way where it is refused: then only a cluster of which no
    broker takes connections is away.
    """
    cause = error.__cause__
    if isinstance(cause, TimeoutError):
        return True
    if not isinstance(cause, KafkaConnectionError | OSError):
        return False
    return not login or not any(await asyncio.gather(*map(_listens, address.split(","))))


async def _listens(broker: str) -> bool:
    host, _, port = broker.rpartition(":")
    try:
        async with asyncio.timeout(PROBE_WITHIN):
            _, writer = await asyncio.open_connection(host.strip("[]"), int(port))
    except OSError:
        return False
    writer.close()
    return True
