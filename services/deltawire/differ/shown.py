"""What a document shows, each entry once: its withdrawals heeded, copies of pinned entries taken for what they are."""

from __future__ import annotations

from collections.abc import Collection

import msgspec

from deltawire.model import Entry, Reading, Tombstone

replace = msgspec.structs.replace

PINNED = "-pinned"
"""What some sources add to the id of an entry where they show it on top (the Guardian does: formats.md, 8, rule 7)."""


def once(reading: Reading) -> Reading:
    """The reading with each source id shown once, or withdrawn."""
    return _heeded(_unpinned(reading))


def _unpinned(reading: Reading) -> Reading:
    marked = (
        n
        for n, e in enumerate(reading.entries)
        if (e.source_id or "").endswith(PINNED) or (e.url or "").endswith(PINNED)
    )
    copies = {n for n in marked if _is_copy(reading.entries[n])}
    if not copies:
        return reading
    own = {e.source_id for n, e in enumerate(reading.entries) if n not in copies}
    kept = [n for n, e in enumerate(reading.entries) if n not in copies or _bare(e.source_id) not in own]
    entries = [
        replace(e, source_id=_bare(e.source_id), url=_bare(e.url)) if n in copies else e
        for n, e in enumerate(reading.entries)
    ]
    return _only(replace(reading, entries=tuple(entries)), kept)


def _is_copy(entry: Entry) -> bool:
    """By its id, or by its address where the reader has put the id right."""
    source_id = entry.source_id
    return source_id is not None and (source_id.endswith(PINNED) or (entry.url or "").endswith(source_id + PINNED))


def _bare(name: str | None) -> str | None:
    return name and (name.removesuffix(PINNED) or name)


def _heeded(reading: Reading) -> Reading:
    """RFC 6721, 3: of an entry and a deletion of it the later counts. A deletion without a time yields to the entry."""
    if not reading.tombstones:
        return reading
    dead = {tombstone.source_id: tombstone for tombstone in reading.tombstones}
    shown = {e.source_id: e for e in reading.entries if e.source_id in dead}
    alive = {source_id for source_id, entry in shown.items() if source_id and _later(entry, dead[source_id])}
    kept = [n for n, e in enumerate(reading.entries) if e.source_id not in dead or e.source_id in alive]
    tombstones = tuple(t for source_id, t in dead.items() if source_id not in alive)
    return replace(_only(reading, kept), tombstones=tombstones)


def _later(entry: Entry, tombstone: Tombstone) -> bool:
    own = max((t for t in (entry.published_at, entry.updated_at) if t), default=None)
    return tombstone.at is None or (own is not None and own > tombstone.at)


def _only(reading: Reading, kept: Collection[int]) -> Reading:
    """The entries at these places."""
    aside = set(reading.aside)
    return replace(
        reading,
        entries=tuple(reading.entries[n] for n in kept),
        aside=tuple(place for place, n in enumerate(kept) if n in aside),
    )
