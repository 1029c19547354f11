"""The tables in SQLite, as migrations that run themselves.

``entries`` has one row for each entry of the current epoch of its feed, ``revisions`` one for each event that was
stored and not pruned. ``folds`` says which epoch of a feed ``entries`` stands for, ``epochs`` which were seen.
Times are RFC 3339 texts in UTC with microseconds, so that they sort; lists are JSON. ``entries_fts`` is kept exact
by triggers, in the transaction that changes the row.
"""

from __future__ import annotations

import sqlite3

from deltawire.store.port import StoreError

APPLICATION_ID = 0x64776972
"""Marks the file as a store of deltawire ("dwir"), so that no other program's file is taken for one."""

MIGRATIONS: tuple[tuple[str, ...], ...] = (
    (
        """
        CREATE TABLE entries (
          id INTEGER PRIMARY KEY,
          feed_id TEXT NOT NULL,
          entry_id TEXT NOT NULL,
          revision INTEGER NOT NULL,
          removed_at TEXT,
          title TEXT,
          content_text TEXT NOT NULL,
          content_html TEXT NOT NULL,
          url TEXT,
          published_at TEXT,
          published_precision TEXT NOT NULL,
          updated_at TEXT,
          first_seen_at TEXT NOT NULL,
          seen_at TEXT NOT NULL,
          sequence INTEGER NOT NULL,
          epoch TEXT NOT NULL,
          source_id TEXT,
          language TEXT,
          authors TEXT NOT NULL,
          labels TEXT NOT NULL,
          links TEXT NOT NULL,
          media TEXT NOT NULL,
          UNIQUE (feed_id, entry_id)
        )
        """,
        "CREATE INDEX entries_newest ON entries (feed_id, coalesce(published_at, first_seen_at), entry_id)",
        """
        CREATE TABLE revisions (
          id INTEGER PRIMARY KEY,
          feed_id TEXT NOT NULL,
          entry_id TEXT,
          revision INTEGER,
          event_id TEXT NOT NULL UNIQUE,
          sequence INTEGER NOT NULL,
          epoch TEXT NOT NULL,
          type TEXT NOT NULL,
          seen_at TEXT NOT NULL,
          significance TEXT NOT NULL,
          backfill INTEGER NOT NULL,
          data TEXT NOT NULL
        )
        """,
        "CREATE INDEX revisions_entry ON revisions (feed_id, entry_id)",
        "CREATE INDEX revisions_epoch ON revisions (feed_id, epoch)",
        "CREATE TABLE folds (feed_id TEXT PRIMARY KEY, epoch TEXT NOT NULL) WITHOUT ROWID",
        """
        CREATE TABLE positions (
          consumer TEXT NOT NULL,
          partition INTEGER NOT NULL,
          position INTEGER NOT NULL,
          PRIMARY KEY (consumer, partition)
        ) WITHOUT ROWID
        """,
        """
        CREATE TABLE alerts (
          seq INTEGER PRIMARY KEY,
          id TEXT NOT NULL UNIQUE,
          rule_id TEXT NOT NULL,
          feed_id TEXT NOT NULL,
          entry_id TEXT NOT NULL,
          revision INTEGER NOT NULL,
          event_id TEXT NOT NULL,
          poll_id TEXT NOT NULL,
          raised_at TEXT NOT NULL,
          payload TEXT NOT NULL
        )
        """,
        """
        CREATE TABLE deliveries (
          seq INTEGER PRIMARY KEY,
          alert_id TEXT NOT NULL REFERENCES alerts (id) ON DELETE CASCADE,
          channel_id TEXT NOT NULL,
          state TEXT NOT NULL CHECK (state IN ('owed', 'delivered', 'dead')),
          attempts INTEGER NOT NULL,
          next_attempt_at TEXT NOT NULL,
          answer TEXT,
          UNIQUE (alert_id, channel_id)
        )
        """,
        "CREATE INDEX deliveries_owed ON deliveries (channel_id, next_attempt_at) WHERE state = 'owed'",
        """
        CREATE VIRTUAL TABLE entries_fts USING fts5 (
          title, content_text, content = 'entries', content_rowid = 'id',
          tokenize = 'unicode61 remove_diacritics 2'
        )
        """,
        """
        CREATE TRIGGER entries_fts_insert AFTER INSERT ON entries BEGIN
          INSERT INTO entries_fts (rowid, title, content_text) VALUES (new.id, new.title, new.content_text);
        END
        """,
        """
        CREATE TRIGGER entries_fts_delete AFTER DELETE ON entries BEGIN
          INSERT INTO entries_fts (entries_fts, rowid, title, content_text)
          VALUES ('delete', old.id, old.title, old.content_text);
        END
        """,
        """
        CREATE TRIGGER entries_fts_update AFTER UPDATE ON entries
        WHEN old.title IS NOT new.title OR old.content_text IS NOT new.content_text BEGIN
          INSERT INTO entries_fts (entries_fts, rowid, title, content_text)
          VALUES ('delete', old.id, old.title, old.content_text);
          INSERT INTO entries_fts (rowid, title, content_text) VALUES (new.id, new.title, new.content_text);
        END
        """,
    ),
    (
        # Revisions may be pruned; which epochs there were is never forgotten.
        """
        CREATE TABLE epochs (
          feed_id TEXT NOT NULL, epoch TEXT NOT NULL, PRIMARY KEY (feed_id, epoch)
        ) WITHOUT ROWID
        """,
        "INSERT INTO epochs SELECT DISTINCT feed_id, epoch FROM revisions",
        "DROP INDEX revisions_epoch",
        "CREATE INDEX revisions_seen ON revisions (seen_at)",
        "CREATE INDEX alerts_raised ON alerts (raised_at)",
        "ALTER TABLE deliveries ADD COLUMN claimed_until TEXT",
    ),
)


