"""History is bounded on request; the present never is."""

from __future__ import annotations

from datetime import timedelta

import msgspec

from deltawire.storage.service import prune
from deltawire.store.port import Store
from support.histories import fold, random_history, read_all
from support.samples import START, an_alert, entry_event
from support.stores import store

__all__ = ["store"]

FAR = START + timedelta(days=400)


async def test_old_revisions_go_in_small_steps_and_entries_stay(store: Store) -> None:
    events = random_history(3, 300)
    await store.apply(0, None, 300, events)
    middle = START + timedelta(seconds=60)
    old = sum(event.time < middle for event in events)
    assert 0 < await store.prune(middle, 7) <= 7
    assert await prune(store, middle) == old - 7
    assert await prune(store, middle) == 0
    assert await read_all(store) == fold(events).entries
    for feed, entry in await read_all(store):
        kept = [revision.seen_at for revision in await store.revisions(feed, entry)]
        assert all(seen_at >= middle for seen_at in kept)


async def test_an_epoch_whose_revisions_are_gone_is_still_known(store: Store) -> None:
    old, new = entry_event("created", 1, epoch="a"), entry_event("created", 1, "e2", epoch="b")
    await store.apply(0, None, 2, [old, new])
    assert await prune(store, FAR) == 2
    assert await store.apply(0, 2, 3, [old, entry_event("created", 2, "e3", epoch="b")]) == 2
    assert [row.entry.id for row in await store.entries("harbour", limit=9)] == ["e3", "e2"]


async def test_alerts_go_once_nothing_is_owed_of_them(store: Store) -> None:
    await store.raise_alerts(0, None, 1, [(an_alert(n), ("desk",)) for n in range(3)])
    (first, *_) = await store.claim("desk", FAR, 1, timedelta(minutes=1))
    assert await store.record_attempt(msgspec.structs.replace(first, state="dead", attempts=1))
    assert await prune(store, START) == 0
    assert await prune(store, FAR) == 1
    assert {alert.id for alert, _ in await store.alerts()} == {"toll-1", "toll-2"}
    assert await store.backlog() == {"desk": 2}
