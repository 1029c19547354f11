from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from deltawire import telemetry
from deltawire.entries import WholeEntries
from deltawire.events import EVENT_LIMIT, EntryData
from deltawire.log.port import Outgoing
from deltawire.log.sqlite import SqliteLog
from deltawire.log.topics import Topics
from deltawire.storage import service
from deltawire.store.port import Store
from support.samples import START, entry_event, entry_out, event_out, feed_event, record_of
from support.stores import Engine, store
from support.waiting import eventually, running

__all__ = ["store"]

topics = Topics()


@pytest.fixture
async def log(tmp_path: Path) -> AsyncIterator[SqliteLog]:
    opened = await SqliteLog.open(tmp_path / "log.db", topics, serve=False, maintenance_interval=None)
    yield opened
    await opened.close()


async def caught_up(log: SqliteLog, store: Store, *, gap: int = 0) -> None:
    ends = {p: end - gap for p, (_, end) in (await log.bounds(topics.events)).items() if end}

    async def at_the_end() -> bool:
        return await store.positions("storage") == ends

    await eventually(at_the_end)


async def text_of(store: Store, entry: str = "e1", feed: str = "harbour") -> str | None:
    row = await store.entry(feed, entry)
    return None if row is None else row.entry.content_text


async def test_events_are_in_the_store_soon_after_they_are_in_the_log(log: SqliteLog, store: Store) -> None:
    async with running(service.run(log, topics, store)):
        await log.append([event_out(topics, feed_event("started", 1)), event_out(topics, entry_event("created", 2))])
        await caught_up(log, store)
        assert await text_of(store) == "The quay is closed"
        await log.append([event_out(topics, entry_event("updated", 3, text="Open again", revision=2))])
        await caught_up(log, store)
        assert await text_of(store) == "Open again"


async def test_a_record_that_is_in_the_log_twice_is_counted_and_changes_nothing(log: SqliteLog, store: Store) -> None:
    created, updated = entry_event("created", 1, text="one"), entry_event("updated", 2, text="two", revision=2)
    before = telemetry.registry.get_sample_value("deltawire_duplicate_events_total", {"service": "storage"}) or 0
    await log.append([event_out(topics, event) for event in (created, updated, created)])

    async def counted() -> bool:
        # After it was stored.
        now = telemetry.registry.get_sample_value("deltawire_duplicate_events_total", {"service": "storage"})
        return now == before + 1

    async with running(service.run(log, topics, store)):
        await caught_up(log, store)
        await eventually(counted)
    assert await text_of(store) == "two"
    assert len(await store.revisions("harbour", "e1")) == 2


async def test_storage_that_is_stopped_at_any_moment_ends_with_the_same_store(tmp_path: Path, store: Store) -> None:
    log = await SqliteLog.open(tmp_path / "log.db", topics, partitions=3, serve=False, maintenance_interval=None, gap=2)
    dice = random.Random(7)
    feeds = [f"feed-{n}" for n in range(5)]
    sent = 0
    while sent < 400:
        async with running(service.run(log, topics, store)):
            for _ in range(dice.randrange(1, 5)):
                burst = range(sent + 1, sent + 1 + dice.randrange(1, 12))
                await log.append(
                    [
                        event_out(topics, entry_event("updated", n, feed=feed, revision=n, text=f"state {n}"))
                        for n in burst
                        for feed in feeds
                    ]
                )
                sent = burst[-1]
            for _ in range(dice.randrange(40)):
                await asyncio.sleep(0)
    async with running(service.run(log, topics, store)):
        await caught_up(log, store, gap=2)
    for feed in feeds:
        assert await text_of(store, feed=feed) == f"state {sent}"
        assert [r.sequence for r in await store.revisions(feed, "e1")] == list(range(1, sent + 1))
    await log.close()


async def test_a_truncated_event_of_300_kb_ends_whole_in_the_store(log: SqliteLog, store: Store) -> None:
    long = "Ω" * 150_000
    whole = entry_event("created", 2, "long", text=long).data
    assert isinstance(whole, EntryData)
    cut = entry_event("created", 2, "long", text="Ω" * 50, truncated=True)
    other = entry_event("created", 1, "short")
    async with running(service.run(log, topics, store)):
        await log.append(
            [
                event_out(topics, other),
                entry_out(topics, record_of(other)),
                event_out(topics, cut),
                entry_out(topics, record_of(cut, whole.entry)),
            ]
        )
        await caught_up(log, store)
    row = await store.entry("harbour", "long")
    assert row is not None
    assert row.entry == whole.entry
    assert len(long.encode()) > EVENT_LIMIT
    assert (await store.revisions("harbour", "long"))[0].data["truncated"] is True


