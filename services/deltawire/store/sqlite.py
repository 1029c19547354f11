"""The store in one SQLite file: one thread writes, a few read, none of them the event loop's.

WAL with ``synchronous = NORMAL``: a power cut may take the last transactions, but whole ones, each with the
position it moved; what they held is then read from the log again.
"""

from __future__ import annotations

import asyncio
import sqlite3
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from pathlib import Path
from types import MappingProxyType
from typing import Any, TypeVar

from deltawire.entries import EntryRecord
from deltawire.events import Event
from deltawire.model import Entry
from deltawire.store import query, rows, schema, statements
from deltawire.store.port import Alert, Delivery, PositionMoved, StoredEntry, StoredRevision, StoreError

T = TypeVar("T")

READERS = 3
BUSY_TIMEOUT_S = 10.0


class SqliteStore:
    """``deltawire.store.port.Store`` on SQLite. ``open`` makes one."""

    def __init__(self, path: Path, writer: sqlite3.Connection) -> None:
        self.path = path
        self._writer = writer
        self._write_thread = ThreadPoolExecutor(1, thread_name_prefix="store-write")
        self._read_threads = ThreadPoolExecutor(READERS, thread_name_prefix="store-read")
        self._local = threading.local()
        self._readers: list[sqlite3.Connection] = []

    @classmethod
    async def open(cls, path: str | Path) -> SqliteStore:
        """Open the file, make it where there is none, and bring its schema up to date.

        Raises:
            StoreError: it cannot be opened or written, is no SQLite file, or is not a store of this version.
        """
        path = Path(path)
        return cls(path, await asyncio.to_thread(_open_writer, path))

    async def close(self) -> None:
        """Finish what was begun, then close."""
        await asyncio.to_thread(self._close)

    def _close(self) -> None:
        self._write_thread.shutdown()
        self._read_threads.shutdown()
        for db in [*self._readers, self._writer]:
            db.close()

    async def _write(self, work: Callable[[sqlite3.Connection], T]) -> T:
        def transaction() -> T:
            db = self._writer
            db.execute("BEGIN IMMEDIATE")
            try:
                result = work(db)
                db.execute("COMMIT")
            except BaseException:
                if db.in_transaction:
                    db.execute("ROLLBACK")
                raise
            return result

        return await self._run(self._write_thread, transaction)

    async def _read(self, work: Callable[[sqlite3.Connection], T]) -> T:
        def transaction() -> T:
            db: sqlite3.Connection | None = getattr(self._local, "db", None)
            if db is None:
                db = self._local.db = _connect(self.path)
                db.execute("PRAGMA query_only = ON")
                self._readers.append(db)
            db.execute("BEGIN")
            try:
                return work(db)
            finally:
                db.execute("ROLLBACK")

        return await self._run(self._read_threads, transaction)

    async def _run(self, threads: ThreadPoolExecutor, work: Callable[[], T]) -> T:
        try:
            return await asyncio.get_running_loop().run_in_executor(threads, work)
        except sqlite3.Error as error:
            raise StoreError(schema.explained(error, str(self.path))) from error
        except OverflowError as error:
            raise StoreError(f"the store {self.path} cannot hold what it was given (a number is too large)") from error

    async def positions(self, consumer: str) -> dict[int, int]:
        return await self._read(lambda db: dict(db.execute(statements.POSITIONS, (consumer,)).fetchall()))

    async def apply(
        self,
        partition: int,
        expected: int | None,
        position: int,
        events: Sequence[Event],
        whole: Mapping[str, Entry] = MappingProxyType({}),
    ) -> int:
        def work(db: sqlite3.Connection) -> int:
            _move(db, "storage", partition, expected, position)
            return sum(_fold(db, event, whole.get(event.id)) for event in events)

        return await self._write(work)

    async def restore(
        self,
        partition: int,
        expected: int | None,
        position: int | None,
        records: Sequence[tuple[EntryRecord, datetime]],
    ) -> None:
        def work(db: sqlite3.Connection) -> None:
            _move(db, "storage", partition, expected, position)
            for record, written_at in records:
                row = rows.row_of_record(record, written_at)
                _begin_epoch(db, row["feed_id"], row["epoch"])
                db.execute(statements.UPSERT_ENTRY, row)

        await self._write(work)

    async def raise_alerts(
        self,
        partition: int,
        expected: int | None,
        position: int | None,
        alerts: Sequence[tuple[Alert, Sequence[str]]],
    ) -> frozenset[str]:
        def work(db: sqlite3.Connection) -> frozenset[str]:
            _move(db, "alerting", partition, expected, position)
            return frozenset(alert.id for alert, channels in alerts if _owe(db, alert, channels))

        return await self._write(work)

    async def claim(self, channel_id: str, now: datetime, limit: int, lease: timedelta) -> list[Delivery]:
        asked = {
            "channel_id": rows.text(channel_id),
            "now": rows.stamp(now),
            "limit": limit,
            "until": rows.stamp(now + lease),
        }

        def work(db: sqlite3.Connection) -> list[Delivery]:
            places = [row["seq"] for row in db.execute(statements.CLAIM, asked)]
            found = [db.execute(statements.CLAIMED, (place,)).fetchone() for place in sorted(places)]
            claimed = [rows.stored_delivery(row, rows.stored_alert(row)) for row in found]
            return sorted(claimed, key=lambda delivery: delivery.next_attempt_at)

        return await self._write(work)

    async def release(self, delivery: Delivery) -> None:
        row = rows.attempt_row(delivery)
        key = (row["alert_id"], row["channel_id"], row["claimed_until"])
        await self._write(lambda db: db.execute(statements.RELEASE, key))

    async def record_attempt(self, delivery: Delivery) -> bool:
        row = rows.attempt_row(delivery)
        return await self._write(lambda db: db.execute(statements.RECORD_ATTEMPT, row).rowcount > 0)

    async def next_due(self, *, channel_id: str | None = None) -> datetime | None:
        found = {"channel_id": None if channel_id is None else rows.text(channel_id)}
        due = await self._read(lambda db: db.execute(statements.NEXT_DUE, found).fetchone()[0])
        return None if due is None else rows.moment(due)

    async def backlog(self) -> dict[str, int]:
        return await self._read(lambda db: dict(db.execute(statements.BACKLOG).fetchall()))

    async def entries(
        self, feed_id: str, *, limit: int, before: tuple[datetime, str] | None = None
    ) -> list[StoredEntry]:
        found: dict[str, Any] = {"feed_id": rows.text(feed_id), "limit": limit}
        if before is not None:
            found["before_at"], found["before_id"] = rows.stamp(before[0]), rows.text(before[1])
        statement = statements.entries_page(paged=before is not None)
        return await self._read(lambda db: [rows.stored_entry(row) for row in db.execute(statement, found)])

    async def entry(self, feed_id: str, entry_id: str) -> StoredEntry | None:
        key = (rows.text(feed_id), rows.text(entry_id))
        row = await self._read(lambda db: db.execute(statements.ENTRY, key).fetchone())
        return None if row is None else rows.stored_entry(row)

    async def revisions(self, feed_id: str, entry_id: str) -> list[StoredRevision]:
        key = (rows.text(feed_id), rows.text(entry_id))
        return await self._read(lambda db: [rows.stored_revision(row) for row in db.execute(statements.REVISIONS, key)])

    async def counts(self) -> dict[str, int]:
        return await self._read(lambda db: dict(db.execute(statements.COUNTS).fetchall()))

    async def search(self, query_: str, *, feed_id: str | None = None, limit: int = 50) -> list[StoredEntry]:
        found: dict[str, Any] = {"match": _match(query.parse(rows.text(query_))), "limit": limit}
        if feed_id is not None:
            found["feed_id"] = rows.text(feed_id)
        statement = statements.SEARCH if feed_id is None else statements.SEARCH_IN_FEED
        return await self._read(lambda db: [rows.stored_entry(row) for row in db.execute(statement, found)])

    async def alerts(self, *, limit: int = 100) -> list[tuple[Alert, list[Delivery]]]:
        def work(db: sqlite3.Connection) -> list[tuple[Alert, list[Delivery]]]:
            latest = [rows.stored_alert(row) for row in db.execute(statements.ALERTS, (limit,))]
            return [
                (alert, [rows.stored_delivery(row, alert) for row in db.execute(statements.DELIVERIES, (alert.id,))])
                for alert in latest
            ]

        return await self._read(work)

    async def prune(self, before: datetime, limit: int) -> int:
        asked = (rows.stamp(before), limit)

        def work(db: sqlite3.Connection) -> int:
            revisions = db.execute(statements.PRUNE_REVISIONS, asked).rowcount
            return revisions + db.execute(statements.PRUNE_ALERTS, asked).rowcount

        return await self._write(work)


