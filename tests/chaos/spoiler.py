"""A history that can be spoilt: the means that all mutations share."""

from __future__ import annotations

import copy
from collections import Counter
from collections.abc import Callable
from random import Random
from typing import Any

from chaos.history import History, Read, State, Value, Write, digest

Place = tuple[int, int]
ENTRY = "deltawire.entry."


class Spoiler:
    """A copy of a history with the means to change it; ``rng`` chooses where."""

    def __init__(self, dump: bytes, rng: Random) -> None:
        self.history = History.parse(dump)
        self.rng = rng
        self.events = {value.digest: value.event for value in self.history.values}

    def places(self, *, entry: bool = False) -> list[Place]:
        """Where there are events, or entry events only, in log order."""
        reads = {(read.partition, read.offset): read for read in self.history.reads}
        return sorted(
            place for place, r in reads.items() if not entry or self.events[r.digest]["type"].startswith(ENTRY)
        )

    def a_place(self, *, entry: bool = False) -> Place:
        return self.rng.choice(self.places(entry=entry))

    def a_pair(self) -> tuple[Place, Place]:
        """Two successive events of one feed."""
        feed = self.rng.choice([places for places in self.feeds().values() if len(places) > 1])
        first = self.rng.randrange(len(feed) - 1)
        return feed[first], feed[first + 1]

    def feeds(self) -> dict[str, list[Place]]:
        """The places of each feed's events, in log order."""
        feeds: dict[str, dict[Place, None]] = {}
        for read in sorted(self.history.reads, key=lambda read: (read.partition, read.offset)):
            feeds.setdefault(read.id.split("/")[0], {})[read.partition, read.offset] = None
        return {feed: list(places) for feed, places in feeds.items()}

    def later(self, place: Place) -> list[Place]:
        """The events of the same feed after this one."""
        (feed,) = (places for places in self.feeds().values() if place in places)
        return feed[feed.index(place) + 1 :]

    def at(self, place: Place) -> list[Read]:
        return [read for read in self.history.reads if (read.partition, read.offset) == place]

    def a_read(self) -> Read:
        return self.rng.choice(self.history.reads)

    def a_hole(self) -> Place:
        """An offset inside of what all readers covered where nothing stands."""
        taken = set(self.places())
        free = [(b.partition, o) for b in self.history.bounds for o in range(b.begin, b.end)]
        return self.rng.choice([place for place in free if place not in taken])

    def drop(self, place: Place) -> None:
        self.history.reads = [r for r in self.history.reads if (r.partition, r.offset) != place]

    def show(self, place: Place, like: Read) -> None:
        """Every reader reads this at the place, when its turn comes."""
        for reader in self.history.readers:
            shown = copy.copy(like)
            shown.reader, shown.partition, shown.offset = reader.reader, *place
            own = [n for n, r in enumerate(self.history.reads) if r.reader == reader.reader and r.partition == place[0]]
            behind = [n for n in own if self.history.reads[n].offset > place[1]]
            self.history.reads.insert(behind[0] if behind else len(self.history.reads), shown)

    def value(self, event: dict[str, Any]) -> Read:
        """A new value, as it would be read."""
        self.history.values.append(Value(digest=digest(event), event=event))
        number = int(event["sequence"])
        return Read(reader="", partition=0, offset=0, id=event["id"], sequence=number, digest=digest(event))

    def rewrite(self, place: Place, change: Callable[[dict[str, Any]], None]) -> None:
        """Change the event at the place as if it had always been so: in the value, the commits and all reads."""
        old = self.at(place)[0]
        event = copy.deepcopy(self.events[old.digest])
        change(event)
        new = self.value(event)
        self.events[new.digest] = event
        for read in self.at(place):
            read.id, read.sequence, read.digest = new.id, new.sequence, new.digest
        for write in self.history.writes:
            write.events = [(new.id, new.digest) if e == (old.id, old.digest) else e for e in write.events]

    def unrepeated(self) -> list[Write]:
        """The commits that went well and of which no other holds anything."""
        times = Counter(event for write in self.history.writes for event in write.events)
        return [w for w in self.history.writes if w.outcome == "ok" and all(times[event] == 1 for event in w.events)]

    def a_state(self, where: str) -> State:
        return self.rng.choice([state for state in self.history.states if state.where == where])
