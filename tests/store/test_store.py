from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest

from deltawire.events import EntryData
from deltawire.model import Link, Media
from deltawire.store.port import PositionMoved, Store, StoredEntry
from support.samples import START, entry_event, feed_event, record_of
from support.stores import Engine, store

__all__ = ["store"]


async def stored(store: Store, feed: str = "harbour", entry: str = "e1") -> StoredEntry:
    found = await store.entry(feed, entry)
    assert found is not None
    return found


async def test_an_applied_event_is_the_row_with_every_field(store: Store) -> None:
    event = entry_event(
        "created",
        1,
        title="Fire",
        text="Six hurt",
        url="https://example.org/1",
        authors=("A. Writer",),
        language="en",
        updated_at=START + timedelta(microseconds=5),
        labels=("key-event",),
        links=(Link(url="https://example.org/2", text="two", rel="related"),),
        media=(Media(url="https://example.org/3.jpg", type="image/jpeg", alt="smoke"),),
    )
    assert await store.apply(0, None, 1, [event]) == 1
    row = await stored(store)
    assert isinstance(event.data, EntryData)
    assert row == StoredEntry(
        feed_id="harbour",
        entry=event.data.entry,
        revision=1,
        sequence=1,
        first_seen_at=event.time,
        seen_at=event.time,
        removed_at=None,
    )


async def test_applying_events_twice_changes_nothing(store: Store) -> None:
    events = [
        feed_event("started", 1),
        entry_event("created", 2, text="one"),
        entry_event("updated", 3, text="two", revision=2),
    ]
    assert await store.apply(0, None, 3, events) == 3
    before = await stored(store)
    assert await store.apply(0, 3, 4, events) == 0
    assert await stored(store) == before
    assert [r.revision for r in await store.revisions("harbour", "e1")] == [1, 2]
    assert await store.positions("storage") == {0: 4}


async def test_an_older_event_never_overwrites_a_later_one(store: Store) -> None:
    await store.apply(0, None, 1, [feed_event("started", 1), entry_event("updated", 5, text="later", revision=2)])
    assert await store.apply(0, 1, 2, [entry_event("created", 2, text="earlier")]) == 1
    row = await stored(store)
    assert (row.entry.content_text, row.revision) == ("later", 2)
    assert row.first_seen_at == START + timedelta(seconds=2)


async def test_removed_at_is_set_exactly_while_the_last_event_is_removed(store: Store) -> None:
    await store.apply(0, None, 1, [entry_event("created", 1), entry_event("removed", 2, revision=2)])
    assert (await stored(store)).removed_at == START + timedelta(seconds=2)
    assert await store.counts() == {}
    await store.apply(0, 1, 2, [entry_event("restored", 3, revision=3)])
    assert (await stored(store)).removed_at is None
    assert await store.counts() == {"harbour": 1}


async def test_a_new_epoch_drops_the_entries_of_the_old_one_and_keeps_its_revisions(store: Store) -> None:
    old = [entry_event("created", 1, "e1"), entry_event("created", 2, "e2"), entry_event("created", 1, feed="other")]
    await store.apply(0, None, 1, old)
    await store.apply(0, 1, 2, [feed_event("started", 1, epoch="b"), entry_event("created", 2, "e2", epoch="b")])
    assert [row.entry.id for row in await store.entries("harbour", limit=9)] == ["e2"]
    assert [row.entry.id for row in await store.entries("other", limit=9)] == ["e1"]
    assert [r.event_id for r in await store.revisions("harbour", "e2")] == ["harbour/a/2", "harbour/b/2"]
    assert len(await store.revisions("harbour", "e1")) == 1
    late = entry_event("created", 9, "e9", epoch="a")
    assert await store.apply(0, 2, 3, [late]) == 1
    assert await store.entry("harbour", "e9") is None


