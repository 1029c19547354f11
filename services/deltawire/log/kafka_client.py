"""aiokafka at arm's length: its settings, a deadline for every call, errors as sentences, and an end for sure."""

from __future__ import annotations

import asyncio
import os
import socket
import traceback
import uuid
from collections.abc import Awaitable, Iterator
from typing import Any, TypeAlias, TypeVar

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.client import AIOKafkaClient
from aiokafka.conn import AIOKafkaConnection
from aiokafka.errors import KafkaConnectionError, KafkaError

from deltawire.config import KafkaConfig
from deltawire.log.kafka_tls import tls_context, tls_trouble
from deltawire.log.port import LogError

T = TypeVar("T")

STOP_WITHIN = 1.0
"""Seconds that a client may take to say goodbye; then its connections are cut."""

Client: TypeAlias = "AIOKafkaConsumer | AIOKafkaProducer | AIOKafkaAdminClient"


class Cluster:
    """Where Kafka is, how to log in, and how long a call may take."""

    def __init__(self, address: str, config: KafkaConfig) -> None:
        self.address = address
        self.timeout = config.timeout
        self._config = config
        self._instance = f"{socket.gethostname()}-{os.getpid()}-{uuid.uuid4().hex[:8]}"

    @property
    def instance(self) -> str:
        """A name that no other process, and no other log of this one, has."""
        return self._instance

    def options(self, purpose: str) -> dict[str, Any]:
        """Arguments that every client of aiokafka takes.

        A request may wait longer than any of our deadlines: the client would send an unanswered request again, and
        an end of a transaction that arrives twice can end the next one (see ``kafka_session``).

        Raises:
            LogError: a certificate cannot be read.
        """
        config = self._config
        options: dict[str, Any] = {
            "bootstrap_servers": self.address.split(","),
            "client_id": f"deltawire.{purpose}.{self._instance}",
            "request_timeout_ms": round((self.timeout + 2) * 1000),
            "metadata_max_age_ms": 60_000,
            "security_protocol": config.security_protocol,
        }
        if config.security_protocol.endswith("SSL"):
            options["ssl_context"] = tls_context(config)
        if config.security_protocol.startswith("SASL"):
            options["sasl_mechanism"] = config.sasl_mechanism
            options["sasl_plain_username"] = config.sasl_username
            options["sasl_plain_password"] = config.sasl_password
        return options

    async def start(self, doing: str, client: Client) -> None:
        """Start a client of aiokafka, which belongs to the caller also where this fails.

        Raises:
            LogError: it failed, or took too long.
        """
        try:
            await self.call(doing, _start(client))
        except LogError as error:
            if self._config.security_protocol.endswith("SSL"):
                why = await tls_trouble(self.address, tls_context(self._config))
                if why is not None:
                    raise LogError(f"{doing}: {why}") from error.__cause__
            raise

    async def call(self, doing: str, awaitable: Awaitable[T]) -> T:
        """Await under the deadline.

        Raises:
            LogError: it failed, or took too long.
        """
        try:
            async with asyncio.timeout(self.timeout):
                return await awaitable
        except Exception as error:
            raise LogError(f"{doing}: {self.explain(error)}") from error

    def explain(self, error: BaseException) -> str:
        if isinstance(error, TimeoutError):
            return f"Kafka at {self.address} did not answer within {self.timeout:g} s"
        if isinstance(error, KafkaConnectionError | OSError):
            if self._config.security_protocol != "PLAINTEXT":
                return f"Kafka at {self.address} cannot be reached, or refuses the login that [kafka] has"
            return f"Kafka at {self.address} cannot be reached; is it running, and is the address right?"
        if isinstance(error, KafkaError):
            return f"Kafka at {self.address} said {type(error).__name__}: {error}"
        return f"the Kafka client failed with {type(error).__name__}: {error}"


async def _start(client: Client) -> None:
    network = _network(client)
    network._conns = _Connections()
    try:
        await client.start()
    except BaseException as error:
        # The first connection of all is known to no object before it has said where the brokers are.
        for frame, _ in traceback.walk_tb(error.__traceback__):
            _cut(frame.f_locals.get("bootstrap_conn"))
        raise


async def stop(client: Client) -> None:
    """Stop a client; one that does not end in time has its tasks ended and its connections cut.

    The client's own ``stop`` waits for a broker that is gone, without limit.
    """
    ending = client.close() if isinstance(client, AIOKafkaAdminClient) else client.stop()
    stopping = asyncio.ensure_future(ending)
    try:
        await asyncio.wait({stopping}, timeout=STOP_WITHIN)
    finally:
        _abandon(client, stopping)
    # What was cancelled needs a few turns of the loop to end.
    for _ in range(20):
        left = [task for task in _tasks(client) if not task.done()]
        if not left:
            return
        for task in left:
            task.cancel()
        await asyncio.wait(left, timeout=0.05)


def hush(producer: AIOKafkaProducer) -> None:
    """Look at the errors that a failed producer leaves in futures of its own, which nobody else can see."""
    futures = [producer._txn_manager._transaction_waiter]
    for batches in producer._message_accumulator._batches.values():
        futures += [batch._drain_waiter for batch in batches]
    for future in futures:
        if future is not None and future.done():
            forget(future)


def _abandon(client: Client, stopping: asyncio.Future[None]) -> None:
    stopping.cancel()
    stopping.add_done_callback(forget)
    for task in _tasks(client):
        task.cancel()
        task.add_done_callback(forget)
    for connection in list(_network(client)._conns.values()):
        _cut(connection)


class _Connections(dict[Any, AIOKafkaConnection]):
    """The connections of a client, which forgets those that the broker has ended without closing them."""

    def __delitem__(self, node: Any) -> None:
        _cut(self[node])
        super().__delitem__(node)


def _cut(connection: AIOKafkaConnection | None) -> None:
    """Close it now: its own ``close`` waits for a broker to take what was still to be sent."""
    if connection is not None:
        transport = getattr(connection._protocol, "_transport", None)
        connection.close()
        if transport is not None:
            transport.abort()


def _network(client: Client) -> AIOKafkaClient:
    return client.client if isinstance(client, AIOKafkaProducer) else client._client


def _tasks(client: Client) -> Iterator[asyncio.Task[Any]]:
    """The background tasks of a client. aiokafka has no public way to end them."""
    for path in (
        "_sender._sender_task",
        "client._sync_task",
        "_client._sync_task",
        "_fetcher._fetch_task",
        "_coordinator._coordination_task",
        "_coordinator._heartbeat_task",
        "_coordinator._commit_refresh_task",
        "_coordinator._reset_committed_task",
    ):
        found: Any = client
        for name in path.split("."):
            found = getattr(found, name, None)
        if isinstance(found, asyncio.Task):
            yield found
    yield from getattr(getattr(client, "_fetcher", None), "_pending_tasks", ())


def forget(task: asyncio.Future[Any]) -> None:
    """Look at the outcome, so that nobody complains that nobody did."""
    if not task.cancelled():
        task.exception()
