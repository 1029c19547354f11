"""How fast events are applied to the stores, beside bare executemany into the same database in the same run.

    .venv/bin/python bench/store_bench.py [--events N] [--size BYTES] [--batch N]

The bare side writes the same two rows an event (its revision, its entry) without position, fold, epochs or text
search. PostgreSQL is a fresh one with fsync on.
"""

from __future__ import annotations

import argparse
import asyncio
import sqlite3
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import asyncpg

from deltawire.events import Event
from deltawire.store import rows
from deltawire.store.port import Store
from deltawire.store.postgres import PostgresStore
from deltawire.store.sqlite import SqliteStore

sys.path.insert(0, str(Path(__file__).parent.parent / "tests"))

from support.postgres import postgres_server
from support.samples import entry_event

ENTRIES = """
    CREATE TABLE entries (
      feed_id text, entry_id text, revision bigint, text text, html text, PRIMARY KEY (feed_id, entry_id)
    )
"""
REVISIONS = "CREATE TABLE revisions (event_id text PRIMARY KEY, feed_id text, data {json})"
WORDS = ("the", "harbour", "was", "closed", "after", "smoke", "had", "been", "seen", "over", "an", "old", "quay")


def story(events: int, size: int) -> tuple[list[Event], list[Event]]:
    """New entries, then an edit of each."""

    def text(number: int) -> str:
        words = [WORDS[(number * 7 + place) % len(WORDS)] for place in range(size // 6)]
        return f"{number} {' '.join(words)}"[:size]

    created = [entry_event("created", n, f"e{n}", text=text(n)) for n in range(1, events + 1)]
    updated = [entry_event("updated", events + n, f"e{n}", text=text(n + 1), revision=2) for n in range(1, events + 1)]
    return created, updated


async def ours(store: Store, passes: Sequence[Sequence[Event]], batch: int) -> list[float]:
    """Events a second of each pass."""
    rates, position = [], None
    for events in passes:
        began = time.perf_counter()
        for start in range(0, len(events), batch):
            at = (position or 0) + len(events[start : start + batch])
            await store.apply(0, position, at, events[start : start + batch])
            position = at
        rates.append(len(events) / (time.perf_counter() - began))
    await store.close()
    return rates


def bare_rows(events: Sequence[Event]) -> tuple[list[tuple[object, ...]], list[tuple[object, ...]]]:
    made = [(rows.row_of_event(event, None), rows.revision_row(event)) for event in events]
    return (
        [(e["feed_id"], e["entry_id"], e["revision"], e["content_text"], e["content_html"]) for e, _ in made],
        [(r["event_id"], r["feed_id"], r["data"]) for _, r in made],
    )


UPSERT = (
    "INSERT INTO entries VALUES ({}) ON CONFLICT (feed_id, entry_id) DO UPDATE SET "
    "revision = excluded.revision, text = excluded.text, html = excluded.html"
)
INSERT = "INSERT INTO revisions VALUES ({}) ON CONFLICT DO NOTHING"


def bare_sqlite(path: Path, passes: Sequence[Sequence[Event]], batch: int) -> list[float]:
    db = sqlite3.connect(path, isolation_level=None)
    db.execute("PRAGMA journal_mode = WAL")
    db.execute("PRAGMA synchronous = NORMAL")
    db.execute(ENTRIES)
    db.execute(REVISIONS.format(json="text"))
    rates = []
    for events in passes:
        began = time.perf_counter()
        for start in range(0, len(events), batch):
            entries, revisions = bare_rows(events[start : start + batch])
            db.execute("BEGIN IMMEDIATE")
            db.executemany(INSERT.format("?, ?, ?"), revisions)
            db.executemany(UPSERT.format("?, ?, ?, ?, ?"), entries)
            db.execute("COMMIT")
        rates.append(len(events) / (time.perf_counter() - began))
    db.close()
    return rates


async def bare_postgres(url: str, passes: Sequence[Sequence[Event]], batch: int) -> list[float]:
    connection = await asyncpg.connect(url, server_settings={"search_path": "public"})
    await connection.execute(ENTRIES)
    await connection.execute(REVISIONS.format(json="jsonb"))
    rates = []
    for events in passes:
        began = time.perf_counter()
        for start in range(0, len(events), batch):
            entries, revisions = bare_rows(events[start : start + batch])
            async with connection.transaction():
                await connection.executemany(INSERT.format("$1, $2, $3"), revisions)
                await connection.executemany(UPSERT.format("$1, $2, $3, $4, $5"), entries)
        rates.append(len(events) / (time.perf_counter() - began))
    await connection.close()
    return rates


async def measure(events: int, size: int, batch: int, folder: Path, url: str) -> None:
    created, updated = story(events, size)
    passes = (created, updated, updated)
    results = {
        "SQLite": (
            await ours(await SqliteStore.open(folder / "store.db"), passes, batch),
            bare_sqlite(folder / "bare.db", passes, batch),
        ),
        "PostgreSQL": (
            await ours(await PostgresStore.open(url), passes, batch),
            await bare_postgres(url, passes, batch),
        ),
    }
    print(f"{events} events of {size} bytes of text, {batch} a transaction  events/s  executemany/s  ratio")
    for engine, (mine, theirs) in results.items():
        for what, a, b in zip(("new entries", "edits", "seen before"), mine, theirs, strict=True):
            print(f"{engine + ', ' + what:52}{a:13,.0f}{b:15,.0f}{a / b:7.2f}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--events", type=int, default=5000)
    parser.add_argument("--size", type=int, default=2000)
    parser.add_argument("--batch", type=int, default=500)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=".") as folder, postgres_server() as server:
        asyncio.run(measure(options.events, options.size, options.batch, Path(folder), server.url()))


if __name__ == "__main__":
    main()