async def test_the_second_of_two_writers_at_one_position_writes_nothing(engine: Engine) -> None:
    first, second = await engine.open(), await engine.open()
    for expected, position in [(None, 1), (1, 2)]:
        results = await asyncio.gather(
            first.apply(0, expected, position, [entry_event("created", position, f"first-{position}")]),
            second.apply(0, expected, position, [entry_event("created", position, f"second-{position}", epoch="z")]),
            return_exceptions=True,
        )
        assert sorted(type(result).__name__ for result in results) == ["PositionMoved", "int"]
        winner = "first" if results[0] == 1 else "second"
        loser = "second" if winner == "first" else "first"
        assert await first.entry("harbour", f"{winner}-{position}") is not None
        assert await first.revisions("harbour", f"{loser}-{position}") == []
        assert await first.positions("storage") == {0: position}
    with pytest.raises(PositionMoved):
        await second.raise_alerts(0, 7, 8, [])
    await second.close()
    await first.close()


async def test_a_truncated_event_is_whole_in_entries_and_as_published_in_revisions(store: Store) -> None:
    long = "word " * 60_000
    event = entry_event("created", 1, text="word word", truncated=True)
    whole = entry_event("created", 1, text=long).data
    assert isinstance(whole, EntryData)
    await store.apply(0, None, 1, [event], {event.id: whole.entry})
    assert (await stored(store)).entry.content_text == long
    revision = (await store.revisions("harbour", "e1"))[0]
    assert (revision.data["entry"]["content_text"], revision.data["truncated"]) == ("word word", True)


async def test_nul_and_lone_surrogates_are_replaced_and_never_refused(store: Store) -> None:
    nasty = entry_event("created", 1, "e\x001", text="a\0b\ud800c😀", title="\udfff", url="http://x/\0")
    assert await store.apply(0, None, 1, [nasty]) == 1
    row = await stored(store, entry="e\x001")
    assert (row.entry.content_text, row.entry.title) == ("a\ufffdb\ufffdc😀", "\ufffd")
    assert await store.apply(0, 1, 2, [nasty]) == 0
    assert len(await store.revisions("harbour", "e\x001")) == 1
    assert [hit.entry.id for hit in await store.search("c😀\ud800 \0b")] == [row.entry.id]


async def test_pages_of_entries_follow_each_other_without_a_gap(store: Store) -> None:
    events = [
        entry_event("created", n, f"e{n}", published_at=None if n % 3 == 0 else START + timedelta(minutes=n % 4))
        for n in range(1, 24)
    ]
    await store.apply(0, None, 1, events)
    everything = await store.entries("harbour", limit=100)
    keys = [(row.entry.published_at or row.first_seen_at, row.entry.id) for row in everything]
    assert len(keys) == 23
    assert keys == sorted(keys, reverse=True)
    paged: list[StoredEntry] = []
    while page := await store.entries("harbour", limit=5, before=keys[len(paged) - 1] if paged else None):
        paged += page
    assert paged == everything


async def test_restored_entries_give_way_only_to_what_is_newer(store: Store) -> None:
    await store.apply(
        0,
        None,
        5,
        [entry_event("created", 1, "gone", epoch="old"), entry_event("updated", 8, "e1", text="known", revision=3)],
    )
    stale = record_of(entry_event("updated", 7, "e1", text="stale", revision=2))
    fresh = record_of(entry_event("removed", 9, "e2", text="fresh"))
    await store.restore(0, 5, None, [(stale, START), (fresh, START)])
    assert await store.positions("storage") == {0: 5}
    await store.restore(0, 5, 20, [])
    assert await store.positions("storage") == {0: 20}
    assert (await stored(store)).entry.content_text == "known"
    assert (await stored(store, entry="e2")).removed_at == START + timedelta(seconds=9)
    await store.restore(0, 20, 21, [(record_of(entry_event("created", 1, "e3", epoch="next")), START)])
    assert [row.entry.id for row in await store.entries("harbour", limit=9)] == ["e3"]
    with pytest.raises(PositionMoved):
        await store.restore(0, 20, None, [])


async def test_a_restored_entry_takes_its_first_sight_from_an_older_event_that_is_read_later(
    store: Store,
) -> None:
    later = START + timedelta(days=1)
    await store.restore(0, None, 0, [(record_of(entry_event("updated", 4, text="now", revision=2)), later)])
    await store.apply(0, 0, 1, [entry_event("created", 2, text="then")])
    row = await stored(store)
    assert (row.entry.content_text, row.first_seen_at) == ("now", START + timedelta(seconds=2))
