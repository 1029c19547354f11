"""The differ's memory of one partition, and what a batch of looks changes in it.

The two are kept apart: the memory is what was last committed, so an abort only has to forget the batch. Of quiet
feeds it takes none: they lie encoded in a temporary file, which is made anew from the log when the partition is taken.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections import OrderedDict
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime

import msgspec
import structlog

from deltawire import entries as entry_records
from deltawire.differ.decide import decide
from deltawire.differ.emit import Emission, emit
from deltawire.differ.readback import ReadBack
from deltawire.differ.shelf import Shelf
from deltawire.differ.state import FeedState, Known, Policy
from deltawire.entries import EntryRecord
from deltawire.events import EntryData, Event
from deltawire.log.dead_letters import Skips
from deltawire.log.port import Log, LogError, Outgoing, Record, snapshot
from deltawire.log.topics import Topics
from deltawire.model import Document, Observation
from deltawire.observations import Absent, Amended, Source, Written, shared, whole

logger = structlog.get_logger()

POSITION = "@position"
"""Key of the record of the state topic that holds a partition's input position; no feed id has an @."""

HOT_BYTES = 192 * 1024 * 1024
"""Encoded bytes of the feeds that a process keeps decoded, which takes about half as much again: 500 busy feeds of 50
entries of 2.5 kB. As they are read in turns, hardly any would be found again if they were a few too many."""

BATCH_BYTES = 32 * 1024 * 1024
"""Encoded bytes of the feeds that are changed in one commit; the last of them may exceed it."""

RESTORE_BYTES = 1024 * 1024
"""What is put on the shelf at once."""

_looks = msgspec.json.Decoder(Written)
_states = msgspec.json.Decoder(FeedState)
_known = msgspec.json.Decoder(Known)
_position = msgspec.json.Decoder(int)


def _encoded(value: msgspec.Struct | None) -> bytes | None:
    return None if value is None else msgspec.json.encode(value)


class Recalled(msgspec.Struct, frozen=True):
    """What is known of one feed; a null ``state``: nothing.

    ``sizes`` are the bytes of its records, encoded, by key.
    """

    state: FeedState | None
    entries: dict[str, Known]
    sizes: dict[str, int]

    @property
    def size(self) -> int:
        return sum(self.sizes.values())


class Hot:
    """The feeds looked at last, decoded, whatever memories they are of: the partitions of a process share its room.

    They are bounded by ``limit`` bytes of their encoded form, but the last of them is kept however large it is. Any
    thread may use it.
    """

    def __init__(self, limit: int = HOT_BYTES) -> None:
        self._limit = limit
        self._size = 0
        self._feeds: OrderedDict[tuple[Memory, str], Recalled] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, memory: Memory, feed_id: str) -> Recalled | None:
        with self._lock:
            if (recalled := self._feeds.get((memory, feed_id))) is not None:
                self._feeds.move_to_end((memory, feed_id))
            return recalled

    def keep(self, memory: Memory, feed_id: str, recalled: Recalled) -> None:
        with self._lock:
            self._size -= _weight(self._feeds.pop((memory, feed_id), None))
            self._feeds[memory, feed_id] = recalled
            self._size += _weight(recalled)
            while self._size > self._limit and len(self._feeds) > 1:
                _, gone = self._feeds.popitem(last=False)
                self._size -= _weight(gone)

    def forget(self, memory: Memory) -> None:
        with self._lock:
            for key in [key for key in self._feeds if key[0] is memory]:
                self._size -= _weight(self._feeds.pop(key))


