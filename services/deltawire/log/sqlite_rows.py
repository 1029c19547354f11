"""Records in the tables of the SQLite log: written and read, each function inside the caller's transaction."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta

import msgspec
import orjson

from deltawire.log.partitioner import partition_for
from deltawire.log.port import Fenced, LogError, Outgoing, OutOfRange, Record
from deltawire.log.sqlite_schema import OFFSET_BITS, Streams

MAX_READ_BYTES = 16 * 1024 * 1024
"""One read stops after the record with which its values pass this: memory stays bounded when values are large."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND = timedelta(milliseconds=1)


class Row(msgspec.Struct, frozen=True):
    partition: int
    stream: int
    keyspace: int | None
    timestamp: int
    key: str | None
    headers: bytes | None
    value: bytes | None


def to_milliseconds(moment: datetime) -> int:
    return (moment - _EPOCH) // _MILLISECOND


def from_milliseconds(timestamp: int) -> datetime:
    return _EPOCH + timestamp * _MILLISECOND


def to_rows(records: Sequence[Outgoing], streams: Streams, partitions: int, now: datetime) -> list[Row]:
    """The rows of the records, before anything is written.

    Raises:
        LogError: a topic or partition that does not exist, or a record without key for a compacted topic.
    """
    timestamp = to_milliseconds(now)
    rows = []
    for record in records:
        partition = partition_for(record, partitions)
        stream = streams.get((record.topic, partition))
        if stream is None:
            raise LogError(f"the log has no topic {record.topic}")
        if stream.compact and record.key is None:
            raise LogError(f"a record of topic {record.topic} needs a key: the topic keeps the last one of each")
        headers = orjson.dumps(record.headers) if record.headers else None
        keyspace = stream.id if stream.compact else None
        rows.append(Row(partition, stream.id, keyspace, timestamp, record.key, headers, record.value))
    return rows


def write(connection: sqlite3.Connection, rows: Sequence[Row], gap: int) -> list[int]:
    """Add the rows to their streams, then leave ``gap`` offsets unused in each of those. Returns the rows' offsets."""
    upcoming: dict[int, int] = {}
    values = []
    offsets = []
    for row in rows:
        offset = upcoming.get(row.stream)
        if offset is None:
            (offset,) = connection.execute("SELECT next FROM streams WHERE id = ?", (row.stream,)).fetchone()
        upcoming[row.stream] = offset + 1
        offsets.append(offset)
        identity = row.stream << OFFSET_BITS | offset
        values.append((identity, row.keyspace, row.timestamp, row.key, row.headers, row.value))
    connection.executemany("INSERT INTO records VALUES (?, ?, ?, ?, ?, ?)", values)
    connection.executemany(
        "UPDATE streams SET next = ? WHERE id = ?", [(offset + gap, stream) for stream, offset in upcoming.items()]
    )
    return offsets


def new_epoch(connection: sqlite3.Connection, name: str) -> int:
    """The epoch of a new writer of that name, greater than that of every earlier one."""
    (epoch,) = connection.execute(
        "INSERT INTO writers VALUES (?, 1) ON CONFLICT DO UPDATE SET epoch = epoch + 1 RETURNING epoch", (name,)
    ).fetchone()
    return int(epoch)


def check_epoch(connection: sqlite3.Connection, name: str, epoch: int) -> None:
    (current,) = connection.execute("SELECT epoch FROM writers WHERE name = ?", (name,)).fetchone()
    if current != epoch:
        raise Fenced(f"writer {name} (epoch {epoch}) was replaced by another (epoch {current}); this one must stop")


def bounds(connection: sqlite3.Connection, topic: str) -> dict[int, tuple[int, int]]:
    rows = connection.execute("SELECT partition, start, next FROM streams WHERE topic = ?", (topic,))
    return {partition: (start, upcoming) for partition, start, upcoming in rows}


def read(
    connection: sqlite3.Connection, topic: str, positions: Mapping[int, int], limit: int
) -> tuple[list[Record], dict[int, int]]:
    """Up to ``limit`` records from the positions on, partitions in the order given, and the positions after them.

    A partition that was read to its end is at its end afterwards, also when the last offsets are holes.

    Raises:
        OutOfRange: a position lies before the oldest offset kept or beyond the end.
    """
    connection.execute("BEGIN")  # one view of the file for both tables
    try:
        return _read(connection, topic, positions, limit)
    finally:
        connection.execute("COMMIT")


def _read(
    connection: sqlite3.Connection, topic: str, positions: Mapping[int, int], limit: int
) -> tuple[list[Record], dict[int, int]]:
    rows = connection.execute("SELECT partition, id, start, next FROM streams WHERE topic = ?", (topic,))
    streams = {partition: (stream, start, end) for partition, stream, start, end in rows}
    records: list[Record] = []
    reached = dict(positions)
    size = 0
    for partition, position in positions.items():
        stream, start, end = streams.get(partition, (0, 0, 0))
        if position < start:
            raise OutOfRange(f"{topic}/{partition}: position {position} is gone, the oldest kept is {start}")
        if position > end:
            raise OutOfRange(f"{topic}/{partition}: position {position} lies beyond the end, which is {end}")
        base = stream << OFFSET_BITS
        cursor = connection.execute(
            "SELECT id, timestamp, key, headers, value FROM records WHERE id >= ? AND id < ? ORDER BY id",
            (base + position, base + end),
        )
        for identity, timestamp, key, headers, value in cursor:
            if len(records) >= limit or size >= MAX_READ_BYTES:
                cursor.close()
                return records, reached
            record = Record(
                topic=topic,
                partition=partition,
                offset=identity - base,
                key=key,
                value=value,
                headers=orjson.loads(headers) if headers else {},
                timestamp=from_milliseconds(timestamp),
            )
            size += len(value or b"")
            records.append(record)
            reached[partition] = record.offset + 1
        reached[partition] = end
    return records, reached
