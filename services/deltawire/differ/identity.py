"""Which entry of a document is which entry that is already known."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Container, Mapping, Sequence
from datetime import datetime

import msgspec
from rapidfuzz import fuzz

from deltawire.differ.state import Known
from deltawire.model import Entry

SIMILAR_AT_SAME_TIME = 50.0
SIMILAR = 85.0
"""Percent (rapidfuzz ratio) from which two texts without ids are the same entry, at the same and at another time."""

PAIRS_LIMIT = 40_000
"""Comparisons of texts at most for one document; beyond it only entries of the same time are compared, or none."""

COMPARED = 300
"""Characters of each text that are compared: enough to tell entries apart, and a bound on the cost of a pair."""


class Matching(msgspec.Struct, frozen=True, kw_only=True):
    """``entries`` are those of the document, each with its id.

    ``repeated`` are source ids that stood on several entries: no identity, so these were matched without it.
    """

    entries: tuple[Entry, ...]
    repeated: frozenset[str] = frozenset()


def new_id(entry: Entry, taken: Container[str] = frozenset()) -> str:
    """The id of an entry seen for the first time: of its source id where it has one, else of its time and text."""
    if entry.source_id is not None:
        basis = f"source {entry.source_id}"
    else:
        basis = f"content {entry.published_at} {entry.title or ''}\n{entry.content_text}"
    candidate = _digest(basis)
    count = 1
    while candidate in taken:
        count += 1
        candidate = _digest(f"{basis}\n#{count}")
    return candidate


def _digest(basis: str) -> str:
    return hashlib.blake2b(basis.encode(), digest_size=10).hexdigest()


def match(known: Mapping[str, Known], entries: Sequence[Entry]) -> Matching:
    """Give every entry of a document its id: the one it is known by, or a new one.

    A native id decides alone, if it stands on one entry only. The others are matched by time and text: the same
    text first, then the most similar at the same time, then a very similar one at another time.
    """
    counts = Counter(entry.source_id for entry in entries)
    counts |= Counter(k.entry.source_id for k in known.values())
    repeated = frozenset(s for s, count in counts.items() if s is not None and count > 1)

    def anonymous(entry: Entry) -> bool:
        return entry.source_id is None or entry.source_id in repeated

    by_source = {k.entry.source_id: i for i, k in known.items() if not anonymous(k.entry)}
    candidates = {i: k.entry for i, k in known.items() if anonymous(k.entry)}
    ids = {
        place: by_source[entry.source_id]
        for place, entry in enumerate(entries)
        if not anonymous(entry) and entry.source_id in by_source
    }
    places = [place for place, entry in enumerate(entries) if anonymous(entry)]
    ids |= _match_by_content(candidates, entries, places)
    taken = set(known)
    named: list[Entry] = []
    for place, entry in enumerate(entries):
        entry_id = ids.get(place)
        if entry_id is None:
            entry_id = new_id(entry, taken)
            taken.add(entry_id)
        named.append(msgspec.structs.replace(entry, id=entry_id))
    return Matching(entries=tuple(named), repeated=repeated)


def _match_by_content(candidates: dict[str, Entry], entries: Sequence[Entry], places: Sequence[int]) -> dict[int, str]:
    found: dict[int, str] = {}

    def settle(place: int, entry_id: str) -> None:
        found[place] = entry_id
        del candidates[entry_id]

    for same in (_time_and_text, _text):
        index: dict[object, list[str]] = {}
        for entry_id, entry in candidates.items():
            index.setdefault(same(entry), []).append(entry_id)
        for place in places:
            if place not in found and (ids := index.get(same(entries[place]))):
                settle(place, ids.pop(0))
    rest = [place for place in places if place not in found]
    by_time: dict[datetime | None, set[str]] = {}
    for entry_id, entry in candidates.items():
        by_time.setdefault(entry.published_at, set()).add(entry_id)
    near_only = len(rest) * len(candidates) > PAIRS_LIMIT
    if near_only and sum(len(by_time.get(entries[place].published_at, ())) for place in rest) > PAIRS_LIMIT:
        return found
    scored: list[tuple[float, int, str]] = []
    for place in rest:
        at_same_time = by_time.get(entries[place].published_at, set())
        for entry_id in at_same_time if near_only else candidates:
            floor = SIMILAR_AT_SAME_TIME if entry_id in at_same_time else SIMILAR
            score = fuzz.ratio(_start(entries[place]), _start(candidates[entry_id]), score_cutoff=floor)
            if score:
                scored.append((score + (100.0 if entry_id in at_same_time else 0.0), place, entry_id))
    for _, place, entry_id in sorted(scored, key=lambda s: (-s[0], s[1], s[2])):
        if place not in found and entry_id in candidates:
            settle(place, entry_id)
    return found


def _text(entry: Entry) -> str:
    return f"{entry.title or ''}\n{entry.content_text}"


def _start(entry: Entry) -> str:
    return _text(entry)[:COMPARED]


def _time_and_text(entry: Entry) -> object:
    return (entry.published_at, _text(entry))