class Memory:
    """The committed memory of one partition: encoded on a shelf, and decoded for the feeds that are ``hot``.

    One thread at a time may use it.
    """

    def __init__(self, hot: Hot | None = None) -> None:
        self.position = 0
        self._shelf = Shelf()
        self._hot = hot or Hot()

    def apply(self, records: Iterable[Record]) -> None:
        """Take over records of the state topic, in order, without decoding them."""
        shelved: dict[str, bytes | None] = {}
        for record in records:
            key = record.key or ""
            if key == POSITION:
                self.position = _position.decode(record.value or b"0")
            else:
                shelved[key] = record.value
        self._shelf.put(shelved)

    def feeds(self) -> list[str]:
        """The ids of the feeds that are known."""
        return [key for key in self._shelf.all_keys() if "/" not in key]

    def recall(self, feed_id: str) -> Recalled:
        """
        Raises:
            LogError: it cannot be read. To go on without would be to say everything again.
        """
        if (hot := self._hot.get(self, feed_id)) is not None:
            return hot
        key = feed_id
        try:
            value = self._shelf.get(feed_id)
            state = None if value is None else _states.decode(value)
            sizes = {key: len(value or b"")}
            entries: dict[str, Known] = {}
            for key, value in self._shelf.under(feed_id):
                entries[key.partition("/")[2]] = _known.decode(value)
                sizes[key] = len(value)
        except msgspec.DecodeError as error:
            raise LogError(
                f"the differ's memory of {key} cannot be read ({error}): the differ stands still before the next look "
                "at this feed; run the version of deltawire that wrote it"
            ) from error
        recalled = Recalled(state, entries, sizes)
        self._hot.keep(self, feed_id, recalled)
        return recalled

    def settle(self, records: Mapping[str, bytes | None], feeds: Mapping[str, Recalled], position: int) -> None:
        """These records were committed; ``feeds`` are what they amount to."""
        self._shelf.put(records)
        for feed_id, recalled in feeds.items():
            self._hot.keep(self, feed_id, recalled)
        self.position = position

    def close(self) -> None:
        self._shelf.close()
        self._hot.forget(self)


def _weight(recalled: Recalled | None) -> int:
    """Even a feed of which nothing is known takes some memory."""
    return 0 if recalled is None else recalled.size + 1024