async def test_a_truncated_event_whose_record_was_superseded_keeps_its_cut_content_until_the_later_event(
    log: SqliteLog, store: Store
) -> None:
    first = entry_event("created", 1, text="cut", truncated=True)
    second = entry_event("updated", 2, text="cut 2", revision=2, truncated=True)
    later = entry_event("updated", 2, text="the later state, whole", revision=2).data
    assert isinstance(later, EntryData)
    await log.append([event_out(topics, first), entry_out(topics, record_of(second, later.entry))])
    async with running(service.run(log, topics, store)):
        await caught_up(log, store)
        assert await text_of(store) == "cut"
        await log.append([event_out(topics, second)])
        await caught_up(log, store)
        assert await text_of(store) == "the later state, whole"


async def test_the_whole_of_an_event_is_found_again_behind_later_records(log: SqliteLog) -> None:
    events = [
        entry_event("created", n, f"e{n}", text="cut", truncated=True, epoch=epoch)
        for epoch in ("a", "b")
        for n in (1, 2, 3)
    ]
    wholes = [entry_event("created", e.sequence, e.subject, text=f"whole {e.id}").data for e in events]
    await log.append(
        [
            entry_out(topics, record_of(event, whole.entry))
            for event, whole in zip(events, wholes, strict=True)
            if isinstance(whole, EntryData)
        ]
    )
    finder = WholeEntries(log, topics.entries, 0, patience=0.0)
    found = [await finder.find(events[n]) for n in (5, 3, 4)]
    assert [entry.content_text for entry in found if entry] == [
        "whole harbour/b/3",
        "whole harbour/b/1",
        "whole harbour/b/2",
    ]
    assert await finder.find(events[0]) is None
    assert await finder.find(entry_event("created", 9, "never")) is None
    await log.append([Outgoing(topic=topics.entries, key="harbour/e3", value=None, partition_key="harbour")])
    forgotten = WholeEntries(log, topics.entries, 0, patience=0.0)
    assert await forgotten.find(events[5]) is None
    await forgotten.close()
    await finder.close()


async def test_a_record_that_comes_a_little_later_than_its_event_is_waited_for(log: SqliteLog) -> None:
    cut = entry_event("created", 1, text="cut", truncated=True)
    whole = entry_event("created", 1, text="whole").data
    assert isinstance(whole, EntryData)
    finder = WholeEntries(log, topics.entries, 0, patience=10.0)
    search = asyncio.create_task(finder.find(cut))
    await asyncio.sleep(0)
    await log.append([entry_out(topics, record_of(cut, whole.entry))])
    assert await search == whole.entry
    await finder.close()


async def test_storage_stands_still_before_a_record_it_cannot_read_and_says_where(log: SqliteLog, store: Store) -> None:
    good, later = entry_event("created", 1), entry_event("created", 2, "e2")
    bad = Outgoing(topic=topics.events, key="harbour", value=b'{"feed": 1}', headers=good.headers())
    await log.append([event_out(topics, good), bad, event_out(topics, later)])
    with capture_logs() as lines:
        async with running(service.run(log, topics, store)):

            async def failed_twice() -> bool:
                return len([line for line in lines if line["event"] == "worker.failed"]) >= 2

            await eventually(failed_twice)
    failures = [line["error"] for line in lines if line["event"] == "worker.failed"]
    assert all("deltawire.events.v1 partition 0 offset 1 is no event" in error for error in failures)
    assert await store.positions("storage") == {0: 1}
    assert await text_of(store) is not None
    assert await text_of(store, "e2") is None


async def test_events_of_types_that_came_later_are_skipped(log: SqliteLog, store: Store) -> None:
    unknown = [
        Outgoing(topic=topics.events, key="harbour", value=b"{}", headers={"ce_type": type_})
        for type_ in ("deltawire.entry.moved", "deltawire.story.started")
    ]
    await log.append([*unknown, event_out(topics, entry_event("created", 1))])
    labels = {"service": "storage"}
    before = telemetry.registry.get_sample_value("deltawire_skipped_events_total", labels) or 0
    async with running(service.run(log, topics, store)):
        await caught_up(log, store)
    assert await text_of(store) is not None
    assert telemetry.registry.get_sample_value("deltawire_skipped_events_total", labels) == before + 2


async def test_a_position_that_another_process_moved_is_read_again(log: SqliteLog, store: Store) -> None:
    await log.append([event_out(topics, entry_event("created", 1))])
    with capture_logs() as lines:
        async with running(service.run(log, topics, store)):
            await caught_up(log, store)
            await store.apply(0, 1, 0, [])
            await log.append([event_out(topics, entry_event("created", 2, "e2"))])
            await caught_up(log, store)
    assert await text_of(store, "e2") is not None
    assert [line["event"] for line in lines if line["log_level"] != "debug"] == ["position.moved"]


