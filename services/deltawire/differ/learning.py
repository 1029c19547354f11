"""Learning where noise stands: from entries of a document that change at once, in the same place, again and again."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from heapq import nlargest, nsmallest
from zlib import crc32

import msgspec

from deltawire.differ import blocks, freshness
from deltawire.differ.changed import Case, Run
from deltawire.differ.places import Anchor, Manner, Place, Span
from deltawire.differ.state import Known
from deltawire.model import Entry

replace = msgspec.structs.replace

ENTRIES = 3
"""That many entries at least, and half of those shown, change in one place: else it says nothing."""
FRESH = 3
"""Documents of the last ``DOCUMENTS`` in which they did so, each time to what had not been there before ..."""
RETURNS = 5
"""... or that many, at least two of them so."""
DOCUMENTS = 8
STILL = 60
"""Looks after which a place that stands still is read again."""
VOTES = 2
"""Changes of one entry in a place after which it is taken for one of those that change there."""
OWN_WORDS = 3
"""Words of a block that stay from which on they are the editors'."""
_POOL = 16
_CANDIDATES = 10
_SAMPLE = 6

Key = tuple[str, Anchor, int]


@dataclass(frozen=True, slots=True)
class Hit:
    """What one document says of a place: the entries that changed there, ``voters``, and in which manner.

    ``beyond`` is how many more changed in noise only, of which the part next to the anchor stayed by chance.
    ``kinds`` are the shapes of the noise there: those that several entries showed, now or before.
    """

    voters: Sequence[Case]
    manner: Manner
    kinds: tuple[int, ...]
    beyond: int

    @property
    def entries(self) -> int:
        return len(self.voters) + self.beyond


def hits(cases: Sequence[Case], met: int, places: Sequence[Place]) -> dict[Key, Hit]:
    """Places in which most entries changed at once, and nowhere else in that field."""
    found: dict[Key, list[Case]] = {}
    changed: dict[str, list[Case]] = {}
    for case in cases:
        if case.alone:
            for name, run in case.runs.items():
                changed.setdefault(name, []).append(case)
                for anchor, index in run.keys:
                    found.setdefault((name, anchor, index), []).append(case)
    pools = {key_of(place): place.pool for place in places}
    likely = nlargest(_CANDIDATES, (key for key in found if len(found[key]) > 1), key=lambda key: len(found[key]))
    told = {key: _told_by(key, found[key], changed[key[0]], pools.get(key, ())) for key in likely}
    return {key: hit for key, hit in told.items() if enough(hit.entries, met)}


def _told_by(key: Key, voters: Sequence[Case], changed: Sequence[Case], pool: Sequence[int]) -> Hit:
    name, anchor, index = key
    runs = [case.runs[name] for case in voters]
    direct = {id(run) for run in runs}
    others = [run for case in changed if id(run := case.runs[name]) not in direct]
    manner = Counter(map(_manner, runs)).most_common(1)[0][0]
    if manner.single:
        # A block with words of its own is an entry's own, whatever others look like it; so is an edit among the noise.
        length, tell = 1, [] if manner.own else [run for run in runs if _manner(run) == manner]
    else:
        # The longest may hold an edit as well.
        length = sorted(run.size for run in runs)[-2]
        tell = [*runs, *(run for run in others if index <= run.offset(anchor) <= index + length - run.size)]
    counts = Counter(shape for run in tell for shape in _shapes(run, anchor, index, index + length))
    shared = [shape for shape, n in counts.most_common(_POOL) if n >= (2 if manner.single else ENTRIES)]
    kinds = (*(shape for shape in pool if shape not in shared), *reversed(shared))[-_POOL:]
    noise = {*kinds}
    beyond = sum(
        index < run.offset(anchor) and _shapes(run, anchor, index, run.offset(anchor) + run.size) <= noise
        for run in others
    )
    return Hit(voters, manner, kinds, beyond)


def _shapes(run: Run, anchor: Anchor, start: int, end: int) -> set[int]:
    """What an entry shows in a stretch, and showed before."""
    parts = (keys[::-1][start:end] if anchor == "end" else keys[start:end] for keys in (run.old, run.new))
    return {blocks.shape(run.name, key) for part in parts for key in part if key}


def enough(changed: int, met: int) -> bool:
    """Whether so many entries that changed, of those that a document shows again, can say anything of a place."""
    return changed >= max(ENTRIES, met / 2)


