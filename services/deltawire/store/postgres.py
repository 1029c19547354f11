"""The store in PostgreSQL, shared by any number of processes."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from types import MappingProxyType
from typing import Any

from asyncpg import Record
from asyncpg.pool import PoolConnectionProxy

from deltawire.entries import EntryRecord
from deltawire.events import Event
from deltawire.model import Entry
from deltawire.store import postgres_statements as statements
from deltawire.store import query, rows, words
from deltawire.store.fold import Fold
from deltawire.store.port import Alert, Delivery, PositionMoved, StoredEntry, StoredRevision
from deltawire.store.postgres_pool import Pool
from deltawire.store.postgres_schema import MIGRATE_WITHIN_S, migrate

ROWS = 250
"""Rows of a statement at most."""


class PostgresStore:
    """``deltawire.store.port.Store`` on PostgreSQL. ``open`` makes one."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    @classmethod
    async def open(cls, url: str) -> PostgresStore:
        """Connect to ``postgresql://user:password@host:port/database`` and bring its schema up to date.

        Raises:
            StoreError: the database cannot be reached or used, or its schema is not of this version.
        """
        pool = await Pool.open(url)
        try:
            await pool.run(lambda connection: migrate(connection, pool.name), within=MIGRATE_WITHIN_S)
        except BaseException:
            await pool.close()
            raise
        return cls(pool)

    async def close(self) -> None:
        """Finish what was begun, then close."""
        await self._pool.close()

    async def _fetch(self, statement: str, *values: Any) -> list[Record]:
        return await self._pool.run(lambda connection: connection.fetch(statement, *values))

    async def positions(self, consumer: str) -> dict[int, int]:
        return dict(map(tuple, await self._fetch(statements.POSITIONS, consumer)))

    async def apply(
        self,
        partition: int,
        expected: int | None,
        position: int,
        events: Sequence[Event],
        whole: Mapping[str, Entry] = MappingProxyType({}),
    ) -> int:
        by_id: dict[str, Event] = {}
        for event in events:
            by_id.setdefault(rows.text(event.id), event)
        feeds = sorted({rows.text(event.feed_id) for event in events})
        revisions = [rows.revision_row(event) for event in by_id.values()]

        async def work(connection: PoolConnectionProxy) -> int:
            await _move(connection, "storage", partition, expected, position)
            fold = await _begin_fold(connection, feeds)
            new: set[str] = set()
            for some in _chunks(revisions):
                found = await _insert(connection, statements.INSERT_REVISIONS, some)
                new.update(row["event_id"] for row in found)
            for event_id, event in by_id.items():
                if event_id in new:
                    fold.take_event(event, whole.get(event.id))
            await _write_fold(connection, fold)
            return len(new)

        return await self._pool.run(work)

    async def restore(
        self,
        partition: int,
        expected: int | None,
        position: int | None,
        records: Sequence[tuple[EntryRecord, datetime]],
    ) -> None:
        taken = [rows.row_of_record(record, written_at) for record, written_at in records]
        feeds = sorted({row["feed_id"] for row in taken})

        async def work(connection: PoolConnectionProxy) -> None:
            await _move(connection, "storage", partition, expected, position)
            fold = await _begin_fold(connection, feeds)
            for row in taken:
                fold.take_row(row)
            await _write_fold(connection, fold)

        await self._pool.run(work)

    async def raise_alerts(
        self,
        partition: int,
        expected: int | None,
        position: int | None,
        alerts: Sequence[tuple[Alert, Sequence[str]]],
    ) -> frozenset[str]:
        taken: dict[str, tuple[Alert, Sequence[str]]] = {}
        for alert, channels in alerts:
            taken.setdefault(rows.text(alert.id), (alert, channels))
        alert_rows = {id_: rows.alert_row(alert) for id_, (alert, _) in taken.items()}

        async def work(connection: PoolConnectionProxy) -> frozenset[str]:
            await _move(connection, "alerting", partition, expected, position)
            found: set[str] = set()
            for some in _chunks(list(alert_rows.values())):
                found.update(row["id"] for row in await _insert(connection, statements.INSERT_ALERTS, some))
            owed = [
                {"alert_id": id_, "channel_id": rows.text(channel), "next_attempt_at": alert_rows[id_]["raised_at"]}
                for id_, (_, channels) in taken.items()
                for channel in channels
                if id_ in found
            ]
            for some in _chunks(owed):
                await _insert(connection, statements.INSERT_DELIVERIES, some)
            return frozenset(taken[id_][0].id for id_ in found)

        return await self._pool.run(work)

    async def claim(self, channel_id: str, now: datetime, limit: int, lease: timedelta) -> list[Delivery]:
        found = await self._fetch(
            statements.CLAIM, rows.text(channel_id), rows.stamp(now), limit, rows.stamp(now + lease)
        )
        return [rows.stored_delivery(row, rows.stored_alert(row)) for row in found]

    async def release(self, delivery: Delivery) -> None:
        if delivery.claimed_until is not None:
            await self._fetch(statements.RELEASE, *_key(delivery), rows.stamp(delivery.claimed_until))

    async def record_attempt(self, delivery: Delivery) -> bool:
        row = rows.attempt_row(delivery)
        return bool(await self._fetch(statements.RECORD_ATTEMPT, *row.values()))

    async def next_due(self, *, channel_id: str | None = None) -> datetime | None:
        channel = None if channel_id is None else rows.text(channel_id)
        due = (await self._fetch(statements.NEXT_DUE, channel))[0][0]
        return None if due is None else rows.moment(due)

    async def backlog(self) -> dict[str, int]:
        return dict(map(tuple, await self._fetch(statements.BACKLOG)))

    async def entries(
        self, feed_id: str, *, limit: int, before: tuple[datetime, str] | None = None
    ) -> list[StoredEntry]:
        statement = statements.entries_page(paged=before is not None)
        place = () if before is None else (rows.stamp(before[0]), rows.text(before[1]))
        return [rows.stored_entry(row) for row in await self._fetch(statement, rows.text(feed_id), limit, *place)]

    async def entry(self, feed_id: str, entry_id: str) -> StoredEntry | None:
        found = await self._fetch(statements.ENTRY, rows.text(feed_id), rows.text(entry_id))
        return rows.stored_entry(found[0]) if found else None

    async def revisions(self, feed_id: str, entry_id: str) -> list[StoredRevision]:
        found = await self._fetch(statements.REVISIONS, rows.text(feed_id), rows.text(entry_id))
        return [rows.stored_revision(row) for row in found]

    async def counts(self) -> dict[str, int]:
        return dict(map(tuple, await self._fetch(statements.COUNTS)))

    async def search(self, query_: str, *, feed_id: str | None = None, limit: int = 50) -> list[StoredEntry]:
        expression = words.expression(query.parse(rows.text(query_)))
        if not expression:
            return []
        feed = None if feed_id is None else rows.text(feed_id)
        return [rows.stored_entry(row) for row in await self._fetch(statements.SEARCH, expression, feed, limit)]

    async def alerts(self, *, limit: int = 100) -> list[tuple[Alert, list[Delivery]]]:
        async def work(connection: PoolConnectionProxy) -> list[tuple[Alert, list[Delivery]]]:
            latest = {row["id"]: rows.stored_alert(row) for row in await connection.fetch(statements.ALERTS, limit)}
            deliveries: dict[str, list[Delivery]] = {id_: [] for id_ in latest}
            for row in await connection.fetch(statements.DELIVERIES, list(latest)):
                deliveries[row["alert_id"]].append(rows.stored_delivery(row, latest[row["alert_id"]]))
            return [(alert, deliveries[id_]) for id_, alert in latest.items()]

        return await self._pool.run(work)

    async def prune(self, before: datetime, limit: int) -> int:
        async def work(connection: PoolConnectionProxy) -> int:
            moment = rows.stamp(before)
            revisions = await connection.fetch(statements.PRUNE_REVISIONS, moment, limit)
            alerts = await connection.fetch(statements.PRUNE_ALERTS, moment, limit)
            return len(revisions) + len(alerts)

        return await self._pool.run(work)