def _open_writer(path: Path) -> sqlite3.Connection:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        db = _connect(path)
    except (OSError, sqlite3.Error) as error:
        raise StoreError(f"{path} cannot be opened ({error}): check store.url and the rights of its folder") from error
    try:
        _prepare(db, path)
        db.execute("PRAGMA synchronous = NORMAL")
        db.execute("PRAGMA foreign_keys = ON")
    except sqlite3.Error as error:
        db.close()
        raise StoreError(f"{path} cannot be used ({error}): name a writable SQLite file in store.url") from error
    except StoreError:
        db.close()
        raise
    return db


def _prepare(db: sqlite3.Connection, path: Path) -> None:
    deadline = time.monotonic() + BUSY_TIMEOUT_S
    while True:
        try:
            schema.migrate(db, str(path))
            db.execute("PRAGMA journal_mode = WAL")
        except sqlite3.OperationalError as error:
            # Where two processes open a new file at once, the change to WAL fails at once instead of waiting.
            if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY or time.monotonic() > deadline:
                raise
            time.sleep(0.01)
        else:
            return


def _connect(path: Path) -> sqlite3.Connection:
    db = sqlite3.connect(path, timeout=BUSY_TIMEOUT_S, isolation_level=None, check_same_thread=False)
    db.row_factory = sqlite3.Row
    return db


