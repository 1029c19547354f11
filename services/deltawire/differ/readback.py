"""Reading back what an observation refers to: after a restart, and of feeds that are not kept decoded."""

from __future__ import annotations

from collections.abc import Collection

import msgspec

from deltawire.log.port import Log, OutOfRange, Record
from deltawire.model import Document, Entry
from deltawire.observations import Amended, Place, Source, Written, held

_observations = msgspec.json.Decoder(Written)


class ReadBack(msgspec.Struct, frozen=True):
    """What was found of ``sources``. Those that are ``gone`` are no longer kept."""

    sources: frozenset[Source] = frozenset()
    entries: dict[Place, Entry] = {}
    gone: frozenset[Source] = frozenset()


async def read_back(log: Log, topic: str, partition: int, sources: Collection[Source]) -> ReadBack:
    """The entries of those observations. What stands at such an offset and is another observation counts as not there.

    Raises:
        LogError: the log cannot be read.
    """
    entries: dict[Place, Entry] = {}
    gone = set()
    begin, end = (await log.bounds(topic))[partition]
    for source in sources:
        try:
            record = await _record(log, topic, partition, source.offset) if begin <= source.offset < end else None
        except OutOfRange:  # retention was faster
            begin = max(begin, source.offset + 1)
            record = None
        if source.offset < begin:
            gone.add(source)
        elif record is not None:
            entries |= _held(record)
    return ReadBack(frozenset(sources), entries, frozenset(gone))


async def _record(log: Log, topic: str, partition: int, offset: int) -> Record | None:
    reader = await log.reader(topic, {partition: offset})
    try:
        records: list[Record] = []
        while not records and reader.positions[partition] <= offset:
            records = await reader.poll(max_records=1)
        return next((record for record in records if record.offset == offset), None)
    finally:
        await reader.close()


def _held(record: Record) -> dict[Place, Entry]:
    try:
        look = _observations.decode(record.value or b"")
    except msgspec.DecodeError:
        return {}
    return held(look) if isinstance(look, Document | Amended) else {}
