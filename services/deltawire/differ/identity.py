"""Which entry of a document is which entry that is already known.

Native ids decide where they are worth it (``source_ids``). What they leave open is matched by content: the same time
and text first, then all that is left at once, as the assignment (``assignment``) of the greatest likeness.
"""

from __future__ import annotations

import hashlib
from collections.abc import Container, Mapping, Sequence
from datetime import datetime
from itertools import count
from typing import Literal

import msgspec

from deltawire.differ import source_ids
from deltawire.differ.assignment import assign
from deltawire.differ.compare import alike
from deltawire.differ.likeness import Sketches, similarity
from deltawire.differ.pairs import Pairs
from deltawire.differ.state import Known, SourceIds
from deltawire.model import Entry

replace = msgspec.structs.replace

HANDED_ON = 0.5
"""Below this likeness an entry of another time need not be the one whose id it has."""


class Matching(msgspec.Struct, frozen=True, kw_only=True):
    """``entries`` are those of the document, each with its id; ``ids`` what is known of the source's own ids now.

    ``notes`` are (reason, detail) of what was learned of them. ``pairs`` and ``steps`` count the work: comparisons of
    two texts, and elementary steps of the assignment.
    """

    entries: tuple[Entry, ...]
    ids: SourceIds = SourceIds()
    notes: tuple[tuple[str, str], ...] = ()
    pairs: int = 0
    steps: int = 0


def new_id(entry: Entry, taken: Container[str] = frozenset(), *, native: bool = True) -> str:
    """The id of an entry seen for the first time: of its source id where that is one, else of its time and text."""
    return _unused(_basis(entry, native=native), taken, 1)[0]


def _basis(entry: Entry, *, native: bool) -> str:
    if native and entry.source_id is not None:
        return f"source {entry.source_id}"
    return f"content {entry.published_at} {entry.title or ''}\n{entry.content_text}"


def _unused(basis: str, taken: Container[str], first: int) -> tuple[str, int]:
    """The first id of that basis that is free, and its number: of many alike, the next begins there."""
    for number in count(first):
        candidate = _digest(basis if number == 1 else f"{basis}\n#{number}")
        if candidate not in taken:
            break
    return candidate, number


def _digest(basis: str) -> str:
    return hashlib.blake2b(basis.encode(), digest_size=10).hexdigest()


def match(
    known: Mapping[str, Known],
    entries: Sequence[Entry],
    *,
    ids: SourceIds = SourceIds(),  # noqa: B008 - immutable
    order: Sequence[str] = (),
    coverage: Literal["full", "window", "delta"] = "full",
) -> Matching:
    """Give every entry of a document its id: the one it is known by, or a new one.

    ``order`` has the ids of the entries last shown, newest first. What was learned of the source's ids so far, and
    what this document shows of them, decides what they are worth in it.
    """
    if not ids.positional and source_ids.counts_from_the_top(entries):
        ids = replace(ids, positional=True)
    keys = source_ids.Keys(known, entries, ids)
    found = _native(keys, known, entries)
    entries = list(entries)
    pairs: list[tuple[Known, Entry]] = []
    for place, i in found.items():
        before, entry = known[i], replace(entries[place], id=i)
        entries[place] = before.entry if before.entry == entry else entry
        pairs.append((before, entries[place]))
    if not ids.positional and source_ids.shifted(pairs, known.values(), entries):
        ids = replace(ids, positional=True)
        keys = source_ids.Keys(known, entries, ids)
        found, pairs = {}, []
    kept = sum(source_ids.reworded(k.entry, entry) for k, entry in pairs if k.entry is not entry)
    by_content, compared, steps = _by_content(known, entries, found, keys, ids, order, coverage)
    moved = [
        (old, new)
        for place, i in by_content.items()
        if (old := source_ids.current(known[i])) is not None
        and (new := keys.of_shown[place] and entries[place].source_id)
        and old != new
        and old not in keys.repeated
    ]
    found |= by_content
    ids, notes = source_ids.tell(source_ids.learn(ids, moved, kept, entries), keys.repeated)
    named = _named(
        known,
        entries,
        found,
        keys,
        lasting=source_ids.trust(ids) != "none",
        moving=ids.positional or ids.stem is not None,
    )
    return Matching(entries=named, ids=ids, notes=notes, pairs=compared, steps=steps)


def _native(keys: source_ids.Keys, known: Mapping[str, Known], entries: Sequence[Entry]) -> dict[int, str]:
    found: dict[int, str] = {}
    for place, key in enumerate(keys.of_shown):
        if key is None or (entry_id := keys.of_known.get(key)) is None:
            continue
        # Ids are given to another by a source that gives them to several, or once their entry was withdrawn.
        doubtful = keys.repeated or known[entry_id].status == "removed"
        if not (doubtful and _another(known[entry_id], entries[place])):
            found[place] = entry_id
    return found


