"""Encoded records by key, outside of memory: what the differ knows of feeds that nobody looks at now."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

_SET_UP = """
    PRAGMA page_size = 16384;
    PRAGMA journal_mode = OFF;
    PRAGMA synchronous = OFF;
    PRAGMA cache_size = -2048;
    CREATE TABLE records (place INTEGER PRIMARY KEY, key TEXT NOT NULL UNIQUE, value BLOB NOT NULL);
"""
_PUT = "INSERT INTO records (key, value) VALUES (?, ?) ON CONFLICT (key) DO UPDATE SET value = excluded.value"
# What begins with key/ lies between key/ and key0, the character after the slash.
_UNDER = "SELECT place, key, value FROM records WHERE key >= ?1 || '/' AND key < ?1 || '0'"


class ShelfError(Exception):
    """The file cannot be written or read. There is no journal: it is of no use any more."""


class Shelf:
    """A temporary file without a name, of which 2 MiB are in memory: gone with ``close``, or however the process ends.

    Any thread may use it. Everything raises ShelfError when the disk fails, and after ``close``.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._db = sqlite3.connect("", isolation_level=None, check_same_thread=False)
        self._db.executescript(_SET_UP)

    def put(self, records: Mapping[str, bytes | None]) -> None:
        """Take over the records; null removes one."""
        with self._open() as db:
            db.execute("BEGIN")
            db.executemany("DELETE FROM records WHERE key = ?", [(k,) for k, v in records.items() if v is None])
            db.executemany(_PUT, [(k, v) for k, v in records.items() if v is not None])
            db.execute("COMMIT")

    def get(self, key: str) -> bytes | None:
        with self._open() as db:
            found = db.execute("SELECT value FROM records WHERE key = ?", (key,)).fetchone()
        return None if found is None else found[0]

    def under(self, key: str) -> list[tuple[str, bytes]]:
        """The records of the keys ``key/...``, in the order in which they came first."""
        with self._open() as db:
            rows = db.execute(_UNDER, (key,)).fetchall()
        return [(key, value) for _, key, value in sorted(rows)]

    def all_keys(self) -> list[str]:
        with self._open() as db:
            return [key for (key,) in db.execute("SELECT key FROM records ORDER BY key")]

    def close(self) -> None:
        with self._lock:
            self._db.close()

    @contextmanager
    def _open(self) -> Iterator[sqlite3.Connection]:
        # Closed by one thread while another is at work in it, the connection would crash the process.
        with self._lock:
            try:
                yield self._db
            except sqlite3.Error as error:
                raise ShelfError(
                    f"the differ's temporary file cannot be used: {error}; is there room in TMPDIR (else /var/tmp)?"
                ) from error
