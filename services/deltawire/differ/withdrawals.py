"""Explicit withdrawals: what a source says itself of entries that are gone."""

from __future__ import annotations

from collections.abc import Mapping

from deltawire.differ.source_ids import Keys
from deltawire.differ.state import Known, SourceIds
from deltawire.model import Reading


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
