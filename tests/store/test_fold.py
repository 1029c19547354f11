"""``entries`` equals a model: a dictionary that takes the events one after another."""

from __future__ import annotations

from typing import NamedTuple

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from deltawire.events import EntryData, Event
from deltawire.model import Entry
from deltawire.store.port import Store, StoredEntry
from support.samples import entry_event, feed_event
from support.stores import Engine

FEEDS = ("harbour", "storm")
TAILS = ("created", "updated", "removed", "restored")


class Step(NamedTuple):
    feed: str
    tail: str
    entry: str
    text: str


class Kept(NamedTuple):
    entry: Entry
    revision: int
    sequence: int
    removed: bool


steps = st.builds(
    Step,
    st.sampled_from(FEEDS),
    st.sampled_from([*TAILS, *TAILS, "ended", "epoch"]),
    st.sampled_from(["e1", "e2", "e3"]),
    st.text(st.sampled_from("ab \u2028é😀"), max_size=5),
)


def history(plan: list[Step]) -> list[Event]:
    """The events of a differ that went through the plan: sequences without holes, revisions that rise."""
    epochs = dict.fromkeys(FEEDS, 0)
    sequences = dict.fromkeys(FEEDS, 0)
    revisions: dict[tuple[str, str], int] = {}
    events = []
    for step in plan:
        if step.tail == "epoch":
            epochs[step.feed] += 1
            sequences[step.feed] = 0
            revisions = {key: value for key, value in revisions.items() if key[0] != step.feed}
        sequences[step.feed] += 1
        epoch, sequence = f"epoch{epochs[step.feed]}", sequences[step.feed]
        if step.tail in TAILS:
            key = (step.feed, step.entry)
            revisions[key] = revisions.get(key, 0) + 1
            events.append(
                entry_event(
                    step.tail,
                    sequence,
                    step.entry,
                    feed=step.feed,
                    epoch=epoch,
                    revision=revisions[key],
                    text=step.text,
                )
            )
        else:
            events.append(feed_event("ended", sequence, feed=step.feed, epoch=epoch))
    return events


class Model:
    def __init__(self) -> None:
        self.seen: set[str] = set()
        self.epochs: dict[str, str] = {}
        self.entries: dict[tuple[str, str], Kept] = {}

    def take(self, event: Event) -> bool:
        if event.id in self.seen:
            return False
        self.seen.add(event.id)
        if self.epochs.get(event.feed_id) != event.feedepoch:
            self.epochs[event.feed_id] = event.feedepoch
            self.entries = {key: row for key, row in self.entries.items() if key[0] != event.feed_id}
        if isinstance(event.data, EntryData):
            self.entries[event.feed_id, event.data.entry.id] = Kept(
                event.data.entry, event.data.revision, event.sequence, event.type.endswith("removed")
            )
        return True


async def read_all(store: Store) -> dict[tuple[str, str], Kept]:
    rows: list[StoredEntry] = [row for feed in FEEDS for row in await store.entries(feed, limit=1000)]
    return {
        (row.feed_id, row.entry.id): Kept(row.entry, row.revision, row.sequence, row.removed_at is not None)
        for row in rows
    }


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(plan=st.lists(steps, max_size=30), data=st.data())
async def test_entries_are_the_fold_of_the_events_at_every_position(
    engine: Engine, plan: list[Step], data: st.DataObject
) -> None:
    log = history(plan)
    for copy in data.draw(st.lists(st.integers(0, max(len(log) - 1, 0)), max_size=8 if log else 0), "repeats"):
        log.insert(data.draw(st.integers(copy + 1, len(log)), "again at"), log[copy])
    model = Model()
    store = await engine.open()
    try:
        done = 0
        while done < len(log):
            batch = log[done : done + data.draw(st.integers(1, 6), "batch")]
            stored_at = (await store.positions("storage")).get(0)
            assert (stored_at or 0) == done
            new = await store.apply(0, stored_at, done + len(batch), batch)
            assert new == sum(model.take(event) for event in batch)
            done += len(batch)
            assert await read_all(store) == model.entries
            if data.draw(st.integers(0, 5), "restart") == 0:
                await store.close()
                store = await engine.open()
        for feed in FEEDS:
            for entry in ("e1", "e2", "e3"):
                ids = [revision.event_id for revision in await store.revisions(feed, entry)]
                expected = dict.fromkeys(e.id for e in log if e.feed_id == feed and e.subject == entry)
                assert ids == list(expected)
    finally:
        await store.close()
        await engine.clear()