def _chunks(all_rows: Sequence[dict[str, Any]]) -> Iterator[Sequence[dict[str, Any]]]:
    for start in range(0, len(all_rows), ROWS):
        yield all_rows[start : start + ROWS]


async def _insert(
    connection: PoolConnectionProxy, insert: statements.Insert, some: Iterable[Mapping[str, Any]]
) -> list[Record]:
    return await connection.fetch(insert.sql, *insert.arguments(some))


def _key(delivery: Delivery) -> tuple[str, str]:
    return rows.text(delivery.alert.id), rows.text(delivery.channel_id)


def _moved(consumer: str, partition: int, expected: int | None) -> PositionMoved:
    return PositionMoved(
        f"{consumer} of partition {partition} is not at position {expected} any more: another process moved it"
    )


async def _expect(connection: PoolConnectionProxy, consumer: str, partition: int, expected: int | None) -> None:
    if await connection.fetchval(statements.POSITION, consumer, partition) != expected:
        raise _moved(consumer, partition, expected)


async def _move(
    connection: PoolConnectionProxy, consumer: str, partition: int, expected: int | None, position: int | None
) -> None:
    """Move the position first: whoever else is about to write from there waits for this transaction to end."""
    if position is None:
        await _expect(connection, consumer, partition, expected)
        return
    if expected is None:
        moved = await connection.fetchval(statements.MOVE_FROM_NOTHING, consumer, partition, position)
    else:
        moved = await connection.fetchval(statements.MOVE, consumer, partition, position, expected)
    if moved is None:
        raise _moved(consumer, partition, expected)


async def _begin_fold(connection: PoolConnectionProxy, feeds: Sequence[str]) -> Fold:
    """What is known of the feeds; until the transaction ends nobody else folds events of them."""
    current = await connection.fetch(statements.FOLDS, feeds)
    if len(current) < len(feeds):
        await connection.execute(statements.MEET_FEEDS, feeds)
        current = await connection.fetch(statements.FOLDS, feeds)
    known = await connection.fetch(statements.EPOCHS, feeds)
    return Fold(map(tuple, known), dict(map(tuple, current)))


async def _write_fold(connection: PoolConnectionProxy, fold: Fold) -> None:
    """Write what the batch came to; rows in the order of their keys, so that two writers rarely cross."""
    if fold.learnt:
        await connection.execute(statements.LEARN_EPOCHS, *map(list, zip(*sorted(fold.learnt), strict=True)))
    if fold.begun:
        await connection.execute(statements.BEGIN_EPOCHS, *map(list, zip(*sorted(fold.begun.items()), strict=True)))
        await connection.execute(statements.DROP_ENTRIES, sorted(fold.begun))
    for some in _chunks([fold.rows[key] for key in sorted(fold.rows)]):
        searchable = await asyncio.to_thread(_searchable, some)
        written = {tuple(row) for row in await _insert(connection, statements.UPSERT_ENTRIES, searchable)}
        kept = [row for row in some if (row["feed_id"], row["entry_id"]) not in written]
        if kept:
            columns = ("feed_id", "entry_id", "first_seen_at")
            await connection.execute(statements.SEEN_EARLIER, *([row[column] for row in kept] for column in columns))


def _searchable(some: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """The rows with their words: long texts would hold up the event loop."""
    return [{**row, "search": words.document(row["title"], row["content_text"])} for row in some]
