"""Whatever way events take into a store, and whatever they hold, the rows are the same."""

from __future__ import annotations

import asyncio
import os
import random
from pathlib import Path
from typing import Any

from structlog.testing import capture_logs

from deltawire.events import EntryData
from deltawire.log.sqlite import SqliteLog
from deltawire.log.topics import Topics
from deltawire.storage import service
from deltawire.store.port import Store
from support.histories import Step, fold, history, random_history, read_all
from support.postgres import PostgresServer
from support.samples import entry_event, entry_out, event_out, record_of
from support.stores import Engine, PostgresEngine, SqliteEngine, everything
from support.waiting import eventually, running

topics = Topics()
FEEDS = ("harbour", "storm", "strike")
SEED = int(os.environ.get("DELTAWIRE_SEED", "20251125"))

DUMPS = (
    """SELECT feed_id, entry_id, revision, removed_at, title, content_text, content_html, url, published_at,
         published_precision, updated_at, first_seen_at, seen_at, sequence, epoch, source_id, language, authors, labels,
         links, media FROM entries ORDER BY feed_id, entry_id""",
    """SELECT feed_id, entry_id, revision, event_id, sequence, epoch, type, seen_at, significance, backfill, data
         FROM revisions ORDER BY event_id""",
    "SELECT feed_id, epoch FROM folds ORDER BY feed_id",
    "SELECT feed_id, epoch FROM epochs ORDER BY feed_id, epoch",
    "SELECT consumer, partition, position FROM positions ORDER BY consumer, partition",
)


async def dump(engine: Engine) -> list[list[tuple[Any, ...]]]:
    return [await engine.fetch(statement) for statement in DUMPS]


async def caught_up(store: Store, end: int) -> None:
    async def there() -> bool:
        return (await store.positions("storage")).get(0) == end

    await eventually(there)


async def test_a_replay_from_zero_into_an_empty_store_gives_the_live_one(engine: Engine, tmp_path: Path) -> None:
    dice = random.Random(SEED)
    events = random_history(SEED, 300, feeds=FEEDS)
    for _ in range(40):  # what a log can hold twice
        place = dice.randrange(len(events))
        events.insert(dice.randrange(place + 1, len(events) + 1), events[place])
    log = await SqliteLog.open(tmp_path / "log.db", topics, serve=False, maintenance_interval=None)
    sent = 0
    while sent < len(events):
        store = await engine.open()
        async with running(service.run(log, topics, store)):
            for _ in range(dice.randrange(1, 6)):
                batch = events[sent : sent + dice.randrange(1, 30)]
                await log.append([event_out(topics, event) for event in batch])
                sent += len(batch)
            if dice.random() < 0.5:
                await caught_up(store, sent)
        await store.close()
    store = await engine.open()
    async with running(service.run(log, topics, store)):
        await caught_up(store, len(events))
    assert await read_all(store, FEEDS) == fold(events).entries
    await store.close()
    live = await dump(engine)
    await engine.clear()
    store = await engine.open()
    async with running(service.run(log, topics, store)):
        await caught_up(store, len(events))
    await store.close()
    assert await dump(engine) == live
    assert len(live[0]) > 10
    await log.close()


async def test_both_engines_hold_the_same(postgres: PostgresServer, tmp_path: Path) -> None:
    events = random_history(SEED + 1, 200, feeds=FEEDS)
    found = []
    engines: list[Engine] = [SqliteEngine(tmp_path), PostgresEngine(postgres)]
    for each in engines:
        await each.clear()
        store = await each.open()
        await store.apply(0, None, 100, events[:100])
        await store.apply(0, 100, 200, events[90:])
        found.append(await everything(store, FEEDS))
        await store.close()
    assert found[0] == found[1]
    assert found[0]["entries"]["harbour"]


