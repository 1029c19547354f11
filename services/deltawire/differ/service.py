"""The differ as a service: one fenced writer per partition of the observations.

A partition's task first opens its writer, which fences the previous owner, then reads the memory from the state
topic, then consumes from the position stored there. Events, entries, memory and position go out in one commit;
whatever goes wrong with it, the task starts again from what is in the log.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import closing
from datetime import UTC, datetime

import structlog

from deltawire import telemetry
from deltawire.config import DeadLettersConfig
from deltawire.differ.memory import Batch, Hot, Memory, report_gap, restore
from deltawire.differ.readback import read_back
from deltawire.differ.state import Policy
from deltawire.events import EntryData, Event
from deltawire.log.dead_letters import report
from deltawire.log.fuse import DEFAULT_LIMITS, Fuse
from deltawire.log.port import Log, Outgoing, Reader, Record, Writer
from deltawire.log.topics import Topics
from deltawire.log.workers import run_partitions

logger = structlog.get_logger()

BATCH = 100
"""Looks in one commit at most."""


async def run(
    log: Log, topics: Topics, source: str, policy: Policy, *, limits: DeadLettersConfig = DEFAULT_LIMITS
) -> None:
    """Turn observations into events until cancelled.

    Raises:
        FuseBlown: more looks than ``limits`` allow cannot be processed; nothing of their batch is committed.
    """

    hot = Hot()

    async def worker(partition: int) -> None:
        writer = await log.writer(f"{topics.prefix}.differ.{partition}")
        try:
            with closing(await restore(log, topics, partition, hot)) as memory:
                reader = await log.reader(topics.observations, {partition: memory.position})
                try:
                    await work(partition, reader, writer, memory)
                finally:
                    await reader.close()
        finally:
            await writer.close()

    async def work(partition: int, reader: Reader, writer: Writer, memory: Memory) -> None:
        fuse = Fuse(limits=limits, where=f"{topics.observations} partition {partition}")
        while True:
            records = await reader.poll(max_records=BATCH)
            while records:
                batch = Batch(memory, topics, source, policy)
                # Large documents, and many at once after a start, take their time: not that of the event loop.
                taken, written = await asyncio.to_thread(_taken_in, batch, records, partition)
                while batch.wanted:
                    batch.give(await read_back(log, topics.observations, partition, batch.wanted))
                    more, written = await asyncio.to_thread(_taken_in, batch, records[taken:], partition)
                    taken += more
                fuse_after = fuse.after(batch.skips.outcomes)
                await writer.commit(written)
                await asyncio.to_thread(_settled, batch, partition, records[taken - 1].offset + 1)
                fuse = fuse_after
                records = records[taken:]

    await run_partitions(log, f"{topics.prefix}.differ", topics.observations, worker)


def _taken_in(batch: Batch, records: Sequence[Record], partition: int) -> tuple[int, list[Outgoing]]:
    """How many of the records are in the batch now, and what it writes."""
    taken = batch.add_all(records, datetime.now(UTC))
    return taken, [] if batch.wanted else batch.records(partition, records[taken - 1].offset + 1)


def _settled(batch: Batch, partition: int, position: int) -> None:
    batch.settle(position)
    if batch.lost:
        report_gap(partition, batch.lost)
    _report(batch)


def _report(batch: Batch) -> None:
    now = datetime.now(UTC)
    report(batch.skips.letters)
    for reason in batch.reasons:
        telemetry.decisions.labels(reason).inc()
    for event, began_at in batch.events:
        delay = (now - began_at).total_seconds()
        telemetry.events.labels(event.type).inc()
        telemetry.delay_seconds.observe(delay)
        _log_event(event, delay)


def _log_event(event: Event, delay: float) -> None:
    fields: dict[str, object] = {"feed": event.feed_id}
    if isinstance(event.data, EntryData):
        fields |= {"entry": event.subject, "revision": event.data.revision}
        if event.data.truncated:
            fields["truncated"] = True
    else:
        fields |= {"state": event.data.state, "cause": event.data.cause}
    logger.info(
        event.type.removeprefix("deltawire."),
        **fields,
        type=event.type,
        sequence=event.sequence,
        significance=event.significance,
        backfill=event.backfill,
        delay_s=round(delay, 3),
        poll_id=event.poll_id,
    )