def _another(known: Known, entry: Entry) -> bool:
    """Whether the id was given to another entry: of another time and other words."""
    if known.entry.published_at is None or entry.published_at is None:
        return False
    if known.entry.published_at == entry.published_at:
        return False
    sketches = Sketches()
    return similarity(sketches.of(known.entry), sketches.of(entry)) < HANDED_ON


def _named(
    known: Mapping[str, Known],
    entries: Sequence[Entry],
    found: Mapping[int, str],
    keys: source_ids.Keys,
    *,
    lasting: bool,
    moving: bool,
) -> tuple[Entry, ...]:
    taken = set(known)
    tried: dict[str, int] = {}
    named: list[Entry] = []
    for place, entry in enumerate(entries):
        entry_id = found.get(place)
        if entry_id is None:
            basis = _basis(entry, native=lasting and keys.of_shown[place] is not None)
            entry_id, tried[basis] = _unused(basis, taken, tried.get(basis, 1))
            taken.add(entry_id)
        before = known.get(entry_id)
        if entry.id != entry_id:
            entry = _remembered(before, replace(entry, id=entry_id))
        named.append(entry if lasting else _remembered(before, _addressed(entry, before, moving=moving)))
    return tuple(named)


def _remembered(known: Known | None, entry: Entry) -> Entry:
    """The entry as the very object that is known, where it stands: no later comparison of the two looks into them."""
    return known.entry if known is not None and known.entry == entry else entry


def _addressed(entry: Entry, known: Known | None, *, moving: bool) -> Entry:
    """The entry; with the address it had, if it differs in that only: it may hold the id that does not last.

    ``moving``: ids change while entries do not, so that the address says nothing of their versions either.
    """
    if known is None or known.entry.url == entry.url or (known.status == "removed" and not moving):
        # What is put back under another id and address is told with that address: an old copy would show the old one.
        return entry
    before = replace(entry, url=known.entry.url)
    return before if moving or alike(before, known.entry) else entry


def _by_content(
    known: Mapping[str, Known],
    entries: Sequence[Entry],
    found: Mapping[int, str],
    keys: source_ids.Keys,
    ids: SourceIds,
    order: Sequence[str],
    coverage: str,
) -> tuple[dict[int, str], int, int]:
    """The known entries of the places that ``found`` leaves open; comparisons and steps spent."""
    places = [place for place in range(len(entries)) if place not in found]
    taken = set(found.values())
    candidates = {i: k for i, k in known.items() if i not in taken}
    if not places or not candidates:
        return {}, 0, 0
    general = source_ids.trust(ids)
    native = set(keys.of_known.values())

    def trust(place: int, entry_id: str) -> source_ids.Trust:
        """What the two ids say that they are not: nothing, if one has none."""
        return general if keys.of_shown[place] is not None and entry_id in native else "none"

    settled = _same(candidates, entries, places, trust)
    anchors = {**found, **settled}
    rest = [place for place in places if place not in settled]
    for entry_id in settled.values():
        del candidates[entry_id]
    if settled and general != "none":
        # Ids that have just been seen to change no longer speak against the others.
        general = "none" if any(trust(p, i) != "none" for p, i in settled.items()) else general
    pairs = Pairs(candidates, entries, anchors, order, trust, whole=coverage == "full")
    gains = pairs.gains(rest)
    chosen, steps = assign(gains)
    return {**settled, **chosen}, pairs.compared, steps


def _same(
    candidates: Mapping[str, Known],
    entries: Sequence[Entry],
    places: Sequence[int],
    trust: source_ids.Trusting,
) -> dict[int, str]:
    """Those of the same time and text; where times are not told, of the same text, if it is one that tells."""
    index: dict[tuple[datetime | None, str], list[str]] = {}
    times = {entries[place].published_at for place in places}
    for entry_id, known in candidates.items():
        if known.entry.published_at not in times:
            continue
        index.setdefault((known.entry.published_at, source_ids.text(known.entry)), []).append(entry_id)
    for listed in index.values():
        listed.sort(key=lambda i: candidates[i].status != "present")
    settled: dict[int, str] = {}
    for place in places:
        entry = entries[place]
        listed = index.get((entry.published_at, source_ids.text(entry)), [])
        told = entry.published_at is not None or len(source_ids.text(entry)) >= source_ids.TELLING_TEXT
        for entry_id in listed:
            worth = trust(place, entry_id)
            if worth == "none" or (told and (worth == "open" or entry.published_at is not None)):
                settled[place] = entry_id
                listed.remove(entry_id)
                break
    return settled