async def test_of_many_writers_of_one_entry_the_latest_wins_and_nothing_is_lost(engine: Engine) -> None:
    dice = random.Random(SEED)
    events = history([Step(dice.choice(FEEDS), "updated", f"e{dice.randrange(4)}", f"{n}") for n in range(240)])
    stores = [await engine.open() for _ in range(4)]

    async def write(partition: int) -> None:
        mine = dice.sample(events, 160) + events[partition::4]
        for position, start in enumerate(range(0, len(mine), 8)):
            batch = mine[start : start + 8]
            await stores[partition].apply(partition, position or None, position + 1, batch)

    await asyncio.gather(*map(write, range(4)))
    assert await read_all(stores[0], FEEDS) == fold(events).entries
    for row in [row for feed in FEEDS for row in await stores[0].entries(feed, limit=99)]:
        seen = [e.time for e in events if (e.feed_id, e.subject) == (row.feed_id, row.entry.id)]
        assert row.first_seen_at == min(seen)
    ids = [event_id for (event_id,) in await engine.fetch("SELECT event_id FROM revisions")]
    assert sorted(ids) == sorted(event.id for event in events)
    for store in stores:
        await store.close()


async def test_the_strangest_contents_are_stored_and_found(engine: Engine, tmp_path: Path) -> None:
    title = "Fire " + "ä\0'\\\"{}%_\u2028😀" * 100_000
    whole = entry_event("created", 2, "e2", title=title).data
    assert isinstance(whole, EntryData)
    cut = entry_event("created", 2, "e2", title="Fire", truncated=True)
    events = [
        entry_event("created", 1, "e\0\x01\x7f\ufffe", text="NUL \0 \\u0000 \uffff", labels=("a\0b",), url="x:\0"),
        cut,
        entry_event("created", 3, "e3", labels=tuple(f"label-{n}" for n in range(100_000))),
        entry_event("created", 4, "e4", text="word" * 200_000, authors=("'; DROP TABLE entries; --",)),
        entry_event("updated", 5, "e5", revision=2**63 - 1),
    ]
    log = await SqliteLog.open(tmp_path / "log.db", topics, serve=False, maintenance_interval=None)
    await log.append([event_out(topics, event) for event in events])
    await log.append([entry_out(topics, record_of(cut, whole.entry))])
    store = await engine.open()
    async with running(service.run(log, topics, store)):
        await caught_up(store, len(events))
    rows = {row.sequence: row for row in await store.entries("harbour", limit=9)}
    assert rows[1].entry.content_text == "NUL \ufffd \\u0000 \uffff"
    assert (rows[1].entry.labels, rows[1].entry.url) == (("a\ufffdb",), "x:\ufffd")
    assert rows[2].entry.title == title.replace("\0", "\ufffd")
    assert len(rows[3].entry.labels) == 100_000
    assert rows[5].revision == 2**63 - 1
    (kept,) = await store.revisions("harbour", rows[1].entry.id)
    assert kept.data["entry"]["content_text"] == "NUL \ufffd \\u0000 \uffff"
    assert [hit.sequence for hit in await store.search("fire")] == [2]
    await store.close()
    await log.close()


async def test_storage_stands_still_before_what_cannot_be_stored_and_says_so(engine: Engine, tmp_path: Path) -> None:
    good, bad = entry_event("created", 1), entry_event("updated", 2, revision=2**64)
    log = await SqliteLog.open(tmp_path / "log.db", topics, serve=False, maintenance_interval=None)
    await log.append([event_out(topics, good)])
    store = await engine.open()
    with capture_logs() as lines:
        async with running(service.run(log, topics, store)):
            await caught_up(store, 1)
            await log.append([event_out(topics, bad), event_out(topics, entry_event("created", 3, "e3"))])

            async def failed_twice() -> bool:
                return len([line for line in lines if line["event"] == "worker.failed"]) >= 2

            await eventually(failed_twice)
    assert "cannot hold what it was given" in lines[-1]["error"]
    assert "The quay is closed" not in str(lines)
    assert await store.positions("storage") == {0: 1}
    assert await store.entry("harbour", "e3") is None
    await store.close()
    await log.close()
