"""The ``entries`` topic: each entry's latest state, keyed ``<feed id>/<entry id>``; a tombstone when forgotten.

Nothing is ever cut here, so this is also where the whole of a truncated event is found.
"""

from __future__ import annotations

import asyncio
from datetime import datetime

import msgspec

from deltawire.events import EntryData, Event, FeedInfo
from deltawire.log.port import Log, Reader, Record
from deltawire.model import Entry


class EntryRecord(msgspec.Struct, frozen=True, kw_only=True):
    """The value of a record. ``sequence`` is that of the entry's last event, 20 digits, within ``feedepoch``.

    ``removed_at`` is set exactly while that last event is ``removed``.
    """

    feed: FeedInfo
    entry: Entry
    revision: int
    sequence: str
    feedepoch: str
    event_id: str
    removed_at: datetime | None = None


_decoder = msgspec.json.Decoder(EntryRecord)


def record_key(feed_id: str, entry_id: str) -> str:
    return f"{feed_id}/{entry_id}"


def encode(record: EntryRecord) -> bytes:
    return msgspec.json.encode(record)


def decode(value: bytes) -> EntryRecord:
    """The record of a value.

    Raises:
        ValueError: the value is none of deltawire's.
    """
    try:
        return _decoder.decode(value)
    except msgspec.DecodeError as error:
        raise ValueError(f"an entry record of another shape: {error}") from None


class WholeEntries:
    """Finds the whole entries of truncated events of one partition; nothing is read before the first of them.

    Only where each key was last seen is kept in memory, not the contents. ``patience`` is how many seconds to
    wait for a record that is not there: an engine may show the two halves of one commit at different moments.
    """

    def __init__(self, log: Log, topic: str, partition: int, *, patience: float = 2.0) -> None:
        self._log = log
        self._topic = topic
        self._partition = partition
        self._patience = patience
        self._reader: Reader | None = None
        self._seen: dict[str, tuple[int, str, int]] = {}

    async def find(self, event: Event) -> Entry | None:
        """The whole entry right after ``event``; null when the topic holds only a later state of it, or none."""
        if not isinstance(event.data, EntryData):
            return None
        key = record_key(event.feed_id, event.data.entry.id)
        wanted = (event.feedepoch, event.sequence)
        if not self._covers(key, wanted) and not await self._read_until(key, wanted):
            return None
        offset, epoch, sequence = self._seen[key]
        return await self._entry_at(offset, key) if (epoch, sequence) == wanted else None

    def _covers(self, key: str, wanted: tuple[str, int]) -> bool:
        _, epoch, sequence = self._seen.get(key, (0, "", 0))
        return epoch == wanted[0] and sequence >= wanted[1]

    async def _read_until(self, key: str, wanted: tuple[str, int]) -> bool:
        """Read on; false when the record is not there ``patience`` seconds after what is now the end."""
        begin, end = (await self._log.bounds(self._topic))[self._partition]
        if self._reader is None:
            self._reader = await self._log.reader(self._topic, {self._partition: begin})
        clock = asyncio.get_running_loop().time
        deadline: float | None = None
        while not self._covers(key, wanted):
            if deadline is None and self._reader.positions[self._partition] >= end:
                deadline = clock() + self._patience
            if deadline is not None and clock() >= deadline:
                return False
            for record in await self._reader.poll(timeout=self._patience):
                self._note(record)
        return True

    def _note(self, record: Record) -> None:
        key = record.key or ""
        if record.value is None:
            self._seen.pop(key, None)
            return
        held = decode(record.value)
        self._seen[key] = (record.offset, held.feedepoch, int(held.sequence))

    async def _entry_at(self, offset: int, key: str) -> Entry | None:
        reader = await self._log.reader(self._topic, {self._partition: offset})
        try:
            for record in await reader.poll(max_records=1):
                # Compaction may have taken the record since it was seen: then a later state is ahead.
                if record.offset == offset and record.key == key and record.value is not None:
                    return decode(record.value).entry
        finally:
            await reader.close()
        return None

    async def close(self) -> None:
        if self._reader is not None:
            await self._reader.close()
            self._reader = None
