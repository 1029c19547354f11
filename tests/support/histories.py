"""Histories of invented feeds, and what they add up to: a dictionary that takes the events one after another."""

from __future__ import annotations

import random
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from deltawire.events import EntryData, Event
from deltawire.model import Entry
from deltawire.store.port import Store
from support.samples import entry_event, feed_event

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


def history(plan: Sequence[Step]) -> list[Event]:
    """The events of a differ that went through the plan: sequences without holes, revisions that rise."""
    feeds = {step.feed for step in plan}
    epochs = dict.fromkeys(feeds, 0)
    sequences = dict.fromkeys(feeds, 0)
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


async def read_all(store: Store, feeds: Iterable[str] = FEEDS) -> dict[tuple[str, str], Kept]:
    rows = [row for feed in feeds for row in await store.entries(feed, limit=100_000)]
    return {
        (row.feed_id, row.entry.id): Kept(row.entry, row.revision, row.sequence, row.removed_at is not None)
        for row in rows
    }


def random_history(seed: int, count: int, *, feeds: Sequence[str] = FEEDS, entries: int = 12) -> list[Event]:
    """``count`` events, now and then of a new epoch."""
    dice = random.Random(seed)
    tails = [*TAILS] * 12 + ["ended", "epoch"]
    return history(
        [
            Step(
                dice.choice(feeds),
                dice.choice(tails),
                f"e{dice.randrange(entries)}",
                f"The quay {dice.random()} é \u2028 " + "word " * dice.randrange(40),
            )
            for _ in range(count)
        ]
    )


def fold(events: Iterable[Event]) -> Model:
    model = Model()
    for event in events:
        model.take(event)
    return model
