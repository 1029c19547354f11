"""The tables in PostgreSQL, schema ``deltawire``, as migrations that run themselves.

They are those of the SQLite engine, with PostgreSQL's own types for times and JSON. Texts are compared byte by
byte (collation "C"), so that pages and keys are the same in every locale.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from deltawire.store.port import StoreError

if TYPE_CHECKING:
    from asyncpg.pool import PoolConnectionProxy

LOCK = 0x64776972
"""The advisory lock of those who migrate ("dwir")."""

MIGRATE_WITHIN_S = 300.0

MIGRATIONS: tuple[str, ...] = (
    """
    CREATE TABLE deltawire.entries (
      feed_id text COLLATE "C" NOT NULL,
      entry_id text COLLATE "C" NOT NULL,
      revision bigint NOT NULL,
      removed_at timestamptz,
      title text,
      content_text text NOT NULL,
      content_html text NOT NULL,
      url text,
      published_at timestamptz,
      published_precision text NOT NULL,
      updated_at timestamptz,
      first_seen_at timestamptz NOT NULL,
      seen_at timestamptz NOT NULL,
      sequence bigint NOT NULL,
      epoch text COLLATE "C" NOT NULL,
      source_id text,
      language text,
      authors jsonb NOT NULL,
      labels jsonb NOT NULL,
      links jsonb NOT NULL,
      media jsonb NOT NULL,
      search tsvector NOT NULL,
      PRIMARY KEY (feed_id, entry_id)
    );
    CREATE INDEX entries_newest ON deltawire.entries (feed_id, coalesce(published_at, first_seen_at), entry_id);
    CREATE INDEX entries_search ON deltawire.entries USING gin (search);

    CREATE TABLE deltawire.revisions (
      id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
      feed_id text COLLATE "C" NOT NULL,
      entry_id text COLLATE "C",
      revision bigint,
      event_id text COLLATE "C" NOT NULL UNIQUE,
      sequence bigint NOT NULL,
      epoch text COLLATE "C" NOT NULL,
      type text NOT NULL,
      seen_at timestamptz NOT NULL,
      significance text NOT NULL,
      backfill boolean NOT NULL,
      data jsonb NOT NULL
    );
    CREATE INDEX revisions_entry ON deltawire.revisions (feed_id, entry_id, id);
    CREATE INDEX revisions_seen ON deltawire.revisions (seen_at);

    CREATE TABLE deltawire.folds (feed_id text COLLATE "C" PRIMARY KEY, epoch text COLLATE "C" NOT NULL);
    CREATE TABLE deltawire.epochs (
      feed_id text COLLATE "C" NOT NULL,
      epoch text COLLATE "C" NOT NULL,
      PRIMARY KEY (feed_id, epoch)
    );
    CREATE TABLE deltawire.positions (
      consumer text COLLATE "C" NOT NULL,
      partition integer NOT NULL,
      position bigint NOT NULL,
      PRIMARY KEY (consumer, partition)
    );

    CREATE TABLE deltawire.alerts (
      seq bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
      id text COLLATE "C" NOT NULL UNIQUE,
      rule_id text NOT NULL,
      feed_id text NOT NULL,
      entry_id text NOT NULL,
      revision bigint NOT NULL,
      event_id text NOT NULL,
      poll_id text NOT NULL,
      raised_at timestamptz NOT NULL,
      payload jsonb NOT NULL
    );
    CREATE INDEX alerts_raised ON deltawire.alerts (raised_at);
    CREATE TABLE deltawire.deliveries (
      seq bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
      alert_id text COLLATE "C" NOT NULL REFERENCES deltawire.alerts (id) ON DELETE CASCADE,
      channel_id text COLLATE "C" NOT NULL,
      state text NOT NULL CHECK (state IN ('owed', 'delivered', 'dead')),
      attempts integer NOT NULL,
      next_attempt_at timestamptz NOT NULL,
      claimed_until timestamptz,
      answer text,
      UNIQUE (alert_id, channel_id)
    );
    CREATE INDEX deliveries_owed ON deltawire.deliveries (channel_id, next_attempt_at) WHERE state = 'owed';
    """,
)

# Not to_regclass: within a transaction it goes by a cache that may not have heard of what others just created.
_HAS_VERSION = "SELECT EXISTS (SELECT FROM pg_tables WHERE schemaname = 'deltawire' AND tablename = 'schema_version')"


async def migrate(connection: PoolConnectionProxy, where: str) -> None:
    """Bring the schema to its newest version, within the caller's transaction; several processes may try at once.

    A schema that is up to date is only read, so that services run without the right to create.

    Raises:
        StoreError: the database is not UTF-8, or the schema belongs to another program or a newer deltawire.
    """
    encoding = await connection.fetchval("SHOW server_encoding")
    if encoding != "UTF8":
        raise StoreError(f"{where} has the encoding {encoding}: create the database anew with ENCODING 'UTF8'")
    if await _version(connection, where) == len(MIGRATIONS):
        return
    await connection.execute("SET LOCAL statement_timeout = 0; SET LOCAL lock_timeout = 0")
    await connection.execute("SELECT pg_advisory_xact_lock($1)", LOCK, timeout=MIGRATE_WITHIN_S)
    version = await _version(connection, where)
    if version is None:
        if await connection.fetchval("SELECT count(*) FROM pg_tables WHERE schemaname = 'deltawire'"):
            raise StoreError(f"{where} has a schema deltawire of another program: name another database in store.url")
        await connection.execute("CREATE SCHEMA IF NOT EXISTS deltawire")
        await connection.execute("CREATE TABLE deltawire.schema_version (version integer NOT NULL)")
        await connection.execute("INSERT INTO deltawire.schema_version VALUES (0)")
    for statements in MIGRATIONS[version or 0 :]:
        await connection.execute(statements, timeout=MIGRATE_WITHIN_S)
    await connection.execute("UPDATE deltawire.schema_version SET version = $1", len(MIGRATIONS))


async def _version(connection: PoolConnectionProxy, where: str) -> int | None:
    """The version of the schema; null where there is none."""
    if not await connection.fetchval(_HAS_VERSION):
        return None
    version: int = await connection.fetchval("SELECT version FROM deltawire.schema_version")
    if version > len(MIGRATIONS):
        raise StoreError(
            f"{where} has schema {version}, written by a newer deltawire; this one knows {len(MIGRATIONS)}: "
            "use that newer version, or name another database in store.url"
        )
    return version