def _expect(db: sqlite3.Connection, consumer: str, partition: int, expected: int | None) -> None:
    row = db.execute(statements.POSITION, (consumer, partition)).fetchone()
    if (None if row is None else row["position"]) != expected:
        raise PositionMoved(
            f"{consumer} of partition {partition} is not at position {expected} any more: another process moved it"
        )


def _move(db: sqlite3.Connection, consumer: str, partition: int, expected: int | None, position: int | None) -> None:
    _expect(db, consumer, partition, expected)
    if position is not None:
        db.execute(statements.MOVE, (consumer, partition, position))


def _fold(db: sqlite3.Connection, event: Event, whole: Entry | None) -> int:
    """Apply one event; 1 when it was new. See ``Store.apply`` for the rules."""
    revision = rows.revision_row(event)
    feed_id, epoch = revision["feed_id"], revision["epoch"]
    if not db.execute(statements.INSERT_REVISION, revision).rowcount:
        return 0
    if db.execute(statements.LEARN_EPOCH, (feed_id, epoch)).rowcount:
        _begin_epoch(db, feed_id, epoch)
    current = db.execute(statements.CURRENT_EPOCH, (feed_id,)).fetchone()
    if rows.folds(event) and current["epoch"] == epoch:
        row = rows.row_of_event(event, whole)
        if not db.execute(statements.UPSERT_ENTRY, row).rowcount:
            db.execute(statements.SEEN_EARLIER, row)
    return 1


def _begin_epoch(db: sqlite3.Connection, feed_id: str, epoch: str) -> None:
    if db.execute(statements.BEGIN_EPOCH, (feed_id, epoch)).rowcount:
        db.execute(statements.DROP_OTHER_EPOCHS, (feed_id, epoch))


def _owe(db: sqlite3.Connection, alert: Alert, channels: Sequence[str]) -> bool:
    """Store the alert with what is owed; whether it was new."""
    row = rows.alert_row(alert)
    if not db.execute(statements.INSERT_ALERT, row).rowcount:
        return False
    for channel in channels:
        db.execute(statements.INSERT_DELIVERY, (row["id"], rows.text(channel), row["raised_at"]))
    return True


def _match(terms: Sequence[query.Term]) -> str:
    """The FTS5 expression of the terms. Inside of quotes nothing is syntax, and quotes never reach a term."""
    return " ".join(f'"{term.text}"' + ("*" if term.prefix else "") for term in terms)
