"""The differ's memory of one partition, and what a batch of looks changes in it.

The two are kept apart: the memory is what was last committed, so an abort only has to forget the batch.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

import msgspec
import structlog

from deltawire import entries as entry_records
from deltawire.differ.decide import decide
from deltawire.differ.emit import Emission, emit
from deltawire.differ.state import FeedState, Known, Policy
from deltawire.entries import EntryRecord
from deltawire.events import EntryData, Event
from deltawire.log.dead_letters import Skips
from deltawire.log.port import Log, Outgoing, Record, snapshot
from deltawire.log.topics import Topics
from deltawire.model import Observation

logger = structlog.get_logger()

POSITION = "@position"
"""Key of the record of the state topic that holds a partition's input position; no feed id has an @."""

_looks = msgspec.json.Decoder(Observation)
_states = msgspec.json.Decoder(FeedState)
_known = msgspec.json.Decoder(Known)
_position = msgspec.json.Decoder(int)


def _encoded(value: msgspec.Struct | None) -> bytes | None:
    return None if value is None else msgspec.json.encode(value)


class Memory:
    """The committed memory of one partition."""

    def __init__(self) -> None:
        self.states: dict[str, FeedState] = {}
        self.entries: dict[str, dict[str, Known]] = {}
        self.position = 0

    def apply(self, record: Record) -> None:
        """Take over one record of the state topic."""
        key = record.key or ""
        feed_id, _, entry_id = key.partition("/")
        if key == POSITION:
            self.position = _position.decode(record.value or b"0")
        elif entry_id:
            entries = self.entries.setdefault(feed_id, {})
            if record.value is None:
                entries.pop(entry_id, None)
            else:
                entries[entry_id] = _known.decode(record.value)
        elif record.value is None:
            self.states.pop(feed_id, None)
        else:
            self.states[feed_id] = _states.decode(record.value)


class Batch:
    """What a batch of observations changes, apart from the committed memory so that an abort forgets it."""

    def __init__(self, memory: Memory, topics: Topics, source: str, policy: Policy) -> None:
        self._memory = memory
        self._topics = topics
        self._source = source
        self._policy = policy
        self._states: dict[str, FeedState | None] = {}
        self._entries: dict[str, dict[str, Known]] = {}
        self._touched: dict[str, set[str]] = {}
        self._wholes: dict[str, EntryRecord | None] = {}
        self.skips = Skips(topics, "differ")
        self.events: list[tuple[Event, datetime]] = []
        self.reasons: list[str] = []

    def add_all(self, records: Iterable[Record], now: datetime) -> None:
        """``now`` is when: only a dead letter says it."""
        for record in records:
            self.add(record, now)

    def add(self, record: Record, now: datetime) -> None:
        """Take in one look. What cannot be processed is skipped: the next look shows the feed's state again."""
        try:
            self._decide(_looks.decode(record.value or b""))
        except Exception as error:  # one look that we trip over must not stop every feed of the partition
            self.skips.skip(record, error, now)
        else:
            self.skips.passed()

    def _decide(self, look: Observation) -> None:
        feed_id = look.feed.id
        before = self._states[feed_id] if feed_id in self._states else self._memory.states.get(feed_id)
        known = self._entries.setdefault(feed_id, dict(self._memory.entries.get(feed_id, {})))
        outcome = decide(before, known, look, self._policy)
        emission = emit(before, outcome, look, self._source)
        self._take(feed_id, known, emission)
        self.events += [(event, look.began_at) for event in emission.events]
        self.reasons += [note.reason for note in outcome.notes]

    def _take(self, feed_id: str, known: dict[str, Known], emission: Emission) -> None:
        self._states[feed_id] = emission.state
        self._touched.setdefault(feed_id, set()).update(emission.entries)
        for entry_id, memory in emission.entries.items():
            if memory is None:
                known.pop(entry_id, None)
                self._wholes[entry_records.record_key(feed_id, entry_id)] = None
            else:
                known[entry_id] = memory
        for event in emission.wholes:
            if isinstance(event.data, EntryData):
                self._wholes[entry_records.record_key(feed_id, event.subject)] = EntryRecord(
                    feed=event.data.feed,
                    entry=event.data.entry,
                    revision=event.data.revision,
                    sequence=f"{event.sequence:020d}",
                    feedepoch=event.feedepoch,
                    event_id=event.id,
                    removed_at=event.time if event.type == "deltawire.entry.removed" else None,
                )

    def records(self, partition: int, position: int) -> list[Outgoing]:
        """Everything the batch writes, events first."""
        topics = self._topics
        out = [
            Outgoing(topic=topics.events, key=event.partitionkey, value=event.value(), headers=event.headers())
            for event, _ in self.events
        ]
        out += [
            Outgoing(
                topic=topics.entries,
                key=key,
                value=_encoded(whole),
                partition_key=key.split("/")[0],
            )
            for key, whole in self._wholes.items()
        ]
        for feed_id, state in self._states.items():
            if state != self._memory.states.get(feed_id):
                out.append(Outgoing(topic=topics.differ_state, key=feed_id, value=_encoded(state)))
            for entry_id in self._touched[feed_id]:
                known = self._entries[feed_id].get(entry_id)
                out.append(
                    Outgoing(
                        topic=topics.differ_state,
                        key=f"{feed_id}/{entry_id}",
                        value=_encoded(known),
                        partition_key=feed_id,
                    )
                )
        out += self.skips.letters
        value = msgspec.json.encode(position)
        out.append(Outgoing(topic=topics.differ_state, key=POSITION, value=value, partition=partition))
        return out

    def settle(self, position: int) -> None:
        """The commit happened: the changes become the memory."""
        for feed_id, state in self._states.items():
            if state is None:
                self._memory.states.pop(feed_id, None)
                self._memory.entries.pop(feed_id, None)
            else:
                self._memory.states[feed_id] = state
                self._memory.entries[feed_id] = self._entries[feed_id]
        self._memory.position = position


async def restore(log: Log, topics: Topics, partition: int) -> Memory:
    """The memory as last committed. A position older than what is kept moves to the oldest look kept, loudly."""
    memory = Memory()
    async for record in snapshot(log, topics.differ_state, [partition]):
        memory.apply(record)
    begin, _ = (await log.bounds(topics.observations))[partition]
    if memory.position < begin:
        if memory.position > 0:
            logger.error(
                "differ.gap",
                partition=partition,
                lost=begin - memory.position,
                outcome="continued",
                what_to_do="changes between these looks may be seen late; keep the differ running within retention",
            )
        memory.position = begin
    return memory
