"""The file of the SQLite log: its tables, how it is opened, and what its errors mean to a person.

A topic's partition is a *stream*. A record's primary key is ``stream * 2**40 + offset``: records lie on disk in
the order in which they are read, and one range scan of an ordinary table reads them (a WITHOUT ROWID table keyed
by stream and offset took 1.7 times the space for records of 2.5 kB, which it moves to overflow pages).

Only one connection of all processes ever writes or checkpoints; every other is read-only.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable
from pathlib import Path

import msgspec

from deltawire.log.port import LogError, OutcomeUnknown
from deltawire.log.topics import Topic

APPLICATION_ID = 0x64776C67  # "dwlg"
SCHEMA_VERSION = 1
OFFSET_BITS = 40
BUSY_MS = 10_000
WAL_KEPT_BYTES = 64 * 1024 * 1024
CHECKPOINT_BYTES = 16 * 1024 * 1024
"""What is written before it is moved from the write-ahead log to its place: pages that are written often move once."""

_TABLES = """
CREATE TABLE settings (name TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE writers (name TEXT PRIMARY KEY, epoch INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE streams (
    id INTEGER PRIMARY KEY,
    topic TEXT NOT NULL,
    partition INTEGER NOT NULL,
    compact INTEGER NOT NULL,
    start INTEGER NOT NULL DEFAULT 0,   -- the oldest offset kept: retention moves it, compaction does not
    next INTEGER NOT NULL DEFAULT 0,    -- kept apart from the records, so that no offset is given twice
    cleaned INTEGER NOT NULL DEFAULT 0, -- before this offset every key has one record at most
    UNIQUE (topic, partition)
);
CREATE TABLE records (
    id INTEGER PRIMARY KEY,
    keyspace INTEGER,                   -- the stream, in compacted topics only
    timestamp INTEGER NOT NULL,         -- milliseconds since 1970
    key TEXT,
    headers TEXT,
    value BLOB
);
CREATE INDEX records_by_key ON records (keyspace, key) WHERE keyspace IS NOT NULL;
CREATE INDEX tombstones ON records (keyspace, timestamp) WHERE keyspace IS NOT NULL AND value IS NULL;
"""


class Stream(msgspec.Struct, frozen=True):
    """One partition of one topic, as the file knows it."""

    id: int
    compact: bool


Streams = dict[tuple[str, int], Stream]


def explain(error: sqlite3.Error | OverflowError, path: Path) -> LogError:
    """The error of the port that says what, where and the mend."""
    code = getattr(error, "sqlite_errorcode", sqlite3.SQLITE_ERROR) & 0xFF
    match code:
        case sqlite3.SQLITE_FULL:
            return LogError(f"nothing was written: the disk of {path} is full; make room, writing goes on by itself")
        case sqlite3.SQLITE_NOTADB:
            return LogError(f"{path} is not a SQLite database; move it away or give another [log] url")
        case sqlite3.SQLITE_CORRUPT:
            return LogError(f"{path} is damaged ({error}); stop deltawire and restore it from a backup")
        case sqlite3.SQLITE_READONLY | sqlite3.SQLITE_CANTOPEN | sqlite3.SQLITE_PERM:
            return LogError(f"cannot open {path} for writing ({error}); check its rights and those of its directory")
        case sqlite3.SQLITE_BUSY | sqlite3.SQLITE_LOCKED:
            return LogError(f"another program keeps {path} locked; close it (an open transaction in a shell, say)")
        case sqlite3.SQLITE_IOERR:
            return LogError(f"cannot read or write {path} ({error}); check that it is a file, and its disk")
    return LogError(f"{path}: {error}")


def explain_commit(error: sqlite3.Error, path: Path) -> LogError:
    """The same for an error of COMMIT itself: after an I/O error the disk may or may not hold the transaction."""
    if getattr(error, "sqlite_errorcode", 0) & 0xFF == sqlite3.SQLITE_IOERR:
        return OutcomeUnknown(f"{path}: the disk failed while writing ({error}); check it")
    return explain(error, path)


def open_for_writing(path: Path, topics: Iterable[Topic], partitions: int | None) -> tuple[sqlite3.Connection, Streams]:
    """The one writing connection, its tables made or checked. The caller holds the owner's lock.

    A new file has pages of 4 KiB: a commit writes each page that it touches, and most touch a dozen for a few records.
    With 16 KiB a look by itself took 1.3 times the CPU time to write, and 2.3 times the bytes.

    Every commit is synced to disk (``synchronous=FULL``): an event that somebody has seen must survive a power
    cut, or its id would be given to another change afterwards. Group commit shares the price.

    Raises:
        LogError: not a log of deltawire, one of a newer version, or one with other partitions or topics.
    """
    try:
        connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False, timeout=BUSY_MS / 1000)
    except sqlite3.Error as error:
        raise explain(error, path) from error
    try:
        if _is_new(connection, path):
            connection.execute("PRAGMA page_size = 4096")
            connection.execute("PRAGMA auto_vacuum = INCREMENTAL")
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute(f"PRAGMA journal_size_limit = {WAL_KEPT_BYTES}")
        (page_size,) = connection.execute("PRAGMA page_size").fetchone()
        connection.execute(f"PRAGMA wal_autocheckpoint = {CHECKPOINT_BYTES // page_size}")
        connection.execute("BEGIN IMMEDIATE")
        if _is_new(connection, path):
            _create(connection, 1 if partitions is None else partitions)
        streams = _match(connection, path, topics, partitions)
        connection.execute("COMMIT")
    except sqlite3.Error as error:
        connection.close()
        raise explain(error, path) from error
    except BaseException:
        connection.close()
        raise
    return connection, streams


def open_for_reading(path: Path) -> sqlite3.Connection | None:
    """A read-only connection, or null where there is no log yet."""
    try:
        if not path.exists():
            return None
    except OSError as error:
        raise LogError(f"cannot read {path} ({error.strerror}); check its rights") from error
    connection = None
    try:
        connection = sqlite3.connect(
            f"{path.absolute().as_uri()}?mode=ro",
            uri=True,
            isolation_level=None,
            check_same_thread=False,
            timeout=BUSY_MS / 1000,
        )
        if _is_new(connection, path):
            connection.close()
            return None
    except sqlite3.Error as error:
        if connection is not None:
            connection.close()
        raise explain(error, path) from error
    except LogError:
        if connection is not None:
            connection.close()
        raise
    return connection


def empty() -> sqlite3.Connection:
    """What a reader sees while there is no log yet: one without records."""
    connection = sqlite3.connect(":memory:", isolation_level=None)
    _create(connection, 1)
    return connection


def partition_count(connection: sqlite3.Connection) -> int:
    (count,) = connection.execute("SELECT value FROM settings WHERE name = 'partitions'").fetchone()
    return int(count)


def _is_new(connection: sqlite3.Connection, path: Path) -> bool:
    """Whether the file holds nothing yet; a LogError where it holds something that is not ours."""
    # One statement, so one view of the file: another process may be making the log right now.
    application, version, tables = connection.execute(
        "SELECT application_id, user_version, (SELECT count(*) FROM sqlite_master)"
        " FROM pragma_application_id, pragma_user_version"
    ).fetchone()
    if application == APPLICATION_ID:
        if version > SCHEMA_VERSION:
            raise LogError(
                f"{path} was written by a newer deltawire (log schema {version}, this one knows {SCHEMA_VERSION});"
                " upgrade this deltawire or give another [log] url"
            )
        return False
    if application or version or tables:
        raise LogError(f"{path} is a SQLite database, but no log of deltawire; give another [log] url")
    return True


def _create(connection: sqlite3.Connection, partitions: int) -> None:
    for statement in _TABLES.split(";\n"):
        if statement.strip():
            connection.execute(statement)
    connection.execute("INSERT INTO settings VALUES ('partitions', ?)", (partitions,))
    connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
    connection.execute(f"PRAGMA user_version = {SCHEMA_VERSION}")


def _match(connection: sqlite3.Connection, path: Path, topics: Iterable[Topic], partitions: int | None) -> Streams:
    """The streams of the topics: those that are missing are made, those that contradict are refused."""
    count = partition_count(connection)
    if partitions is not None and partitions != count:
        raise LogError(
            f"{path} has {count} partition(s) and {partitions} are asked for: the number is fixed when a log is made;"
            " ask for the same or give another [log] url"
        )
    streams: Streams = {}
    for topic in topics:
        for partition in range(count):
            connection.execute(
                "INSERT INTO streams (topic, partition, compact) VALUES (?, ?, ?) ON CONFLICT DO NOTHING",
                (topic.name, partition, topic.compact),
            )
            stream, compact = connection.execute(
                "SELECT id, compact FROM streams WHERE topic = ? AND partition = ?", (topic.name, partition)
            ).fetchone()
            if bool(compact) != topic.compact:
                raise LogError(
                    f"{path} keeps topic {topic.name} with cleanup {'compact' if compact else 'delete'}, and this"
                    " deltawire wants the other; give another [log] url"
                )
            streams[topic.name, partition] = Stream(stream, topic.compact)
    return streams
