"""A member of a consumer group: used for the assignment alone; records are read by readers with their own positions.

The group's offsets are committed as telemetry, so that ordinary tools show the lag. The commit is also the proof that
the group still knows us: a member that has not had it for ``LOST_AFTER`` seconds joins anew.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable, Mapping

import structlog
from aiokafka import AIOKafkaConsumer, ConsumerRebalanceListener, TopicPartition
from aiokafka.coordinator.assignors.sticky.sticky_assignor import StickyPartitionAssignor
from aiokafka.errors import KafkaError

from deltawire.log.kafka_client import Cluster, stop
from deltawire.log.port import Assignment, LogError

logger = structlog.get_logger()

SESSION_TIMEOUT_MS = 10_000
"""Shorter than the timeout of transactions: a process that stood still loses its place before its transaction."""

HEARTBEAT_MS = 2_000
REPORT_INTERVAL = 5.0
LOST_AFTER = 30.0
_NEVER_MS = 2**31 - 1


class KafkaMembership:
    """Make it with ``join``. ``settled`` gives the positions up to which this process has worked, by partition."""

    def __init__(self, cluster: Cluster, group: str, topic: str, settled: Callable[[], Mapping[int, int]]) -> None:
        self.topic = topic
        self._cluster = cluster
        self._group = group
        self._settled = settled
        self._generation = 0
        self._partitions: frozenset[int] = frozenset()
        self._in_rebalance_since: float | None = None
        self._changed = asyncio.Event()
        self._consumer: AIOKafkaConsumer | None = None
        self._keeper: asyncio.Task[None] | None = None

    async def join(self) -> None:
        """Ask for a place in the group; ``changed`` gives it, where Kafka is away by now once it is back."""
        try:
            await self._enter()
        except LogError as error:
            logger.warning("group.lost", group=self._group, outcome="retry", error=str(error))
        self._keeper = asyncio.create_task(self._keep())

    async def changed(self) -> Assignment:
        await self._changed.wait()
        self._changed.clear()
        return Assignment(generation=self._generation, partitions=self._partitions)

    async def leave(self) -> None:
        """Give the partitions back, within a few seconds."""
        if self._keeper is not None:
            self._keeper.cancel()
            await asyncio.wait({self._keeper})
        await self._report(self._cluster.timeout / 5)
        await self._exit()

    def assigned(self, partitions: frozenset[int]) -> None:
        """Told by the listener, in the middle of the client's rebalance: only take it down."""
        self._in_rebalance_since = None
        self._generation += 1
        self._partitions = partitions
        self._changed.set()
        logger.info("group.assigned", group=self._group, partitions=sorted(partitions), generation=self._generation)

    def revoked(self) -> None:
        self._in_rebalance_since = asyncio.get_running_loop().time()

    async def _enter(self) -> None:
        # The assignor remembers in class attributes; each member needs its own.
        sticky = type("StickyPartitionAssignor", (StickyPartitionAssignor,), {})
        consumer = AIOKafkaConsumer(
            **self._cluster.options(f"member.{self._group}"),
            group_id=self._group,
            partition_assignment_strategy=(sticky,),
            isolation_level="read_committed",
            auto_offset_reset="latest",
            enable_auto_commit=False,
            session_timeout_ms=SESSION_TIMEOUT_MS,
            heartbeat_interval_ms=HEARTBEAT_MS,
            # This consumer is never polled; heartbeats say that the process lives.
            max_poll_interval_ms=_NEVER_MS,
            consumer_timeout_ms=HEARTBEAT_MS,
        )
        try:
            await self._cluster.start(f"cannot join group {self._group}", consumer)
        except BaseException:
            await asyncio.shield(stop(consumer))
            raise
        self._consumer = consumer
        self.revoked()
        consumer.subscribe([self.topic], listener=_Listener(self, consumer))

    async def _exit(self) -> None:
        consumer, self._consumer = self._consumer, None
        if consumer is not None:
            await asyncio.shield(stop(consumer))

    async def _keep(self) -> None:
        """Report positions, and join anew when the group has lost us."""
        clock = asyncio.get_running_loop().time
        known_at = clock() if self._consumer is not None else -math.inf
        while True:
            await asyncio.sleep(REPORT_INTERVAL)
            if await self._report(self._cluster.timeout):
                known_at = clock()
            if clock() - known_at < LOST_AFTER:
                continue
            logger.warning("group.lost", group=self._group, outcome="joining anew")
            await self._exit()
            try:
                await self._enter()
            except LogError as error:
                logger.warning("group.lost", group=self._group, outcome="retry", error=str(error))
            else:
                known_at = clock()

    async def _report(self, seconds: float) -> bool:
        """Commit the positions; false when the group does not know us, or nothing is heard of it."""
        if self._consumer is None or self._in_rebalance_since is not None:
            return False
        offsets = {TopicPartition(self.topic, p): at for p, at in self._settled().items() if p in self._partitions}
        try:
            async with asyncio.timeout(seconds):
                if offsets:
                    await self._consumer.commit(offsets)
        except (KafkaError, TimeoutError) as error:
            logger.debug("group.report", group=self._group, outcome="failed", error=repr(error))
            return False
        return True


class _Listener(ConsumerRebalanceListener):  # type: ignore[misc]
    """Takes down what was assigned. Work here would hold up the whole group, and its errors would be swallowed."""

    def __init__(self, membership: KafkaMembership, consumer: AIOKafkaConsumer) -> None:
        self._membership = membership
        self._consumer = consumer

    def on_partitions_revoked(self, revoked: set[TopicPartition]) -> None:  # noqa: ARG002
        self._membership.revoked()

    def on_partitions_assigned(self, assigned: set[TopicPartition]) -> None:
        # Nobody polls this consumer, so it must not fetch.
        self._consumer.pause(*assigned)
        self._membership.assigned(frozenset(tp.partition for tp in assigned))