def learned(
    places: Sequence[Place], hits: Mapping[Key, Hit], shown: Sequence[Entry]
) -> tuple[tuple[Place, ...], set[Key], tuple[tuple[str, str], ...]]:
    """The places after one more document, those that changed in it, and what is to be noted."""
    sample = nsmallest(_SAMPLE, shown, key=lambda e: crc32(e.id.encode()))
    taken = {place.field for place in places if place.learned}
    known = {key_of(place): place for place in places}
    fresh_keys = [key for key in hits if key not in known and key[0] not in taken]
    known |= {key: Place(field=key[0], anchor=key[1], index=key[2]) for key in fresh_keys}
    notes: list[tuple[str, str]] = []
    moved: set[Key] = set()
    kept: list[Place] = []
    for key, before in known.items():
        place = _counted(before, hits.get(key), first=key in fresh_keys)
        if not place.learned:
            if place.recent:
                kept.append(place)
            continue
        seen = _seen(place, sample)
        both = seen.keys() & place.seen.keys()
        if not both or 2 * sum(seen[i] != place.seen[i] for i in both) >= len(both):
            moved.add(key)
            place = replace(place, still=0)
        else:
            place = replace(place, still=place.still + 1)
        if place.still < STILL:
            kept.append(replace(place, seen=seen))
        else:
            notes.append(("noise-unlearned", f"{_told(place)} stood still for {place.still} looks: it is read again"))
    # Where another place tells of more entries, this is it as entries of one length show it: it would hide the other.
    most = {name: max(hit.entries for key, hit in hits.items() if key[0] == name) for name, _, _ in hits}
    ready = [p for p in kept if not p.learned and _proven(p) and _entries(hits.get(key_of(p))) == most.get(p.field)]
    ready.sort(key=lambda p: (p.recent.bit_count(), -p.index, p.anchor == "end"))
    # One a field, with most evidence. Of entries equally long both ends count to one block: the nearer end is meant.
    for name, best in {place.field: place for place in ready}.items():
        kept = [place for place in kept if place.field != name]
        kept.append(replace(best, learned=True, seen=_seen(best, sample)))
        moved.add(key_of(best))
        changed = _entries(hits.get(key_of(best)))
        detail = f"{_told(best)} changed in {changed} of {len(shown)} entries, {best.recent.bit_count()} times"
        notes.append(("noise-learned", f"{detail} in the last {DOCUMENTS} documents, without an editor: left out"))
    kept.sort(key=lambda place: (place.learned, place.recent.bit_count()))
    return tuple(kept[-_CANDIDATES:]), moved, tuple(notes)


def _entries(hit: Hit | None) -> int:
    return hit.entries if hit is not None else 0


def _proven(place: Place) -> bool:
    fresh = place.fresh.bit_count()
    return fresh >= FRESH or (fresh >= 2 and place.recent.bit_count() >= RETURNS)


def _counted(place: Place, hit: Hit | None, *, first: bool) -> Place:
    """The place after one more document."""
    mask = (1 << DOCUMENTS) - 1
    recent, fresh = (place.recent << 1) & mask, (place.fresh << 1) & mask
    if hit is None:
        return replace(place, recent=recent, fresh=fresh)
    runs = [case.runs[place.field] for case in hit.voters]
    news = 0 if place.learned else sum(freshness.version(case.entry) not in case.known.past for case in hit.voters)
    start = _shared([run.start for run in runs if run.single()])
    end = _shared([run.end for run in runs if run.single()])
    return replace(
        place,
        recent=recent | 1,
        fresh=fresh | (2 * news >= len(runs)),
        pool=hit.kinds,
        even=place.even and 4 * sum(len(run.old) != len(run.new) for run in runs) <= len(runs),
        manner=hit.manner,
        start=start if first or start == place.start else None,
        end=end if first or end == place.end else None,
    )


def _shared(values: Sequence[int]) -> int | None:
    """The value that nearly all have."""
    value, count = Counter(values).most_common(1)[0] if values else (0, 0)
    return value if count and 10 * count >= 9 * len(values) else None


def _at(place: Place, keys: Sequence[str]) -> str | None:
    at = place.index if place.anchor == "start" else len(keys) - 1 - place.index
    return keys[at] if 0 <= at < len(keys) else None


def _seen(place: Place, sample: Sequence[Entry]) -> dict[str, int]:
    shown = ((e.id, _at(place, blocks.keys(place.field, blocks.cut(place.field, e)))) for e in sample)
    return {entry_id[:4]: crc32((key or "").encode()) & 0xFFFF for entry_id, key in shown}


def key_of(place: Place) -> Key:
    return (place.field, place.anchor, place.index)


def _told(place: Place) -> str:
    side = "end" if place.anchor == "end" else "start"
    return f"{place.field}, block {place.index + 1} from the {side},"


def voted(
    hits: Mapping[Key, Hit],
    met: Sequence[Known],
    cases: Sequence[Case],
    places: Sequence[Place],
    old: set[Key],
    moved: set[Key],
) -> dict[str, dict[str, Span]]:
    """What each entry showed of where it changes: in one of ``places``, in the manner of most.

    Entries that came since a place was learned (``old``) change as the others do, each time that these
    do (``moved``). One that does not at once is not one of them.
    """
    spans: dict[str, dict[str, Span]] = {}
    changed = {case.entry.id: case for case in cases}
    for place in places:
        if key_of(place) not in old:
            hit = hits.get(key_of(place))
            for case in hit.voters if hit is not None else ():
                run, before = case.runs[place.field], case.known.volatile.get(place.field)
                if _manner(run) == place.manner:
                    spans.setdefault(case.entry.id, {})[place.field] = _merged(before, run, 1)
        elif key_of(place) in moved:
            for known in met:
                before = known.volatile.get(place.field)
                if before is None or before.votes < VOTES:
                    found = _late(place, before, changed.get(known.entry.id))
                    if found not in (None, before):
                        spans.setdefault(known.entry.id, {})[place.field] = found
    own = {known.entry.id: known.volatile for known in met}
    return {entry_id: {**own[entry_id], **found} for entry_id, found in spans.items()}


def _late(place: Place, before: Span | None, case: Case | None) -> Span | None:
    run = case.runs.get(place.field) if case is not None and case.alone else None
    if run is not None and (place.anchor, place.index) in run.keys and _manner(run) == place.manner:
        return _merged(before, run, 0)
    return before and Span(before.length, before.start, before.end, -1)


def _manner(run: Run) -> Manner:
    single = run.single()
    return Manner(single, single and run.words < OWN_WORDS, single and run.start + run.end >= OWN_WORDS)


def _merged(before: Span | None, run: Run, first: int) -> Span:
    length = len(run.gone)
    if before is None or before.votes < 0:
        return Span(length, run.start, run.end, first)
    start, end = min(before.start, run.start), min(before.end, run.end)
    return Span(min(before.length, length) or length, start, end, before.votes + 1)
