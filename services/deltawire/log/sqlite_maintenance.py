"""Retention and compaction of the SQLite log, in steps that are small enough not to keep writers waiting.

Each function is one step inside the caller's transaction, and says whether there is more to do.
"""

from __future__ import annotations

import sqlite3

from deltawire.log.sqlite_schema import OFFSET_BITS

STEP_RECORDS = 500
STEP_BYTES = 4 * 1024 * 1024
STEP_PAGES = 128

SPARE_PAGES = 512
"""Free pages that the file keeps at least: handing them back and asking again would only move data about."""


def retire(connection: sqlite3.Connection, stream: int, before: int) -> bool:
    """Delete the oldest records of a stream, as long as they are older than ``before`` (milliseconds since 1970)."""
    start, end = connection.execute("SELECT start, next FROM streams WHERE id = ?", (stream,)).fetchone()
    base = stream << OFFSET_BITS
    kept, size, more = end, 0, False
    rows = connection.execute(
        "SELECT id - ?, timestamp, ifnull(length(value), 0) FROM records WHERE id >= ? AND id < ? ORDER BY id LIMIT ?",
        (base, base + start, base + end, STEP_RECORDS + 1),
    ).fetchall()
    for number, (offset, timestamp, length) in enumerate(rows):
        more = number >= STEP_RECORDS or size >= STEP_BYTES
        if more or timestamp >= before:
            kept = offset
            break
        size += length
    if kept > start:
        connection.execute("DELETE FROM records WHERE id >= ? AND id < ?", (base + start, base + kept))
        connection.execute("UPDATE streams SET start = ? WHERE id = ?", (kept, stream))
    return more


def compact(connection: sqlite3.Connection, stream: int) -> bool:
    """Delete what the next records of a compacted stream supersede."""
    cleaned, end = connection.execute("SELECT cleaned, next FROM streams WHERE id = ?", (stream,)).fetchone()
    base = stream << OFFSET_BITS
    reached, size = end, 0
    rows = connection.execute(
        "SELECT id, key, ifnull(length(value), 0) FROM records WHERE id >= ? AND id < ? ORDER BY id LIMIT ?",
        (base + cleaned, base + end, STEP_RECORDS + 1),
    ).fetchall()
    newest: dict[str, int] = {}
    for number, (identity, key, length) in enumerate(rows):
        if number >= STEP_RECORDS or size >= STEP_BYTES:
            reached = identity - base
            break
        newest[key] = identity
        size += length
    connection.executemany(
        "DELETE FROM records WHERE keyspace = ? AND key = ? AND id < ?",
        [(stream, key, identity) for key, identity in newest.items()],
    )
    if reached > cleaned:
        connection.execute("UPDATE streams SET cleaned = ? WHERE id = ?", (reached, stream))
    return bool(reached < end)


def bury(connection: sqlite3.Connection, stream: int, before: int) -> bool:
    """Delete tombstones older than ``before``: only where compaction has been, or older values would come back."""
    (cleaned,) = connection.execute("SELECT cleaned FROM streams WHERE id = ?", (stream,)).fetchone()
    done = connection.execute(
        "DELETE FROM records WHERE id IN (SELECT id FROM records"
        " WHERE keyspace = ? AND value IS NULL AND timestamp < ? AND id < ? LIMIT ?)",
        (stream, before, (stream << OFFSET_BITS) + cleaned, STEP_RECORDS),
    )
    return done.rowcount == STEP_RECORDS


def shrink(connection: sqlite3.Connection) -> bool:
    """Give free pages back to the file system, where they are many and more than a quarter of the file."""
    (free,) = connection.execute("PRAGMA freelist_count").fetchone()
    (pages,) = connection.execute("PRAGMA page_count").fetchone()
    if free <= SPARE_PAGES or free * 4 <= pages:
        return False
    for _ in range(STEP_PAGES):  # the sqlite3 module takes one step of this pragma, which is one page
        connection.execute("PRAGMA incremental_vacuum(1)")
    return True
