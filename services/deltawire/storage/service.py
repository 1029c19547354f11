"""Storage: folds the events of each partition into the store, with its position in the same transaction."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from datetime import datetime, timedelta

import structlog

from deltawire import entries, events, telemetry
from deltawire.clock import Clock, utc_now
from deltawire.entries import EntryRecord, WholeEntries
from deltawire.events import EntryData, Event
from deltawire.log.port import Log, LogError, Record, snapshot
from deltawire.log.topics import Topics
from deltawire.log.workers import run_partitions
from deltawire.model import Entry
from deltawire.sinks import follow
from deltawire.store.port import Store, StoreError
from deltawire.tasks import cancel

logger = structlog.get_logger()

CONSUMER = "storage"
RESTORE_BATCH = 500
PRUNE_BATCH = 500
PRUNE_EVERY_S = 600.0


async def run(
    log: Log,
    topics: Topics,
    store: Store,
    *,
    history: timedelta | None = None,
    clock: Clock = utc_now,
) -> None:
    """Run storage for the partitions that this process is assigned, until cancelled.

    Revisions and settled alerts older than ``history`` are deleted, now and then; null keeps them all.
    """

    async def worker(partition: int) -> None:
        sink = PartitionStorage(log, topics, store, partition)
        try:
            await follow(log, store, CONSUMER, topics.events, partition, sink)
        finally:
            await sink.close()

    pruning = [] if history is None else [asyncio.create_task(_keep_pruning(store, history, clock))]
    try:
        await run_partitions(log, CONSUMER, topics.events, worker)
    finally:
        await cancel(pruning)


async def _keep_pruning(store: Store, history: timedelta, clock: Clock) -> None:
    while True:
        try:
            pruned = await prune(store, clock() - history)
        except StoreError as error:
            logger.warning("storage.prune_failed", service=CONSUMER, outcome="retry", error=str(error))
        else:
            if pruned:
                logger.info("storage.pruned", service=CONSUMER, outcome="ok", rows=pruned)
        await asyncio.sleep(PRUNE_EVERY_S)


async def prune(store: Store, before: datetime) -> int:
    """Delete what is older, in small transactions between which others are let in; returns how many rows went."""
    pruned = 0
    while gone := await store.prune(before, PRUNE_BATCH):
        pruned += gone
        await asyncio.sleep(0)
    return pruned


class PartitionStorage:
    """One partition's sink."""

    def __init__(self, log: Log, topics: Topics, store: Store, partition: int) -> None:
        self._log = log
        self._topics = topics
        self._store = store
        self._partition = partition
        self._wholes = WholeEntries(log, topics.entries, partition)
        self._logger = logger.bind(service=CONSUMER, partition=partition)

    async def close(self) -> None:
        await self._wholes.close()

    async def caught_up(self) -> None:
        """The first event will bring a position."""

    async def take(self, expected: int | None, records: Sequence[Record]) -> int:
        """Apply the records up to the first that cannot be read, and raise for that one.

        Raises:
            LogError: a record is no event; it is not skipped, because ``entries`` would be wrong from then on.
        """
        batch: list[Event] = []
        whole: dict[str, Entry] = {}
        position = records[0].offset
        unreadable: LogError | None = None
        for record in records:
            try:
                event = self._decode(record)
            except LogError as error:
                unreadable = error
                break
            if event is not None:
                batch.append(event)
                await self._complete(event, whole)
            position = record.offset + 1
        if position != records[0].offset:
            new = await self._store.apply(self._partition, expected, position, batch, whole)
            telemetry.stored.inc(new)
            telemetry.duplicates.labels(CONSUMER).inc(len(batch) - new)
            self._logger.debug("storage.applied", outcome="ok", position=position, events=len(batch), new=new)
        if unreadable is not None:
            raise unreadable
        return position

    def _decode(self, record: Record) -> Event | None:
        if unknown := events.unknown_type(record.headers):
            telemetry.skipped.labels(CONSUMER).inc()
            self._logger.debug("storage.skipped", outcome="unknown type", type=unknown, offset=record.offset)
            return None
        try:
            return events.decode(record.headers, record.value)
        except ValueError as error:
            raise LogError(
                f"{record.topic} partition {record.partition} offset {record.offset} is no event ({error}): "
                "storage stands still before it; run the version of deltawire that wrote it"
            ) from error

    async def _complete(self, event: Event, whole: dict[str, Entry]) -> None:
        if not isinstance(event.data, EntryData) or not event.data.truncated:
            return
        found = await self._wholes.find(event)
        if found is None:
            self._logger.info(
                "storage.cut_content",
                outcome="kept as published",
                feed=event.feed_id,
                entry=event.data.entry.id,
                event_id=event.id,
                cause="the entries topic no longer holds the state right after this event",
            )
        else:
            whole[event.id] = found

    async def resume(self, expected: int | None, begin: int, end: int) -> int | None:
        """Take the entries that the log still holds from the ``entries`` topic, then go on with what is kept."""
        epochs = {record.feed.id: record.feedepoch async for record, _ in self._snapshot()}
        restored = 0
        batch: list[tuple[EntryRecord, datetime]] = []
        async for record, written_at in self._snapshot():
            # What is left of a feed's earlier epochs must not undo the present one.
            if epochs.get(record.feed.id) == record.feedepoch:
                batch.append((record, written_at))
                restored += 1
            if len(batch) == RESTORE_BATCH:
                await self._store.restore(self._partition, expected, None, batch)
                batch = []
        await self._store.restore(self._partition, expected, begin, batch)
        fields = {"position": expected, "oldest_kept": begin, "end": end, "entries": restored}
        if expected is None:
            self._logger.info("storage.bootstrapped", outcome="entries taken from the entries topic", **fields)
        else:
            self._logger.warning(
                "storage.events_lost",
                outcome="entries taken from the entries topic",
                cause="the log is another one" if expected > end else "retention deleted events that were not stored",
                what_to_do="none for entries; the revisions of the lost events are missing for good",
                **fields,
            )
        return begin

    async def _snapshot(self) -> AsyncIterator[tuple[EntryRecord, datetime]]:
        async for record in snapshot(self._log, self._topics.entries, [self._partition]):
            if record.value is not None:
                yield entries.decode(record.value), record.timestamp
