"""The store's engines, for tests that hold for each of them."""

from __future__ import annotations

import sqlite3
from collections.abc import AsyncIterator, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any, Protocol

import asyncpg
import pytest

from deltawire.store.port import Store
from deltawire.store.postgres import PostgresStore
from deltawire.store.postgres_schema import MIGRATIONS
from deltawire.store.sqlite import SqliteStore
from support.postgres import PostgresServer

DATABASE = "deltawire_test"
DROP = "DROP SCHEMA IF EXISTS deltawire CASCADE"
EMPTY = "".join(f"DELETE FROM {table};" for table in ("alerts", "entries", "epochs", "folds", "positions", "revisions"))


class Engine(Protocol):
    """One store, empty at first, that can be opened any number of times."""

    name: str
    url: str

    async def open(self) -> Store: ...

    async def fetch(self, statement: str) -> list[tuple[Any, ...]]:
        """What an operator's SQL would see."""

    async def clear(self) -> None:
        """Empty again; nobody has it open."""


class SqliteEngine:
    name = "sqlite"

    def __init__(self, folder: Path) -> None:
        self.path = folder / "stores" / "store.db"
        self.url = f"sqlite:///{self.path}"

    async def open(self) -> Store:
        return await SqliteStore.open(self.path)

    async def fetch(self, statement: str) -> list[tuple[Any, ...]]:
        with closing(sqlite3.connect(self.path)) as db, db:
            return db.execute(statement).fetchall()

    async def clear(self) -> None:
        for path in self.path.parent.glob("*"):
            path.unlink()


class PostgresEngine:
    """The one test database, emptied: a new one for each test would take longer than the test."""

    name = "postgres"

    def __init__(self, server: PostgresServer, database: str = DATABASE) -> None:
        self.server = server
        self.database = database
        self.url = server.url(database)

    async def open(self) -> Store:
        return await PostgresStore.open(self.url)

    async def fetch(self, statement: str) -> list[tuple[Any, ...]]:
        return [tuple(row) for row in await self.server.query(statement, database=self.database)]

    async def clear(self) -> None:
        """Without its rows; where the schema is not the usual one, without the schema."""
        if not await self.server.query("SELECT 1 FROM pg_database WHERE datname = $1", self.database):
            await self.server.query(f"CREATE DATABASE {self.database}")
        await self.server.terminate_backends(self.database)
        connection = await self.server.connect(self.database)
        try:
            if await connection.fetchval("SELECT version FROM schema_version") != len(MIGRATIONS):
                await connection.execute(DROP)
            else:
                await connection.execute(EMPTY)
        except asyncpg.UndefinedTableError:
            await connection.execute(DROP)
        finally:
            await connection.close()

    async def drop(self) -> None:
        """Without the schema."""
        await self.fetch(DROP)


@pytest.fixture(params=["sqlite", "postgres"])
async def engine(request: pytest.FixtureRequest, tmp_path: Path) -> Engine:
    if request.param == "sqlite":
        return SqliteEngine(tmp_path)
    postgres = PostgresEngine(request.getfixturevalue("postgres"))
    await postgres.clear()
    return postgres


@pytest.fixture
async def store(engine: Engine) -> AsyncIterator[Store]:
    opened = await engine.open()
    yield opened
    await opened.close()


async def everything(store: Store, feeds: Sequence[str]) -> dict[str, Any]:
    """All that can be read of entries and revisions: equal for stores that hold the same."""
    entries = {feed: await store.entries(feed, limit=100_000) for feed in feeds}
    return {
        "entries": entries,
        "revisions": {
            (feed, row.entry.id): await store.revisions(feed, row.entry.id)
            for feed, rows in entries.items()
            for row in rows
        },
        "counts": await store.counts(),
    }