async def test_entries_survive_the_loss_of_events_that_were_not_stored(log: SqliteLog, store: Store) -> None:
    kept, lost, last = (
        entry_event("created", 1, text="first"),
        entry_event("updated", 2, text="changed while storage was down", revision=2),
        entry_event("created", 3, "e2", text="after"),
    )
    await log.append([event_out(topics, kept), entry_out(topics, record_of(kept))])
    async with running(service.run(log, topics, store)):
        await caught_up(log, store)
    await log.append([event_out(topics, lost), entry_out(topics, record_of(lost))])
    await log.maintain(datetime.now(UTC) + timedelta(days=40))
    await log.append([event_out(topics, last), entry_out(topics, record_of(last))])
    with capture_logs() as lines:
        async with running(service.run(log, topics, store)):
            await caught_up(log, store)
    assert await text_of(store) == "changed while storage was down"
    assert await text_of(store, "e2") == "after"
    (warning,) = [line for line in lines if line["event"] == "storage.events_lost"]
    assert (warning["log_level"], warning["position"], warning["oldest_kept"]) == ("warning", 1, 2)
    assert "retention" in warning["cause"]


async def test_what_is_left_of_an_earlier_epoch_does_not_undo_the_present_one(log: SqliteLog, store: Store) -> None:
    left_over = entry_event("created", 1, "left over", epoch="a")
    forgotten, present = entry_event("created", 1, "forgotten", epoch="b"), entry_event("created", 2, epoch="b")
    await log.append([event_out(topics, event) for event in (left_over, forgotten, present)])
    await log.append([entry_out(topics, record_of(event)) for event in (left_over, present)])
    async with running(service.run(log, topics, store)):
        await caught_up(log, store)
    await log.append([event_out(topics, entry_event("updated", 3, epoch="b", revision=2))])
    await log.maintain(datetime.now(UTC) + timedelta(days=40))
    async with running(service.run(log, topics, store)):
        await caught_up(log, store)
    assert {row.entry.id for row in await store.entries("harbour", limit=9)} == {"forgotten", "e1"}


async def test_a_new_store_on_an_old_log_begins_with_the_entries_topic(log: SqliteLog, store: Store) -> None:
    old, present = entry_event("created", 1, "left over", epoch="a"), entry_event("created", 1, text="here", epoch="b")
    await log.append([event_out(topics, event) for event in (old, present)])
    await log.append([entry_out(topics, record_of(event)) for event in (old, present)])
    await log.maintain(datetime.now(UTC) + timedelta(days=40))
    with capture_logs() as lines:

        async def told() -> bool:
            # After the store has it.
            return [line["log_level"] for line in lines if line["event"] == "storage.bootstrapped"] == ["info"]

        async with running(service.run(log, topics, store)):
            await caught_up(log, store)
            await eventually(told)
    assert [row.entry.content_text for row in await store.entries("harbour", limit=9)] == ["here"]


async def test_a_store_that_is_ahead_of_its_log_starts_over_with_a_warning(log: SqliteLog, store: Store) -> None:
    await store.apply(0, None, 100, [entry_event("created", 1, text="of another log")])
    fresh = entry_event("created", 1, text="of this log", epoch="b")
    await log.append([event_out(topics, fresh), entry_out(topics, record_of(fresh))])
    with capture_logs() as lines:
        async with running(service.run(log, topics, store)):
            await caught_up(log, store)
    assert await text_of(store) == "of this log"
    assert [line["cause"] for line in lines if line["event"] == "storage.events_lost"] == ["the log is another one"]
    row = await store.entry("harbour", "e1")
    assert row is not None
    assert row.first_seen_at == START + timedelta(seconds=1)


async def test_history_is_pruned_beside_the_events_also_after_the_store_has_failed(
    engine: Engine, log: SqliteLog, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(service, "PRUNE_EVERY_S", 0.01)
    now = START + timedelta(days=10)
    events = [entry_event("created", n, f"e{n}") for n in (1, 2)] + [entry_event("created", 9 * 86_400, "e3")]
    await log.append([event_out(topics, event) for event in events])
    await engine.fetch("ALTER TABLE alerts RENAME TO hidden")
    with capture_logs() as lines:

        async def told(event: str) -> bool:
            return any(line["event"] == event for line in lines)

        async with running(service.run(log, topics, store, history=timedelta(days=5), clock=lambda: now)):
            await eventually(lambda: told("storage.prune_failed"))
            await caught_up(log, store)
            await engine.fetch("ALTER TABLE hidden RENAME TO alerts")
            await eventually(lambda: told("storage.pruned"))
    assert await engine.fetch("SELECT entry_id FROM revisions") == [("e3",)]
    assert len(await store.entries("harbour", limit=9)) == 3