class Batch:
    """What a batch of observations changes, apart from the committed memory so that an abort forgets it."""

    def __init__(self, memory: Memory, topics: Topics, source: str, policy: Policy) -> None:
        self._memory = memory
        self._topics = topics
        self._source = source
        self._policy = policy
        self._feeds: dict[str, Recalled] = {}
        self._size = 0
        self._changed: dict[str, bytes | None] = {}
        self._wholes: dict[str, EntryRecord | None] = {}
        self.skips = Skips(topics, "differ")
        self.events: list[tuple[Event, datetime]] = []
        self._values: list[bytes] = []
        self.reasons: list[str] = []
        self.wanted: frozenset[Source] = frozenset()
        """Earlier observations that the next look refers to: ``give`` them."""
        self.lost = 0
        """Looks that refer to what is no longer kept."""
        self._given = ReadBack()

    def add_all(self, records: Sequence[Record], now: datetime) -> int:
        """Take in looks until the batch is full, at least one, or until one is ``wanted``; returns how many.

        ``now`` is when: only a dead letter says it.
        """
        for count, record in enumerate(records, start=1):
            try:
                self.add(record, now)
            except Absent as absent:
                self.wanted = absent.sources
                return count - 1
            if self._size > BATCH_BYTES:
                return count
        return len(records)

    def add(self, record: Record, now: datetime) -> None:
        """Take in one look. What cannot be processed is skipped: the next look shows the feed's state again.

        Raises:
            LogError: the memory of its feed cannot be read, which is no fault of the look.
            Absent: it refers to observations that are not at hand; nothing has changed.
        """
        try:
            written = _looks.decode(record.value or b"")
            look = _whole(written, self._given)
        except Absent as absent:
            if not absent.sources <= self._given.sources:
                raise
            if absent.sources & self._given.gone:
                # Nothing could be made of it later either: it is lost like a look that is itself no longer kept.
                self.lost += 1
                self.skips.passed()
            else:
                self.skips.skip(record, absent, now)
            return
        except Exception as error:
            self.skips.skip(record, error, now)
            return
        feed_id = look.feed.id
        if (recalled := self._feeds.get(feed_id)) is None:
            recalled = self._memory.recall(feed_id)
            self._size += recalled.size
        try:
            self._decide(recalled, look)
        except Exception as error:  # one look that we trip over must not stop every feed of the partition
            if isinstance(written, Amended):
                # What it refers to will be gone when the letter still is not.
                record = msgspec.structs.replace(record, value=msgspec.json.encode(look))
            self.skips.skip(record, error, now)
        else:
            self.skips.passed()

    def give(self, read: ReadBack) -> None:
        """What was wanted."""
        self._given = read
        self.wanted = frozenset()

    def _decide(self, recalled: Recalled, look: Observation) -> None:
        outcome = decide(recalled.state, recalled.entries, look, self._policy)
        emission = emit(recalled.state, outcome, look, self._source)
        self._take(look.feed.id, recalled, emission)
        self.events += [(event, look.began_at) for event in emission.events]
        self._values += emission.values
        self.reasons += [note.reason for note in outcome.notes]

    def _take(self, feed_id: str, before: Recalled, emission: Emission) -> None:
        changed: dict[str, bytes | None] = {}
        if emission.state != before.state:
            changed[feed_id] = _encoded(emission.state)
        # What is committed must not change with it.
        known = dict(before.entries) if emission.entries else before.entries
        for entry_id, memory in emission.entries.items():
            changed[f"{feed_id}/{entry_id}"] = _encoded(memory)
            if memory is None:
                known.pop(entry_id, None)
                self._wholes[entry_records.record_key(feed_id, entry_id)] = None
            else:
                known[entry_id] = memory
        sizes = before.sizes | {key: len(value) for key, value in changed.items() if value is not None}
        for gone in [key for key, value in changed.items() if value is None]:
            sizes.pop(gone, None)
        self._feeds[feed_id] = Recalled(emission.state, known, sizes)
        self._changed |= changed
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
            Outgoing(topic=topics.events, key=event.partitionkey, value=value, headers=event.headers())
            for (event, _), value in zip(self.events, self._values, strict=True)
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
        out += [
            Outgoing(topic=topics.differ_state, key=key, value=value, partition_key=key.split("/")[0])
            for key, value in self._changed.items()
        ]
        out += self.skips.letters
        value = msgspec.json.encode(position)
        out.append(Outgoing(topic=topics.differ_state, key=POSITION, value=value, partition=partition))
        return out

    def settle(self, position: int) -> None:
        """The commit happened: the changes become the memory."""
        self._memory.settle(self._changed, self._feeds, position)


def _whole(written: Written, given: ReadBack) -> Observation:
    match written:
        case Amended():
            return whole(written, given.entries)
        case Document():
            return shared(written)
    return written


async def restore(log: Log, topics: Topics, partition: int, hot: Hot | None = None) -> Memory:
    """The memory as last committed. A position older than what is kept moves to the oldest look kept, loudly."""
    memory = Memory(hot)
    try:
        await _fill(memory, log, topics, partition)
    except BaseException:
        memory.close()
        raise
    return memory


async def _fill(memory: Memory, log: Log, topics: Topics, partition: int) -> None:
    began = time.monotonic()
    some: list[Record] = []
    size = records = total = 0
    async for record in snapshot(log, topics.differ_state, [partition]):
        some.append(record)
        size += len(record.key or "") + len(record.value or b"")
        if size > RESTORE_BYTES:
            await asyncio.to_thread(memory.apply, some)
            records, total = records + len(some), total + size
            some, size = [], 0
    await asyncio.to_thread(memory.apply, some)
    logger.info(
        "differ.restored",
        outcome="ok",
        partition=partition,
        records=records + len(some),
        bytes=total + size,
        seconds=round(time.monotonic() - began, 3),
    )
    begin, _ = (await log.bounds(topics.observations))[partition]
    if memory.position < begin:
        if memory.position > 0:
            report_gap(partition, begin - memory.position)
        memory.position = begin


def report_gap(partition: int, lost: int) -> None:
    """Say that so many looks were no longer kept, or could not be put together of what is."""
    logger.error(
        "differ.gap",
        partition=partition,
        lost=lost,
        outcome="continued",
        what_to_do="changes between these looks may be seen late; keep the differ running within retention",
    )
