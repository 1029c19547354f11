"""One transactional producer of aiokafka, used until the first thing that goes wrong, and then thrown away.

What aiokafka 0.14 leaves to its user (``reliability.md`` 1.1 has the measurements): it commits a transaction of which
a record was refused; it never expires a batch, nor lowers the sequence numbers of a refused one; it repeats an end of
a transaction whose answer did not come, and a repeat that arrives late can end the *next* transaction of the same
epoch; after a cancelled commit it is in no usable state. A new producer of the same id has a new epoch, which makes
whatever is still under way void.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any

import msgspec
from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError, ProducerFenced
from aiokafka.protocol.coordination import FindCoordinatorRequest
from aiokafka.protocol.metadata import MetadataRequest

from deltawire.log.kafka_client import Cluster, forget, hush, stop
from deltawire.log.port import Fenced, LogError, OutcomeUnknown

BATCH_BYTES = 1024 * 1024
FINISH_WITHIN = 2.0
"""Seconds that a commit under way may still take when its task is cancelled, or its abort."""

OUTLIVES = 5.0
"""Seconds by which Kafka's patience with an open transaction is longer than a commit may take."""


class Placed(msgspec.Struct, frozen=True):
    """A record as the client takes it."""

    topic: str
    partition: int
    key: bytes | None
    value: bytes | None
    headers: list[tuple[str, bytes]]


Offsets = Mapping[tuple[str, int], int]
"""The offset after the last record written, by topic and partition."""


class Session:
    """Make it with ``open``. One task at a time may commit."""

    def __init__(
        self, cluster: Cluster, name: str, producer: AIOKafkaProducer, written: Callable[[Offsets], None]
    ) -> None:
        self.name = name
        self._cluster = cluster
        self._producer = producer
        self._written = written
        self._usable = True
        self._fenced = False
        self._given_up = False
        self._lost = False
        self._committing = False
        self._ending: asyncio.Task[None] | None = None
        producer.client.send = self._watched(producer.client.send)

    @classmethod
    async def open(
        cls, cluster: Cluster, name: str, *, max_request: int, written: Callable[[Offsets], None]
    ) -> Session:
        """Start a producer; when this returns, every earlier one of that transactional id is fenced, and what it
        had not committed is aborted. ``written`` is told of each commit.

        Raises:
            LogError: Kafka did not let us, in time.
        """
        producer = AIOKafkaProducer(
            **cluster.options("writer"),
            transactional_id=name,
            # Longer than a commit may take: only a process that stood still is timed out, and that one has
            # also lost its place in the group. Shorter than readers can be made to wait for the lost.
            transaction_timeout_ms=round((cluster.timeout + OUTLIVES) * 1000),
            compression_type="zstd",
            max_batch_size=BATCH_BYTES,
            max_request_size=max_request,
        )
        session = cls(cluster, name, producer, written)
        try:
            await session._start()
        except BaseException:
            await asyncio.shield(stop(producer))
            raise
        return session

    @property
    def usable(self) -> bool:
        """Whether another commit may be tried."""
        return self._usable

    @property
    def ended(self) -> bool:
        """Whether nothing of it is left."""
        return self._ending is not None and self._ending.done()

    async def commit(self, records: Sequence[Placed]) -> None:
        """Write all or nothing. After any error, and after a commit that met a lost connection, it is not usable.

        Raises:
            Fenced, OutcomeUnknown, LogError: as ``port.Writer.commit``.
        """
        if self._fenced:
            raise self._failure(ProducerFenced())
        if not self._usable:
            raise LogError(f"writer {self.name} cannot be used again; nothing was written, open a new one")
        self._committing = False
        run = asyncio.create_task(self._run(records))
        run.add_done_callback(forget)
        try:
            await asyncio.wait({run}, timeout=self._cluster.timeout)
        finally:
            if not run.done():
                # Slow, or we are cancelled. Up to here nothing is committed unless the end was asked for; then it
                # is left to finish, for to cut it off would not undo it.
                self._usable, self._given_up = False, True
                self._end(run)
        if not run.done():
            raise self._failure(TimeoutError())
        if (error := run.exception()) is not None:
            self._usable = False
            self._end(run)
            raise self._failure(error) from error

    async def close(self) -> None:
        """Stop within a few seconds, whatever the broker does."""
        self._usable, self._given_up = False, True
        self._end(None)
        assert self._ending is not None
        await asyncio.shield(self._ending)

    async def _start(self) -> None:
        await self._cluster.start(f"writer {self.name}", self._producer)
        if not self._usable:
            # Asked twice, the first question may be answered last, and then it is us that it fences.
            raise LogError(f"writer {self.name}: the connection was lost while it was opened; open it again")

    async def _run(self, records: Sequence[Placed]) -> None:
        producer = self._producer
        await producer.begin_transaction()
        sent: list[asyncio.Future[Any]] = []
        for record in records:
            future = await producer.send(
                record.topic,
                value=record.value,
                key=record.key,
                partition=record.partition,
                headers=record.headers,
            )
            future.add_done_callback(forget)
            sent.append(future)
        offsets: dict[tuple[str, int], int] = {}
        for written in await asyncio.gather(*sent):
            at = (written.topic, written.partition)
            offsets[at] = max(offsets.get(at, 0), written.offset + 1)
        if self._given_up:
            raise LogError("given up")
        self._committing = True
        await producer.commit_transaction()
        self._written(offsets)

    def _failure(self, error: BaseException) -> LogError:
        if isinstance(error, ProducerFenced):
            self._fenced = True
            return Fenced(f"writer {self.name}: another writer of this name was opened")
        why = self._cluster.explain(error)
        if self._committing:
            return OutcomeUnknown(f"writer {self.name}: it is not known whether the commit happened: {why}")
        return LogError(f"writer {self.name}: nothing was written: {why}")

    def _watched(self, send: Callable[..., Awaitable[Any]]) -> Callable[..., Awaitable[Any]]:
        """Notice requests of the transaction that failed underneath, and that the client silently sends again."""

        async def watched(node: Any, request: Any, **more: Any) -> Any:
            try:
                return await send(node, request, **more)
            except KafkaError:
                self._lost = True
                if not isinstance(request, FindCoordinatorRequest | MetadataRequest):
                    self._usable = False
                raise

        return watched

    def _end(self, run: asyncio.Task[None] | None) -> None:
        if self._ending is None:
            self._ending = asyncio.create_task(self._finish(run))

    async def _finish(self, run: asyncio.Task[None] | None) -> None:
        if run is not None and self._committing:
            await asyncio.wait({run}, timeout=FINISH_WITHIN)
        if not self._committing and not self._lost:
            # Readers need not wait for the transaction's timeout. Where this is not possible the next writer
            # of the name aborts it.
            with contextlib.suppress(Exception, asyncio.TimeoutError):
                async with asyncio.timeout(FINISH_WITHIN):
                    await self._producer.abort_transaction()
        await stop(self._producer)
        hush(self._producer)
        if run is not None:
            run.cancel()