def explained(error: sqlite3.Error, path: str) -> str:
    """What an error of SQLite means to a person: what, where and the mend."""
    match getattr(error, "sqlite_errorcode", sqlite3.SQLITE_ERROR) & 0xFF:
        case sqlite3.SQLITE_FULL:
            return f"the disk of the store {path} is full: make room, storing goes on by itself"
        case sqlite3.SQLITE_CORRUPT | sqlite3.SQLITE_NOTADB:
            return f"the store {path} is damaged ({error}): stop deltawire and delete the file, it is folded anew"
        case sqlite3.SQLITE_READONLY | sqlite3.SQLITE_CANTOPEN | sqlite3.SQLITE_PERM:
            return f"the store {path} cannot be written ({error}): check its rights and those of its folder"
        case sqlite3.SQLITE_BUSY | sqlite3.SQLITE_LOCKED:
            return f"another program keeps the store {path} locked: close it (an open transaction in a shell, say)"
        case sqlite3.SQLITE_IOERR:
            return f"the store {path} cannot be read or written ({error}): check that it is a file, and its disk"
    return f"the store {path}: {error}"


def migrate(db: sqlite3.Connection, path: str) -> None:
    """Bring the file to the newest schema, in one transaction; several processes may try at once.

    Raises:
        StoreError: the file belongs to another program, or to a newer deltawire.
    """
    db.execute("BEGIN IMMEDIATE")
    try:
        _upgrade(db, path)
        db.execute("COMMIT")
    except BaseException:
        if db.in_transaction:
            db.execute("ROLLBACK")
        raise


def _upgrade(db: sqlite3.Connection, path: str) -> None:
    version = db.execute("PRAGMA user_version").fetchone()[0]
    owner = db.execute("PRAGMA application_id").fetchone()[0]
    tables = db.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]
    if owner != APPLICATION_ID and (tables or version):
        raise StoreError(f"{path} is a SQLite file of another program: name another file in store.url")
    if version > len(MIGRATIONS):
        raise StoreError(
            f"{path} has schema {version}, written by a newer deltawire; this one knows {len(MIGRATIONS)}: "
            "use that newer version, or name another file in store.url"
        )
    for number, statements in enumerate(MIGRATIONS[version:], start=version + 1):
        for statement in statements:
            db.execute(statement)
        db.execute(f"PRAGMA user_version = {number}")
    db.execute(f"PRAGMA application_id = {APPLICATION_ID}")
