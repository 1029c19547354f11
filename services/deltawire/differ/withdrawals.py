"""Explicit withdrawals: what a source says itself of entries that are gone."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from deltawire.differ.source_ids import Keys
from deltawire.differ.state import Known, SourceIds
from deltawire.model import Entry, Reading, Tombstone

replace = msgspec.structs.replace


def heeded(reading: Reading) -> Reading:
    """The reading with each source id either shown or withdrawn.

    RFC 6721, 3: of an entry and a deletion of it the later one counts. A deletion without a time yields to the entry.
    """
    if not reading.tombstones:
        return reading
    dead = {tombstone.source_id: tombstone for tombstone in reading.tombstones}
    shown = {e.source_id: e for e in reading.entries if e.source_id in dead}
    alive = {source_id for source_id, entry in shown.items() if source_id and _later(entry, dead[source_id])}
    kept = [n for n, e in enumerate(reading.entries) if e.source_id not in dead or e.source_id in alive]
    return replace(
        reading,
        entries=tuple(reading.entries[n] for n in kept),
        aside=tuple(place for place, n in enumerate(kept) if n in reading.aside),
        tombstones=tuple(t for source_id, t in dead.items() if source_id not in alive),
    )


def _later(entry: Entry, tombstone: Tombstone) -> bool:
    own = max((t for t in (entry.published_at, entry.updated_at) if t), default=None)
    return tombstone.at is None or (own is not None and own > tombstone.at)


def of_known(known: Mapping[str, Known], reading: Reading, ids: SourceIds) -> tuple[set[str], list[str]]:
    """The ids of the known entries that are withdrawn, and the source ids that are none of theirs."""
    if not reading.tombstones:
        return set(), []
    keys = Keys(known, (), ids)
    found, strangers = set(), []
    for tombstone in reading.tombstones:
        entry_id = keys.find(tombstone.source_id)
        if entry_id is None:
            strangers.append(tombstone.source_id)
        else:
            found.add(entry_id)
    return found, strangers
