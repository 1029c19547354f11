"""Noise that is learned: places in entries that change at nearly every look without an editor. See docs/freshness.md.

A place is learned (``learning``) from the feed's own documents, all entries of a document together. What changes only
there is put back to what was last said, before anything else is decided: so it is neither an edit nor the mark of an
older copy.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from deltawire.differ import blocks, learning
from deltawire.differ.changed import Case, Run, case_of
from deltawire.differ.learning import OWN_WORDS, VOTES, Key, key_of
from deltawire.differ.places import Place, Span
from deltawire.differ.state import Known
from deltawire.model import Entry

replace = msgspec.structs.replace


class Sifted(msgspec.Struct, frozen=True, kw_only=True):
    """``entries`` as shown, but for what is noise; ``places`` and, by entry id, ``spans`` to be remembered.

    ``notes`` are (reason, detail) of places that were learned or given up.
    """

    entries: tuple[Entry, ...]
    places: tuple[Place, ...] = ()
    spans: dict[str, dict[str, Span]] = {}
    notes: tuple[tuple[str, str], ...] = ()


def sift(places: Sequence[Place], known: Mapping[str, Known], shown: Sequence[Entry], *, evidence: bool) -> Sifted:
    """Leave out what changed in places that are learned, and learn from what changed.

    ``evidence``: this is another document than the last, read by the same reader.
    """
    met = [(known[e.id], e) for e in shown if e.id in known and known[e.id].status != "removed"]
    differing = [(k, e) for k, e in met if e is not k.entry and e not in (k.entry, k.shown)]
    if not places and not learning.enough(len(differing), len(met)):
        return Sifted(entries=tuple(shown))
    cases = [case for k, e in differing if (case := case_of(k, e)) is not None]
    notes: tuple[tuple[str, str], ...] = ()
    moved: set[Key] = set()
    spans: dict[str, dict[str, Span]] = {}
    if evidence and (cases or places):
        hits = learning.hits(cases, len(met), places)
        before = {key_of(place) for place in places if place.learned}
        places, moved, notes = learning.learned(places, hits, [e for _, e in met])
        spans = learning.voted(hits, [k for k, _ in met], cases, places, before, moved)
    learned = {place.field: place for place in places if place.learned}
    # Nothing is learned of what was withdrawn, but an old copy that still shows it must be seen to be one.
    withdrawn = ((known[e.id], e) for e in shown if e.id in known and known[e.id].status == "removed")
    cases += [case for k, e in withdrawn if learned and (case := case_of(k, e)) is not None]
    if not learned or not cases:
        return Sifted(entries=tuple(shown), places=tuple(places), spans=spans, notes=notes)
    said = {case.entry.id: _said(case, learned, spans.get(case.entry.id, case.known.volatile), moved) for case in cases}
    entries = tuple(said.get(e.id, e) for e in shown)
    return Sifted(entries=entries, places=tuple(places), spans=spans, notes=notes)


def stood(places: Sequence[Place]) -> tuple[Place, ...]:
    """The same document once more."""
    return tuple(replace(place, still=place.still + 1) if place.learned else place for place in places)


def _said(case: Case, learned: Mapping[str, Place], spans: Mapping[str, Span], moved: set[Key]) -> Entry:
    """The entry as shown, with what was last said in the learned places; as it is where it cannot be told apart."""
    values: dict[str, Any] = {}
    quiet: dict[str, bool] = {}
    for name, run in case.runs.items():
        place = learned.get(name)
        if place is None:
            quiet[name] = False
            continue
        span = spans.get(name)
        span = span if span is not None and span.votes >= VOTES else None
        if _quiet(place, run, span, moved=key_of(place) in moved):
            values[name] = getattr(case.known.entry, name)
            quiet[name] = True
        elif (value := _put_back(place, run, span)) is not None:
            values[name] = value
            quiet[name] = False
        else:
            return case.entry
    if not _one_content(case, values, quiet):
        return case.entry
    return replace(case.entry, **values)


def _one_content(case: Case, values: Mapping[str, Any], quiet: Mapping[str, bool]) -> bool:
    """Whether text and markup, where both changed, still say the same: never one of now and the other of before."""
    if not {"content_text", "content_html"} <= quiet.keys():
        return True
    if quiet["content_text"] != quiet["content_html"]:
        # A picture or an address may be edited while what is read changes in its noise only.
        markup = values.get("content_html")
        return quiet["content_text"] and markup is not None and _same_words(markup, case.known.entry.content_html)
    if ("content_text" in values) == ("content_html" in values):
        return True
    # Noise that nobody reads, such as a token in an address, has no counterpart in the text.
    markup = values.get("content_html")
    return markup is not None and blocks.read(markup) == blocks.read(case.entry.content_html)


def _same_words(one: str, other: str) -> bool:
    return blocks.read(one).split() == blocks.read(other).split()


def _quiet(place: Place, run: Run, span: Span | None, *, moved: bool) -> bool:
    """Whether all that changed in a field is noise."""
    if _pooled(place, [*run.gone, *run.come]):
        return True
    if moved and run.single() and _token(place, run.gone[0], run.come[0]):
        return True
    if span is None or not place.even or len(run.old) != len(run.new):
        return False
    before = run.offset(place.anchor) - place.index
    if before < 0 or before + len(run.gone) > span.length:
        return False
    if span.length == 1:
        return _own_words_stay(place, span, run.gone[0], run.come[0])
    return _pooled(place, [key for key in run.gone if key in run.come])


def _put_back(place: Place, run: Run, span: Span | None) -> Any:
    """The field as shown, with what was said before in the learned place; null where that is in doubt."""
    length = span.length if span is not None else 1
    # By chance the first of a box's blocks stayed whenever the entry was seen to change: then more is noise than that.
    while all(_noisy_beyond(place, keys, length) for keys in (run.old, run.new)):
        length += 1
    (a, b), (c, d) = _region(place, run.old, length), _region(place, run.new, length)
    if min(a, c) < 0 or b > len(run.old) or d > len(run.new):
        return None
    was, now = run.old[a:b], run.new[c:d]
    if was != now and not _pooled(place, [*was, *now]):
        if length != 1:
            return None
        kept = span is not None and place.even and _own_words_stay(place, span, was[0], now[0])
        if not kept and not _token(place, was[0], now[0]):
            return None
    if [*run.new[:c], *was, *run.new[d:]] == run.old:
        return None
    return blocks.join(run.name, [*run.raw_new[:c], *run.raw_old[a:b], *run.raw_new[d:]])


def _region(place: Place, keys: Sequence[str], length: int) -> tuple[int, int]:
    if place.anchor == "start":
        return place.index, place.index + length
    return len(keys) - place.index - length, len(keys) - place.index


def _noisy_beyond(place: Place, keys: Sequence[str], length: int) -> bool:
    """Whether the block next to a region of that length, away from its anchor, is noise as well."""
    a, b = _region(place, keys, length)
    at = b if place.anchor == "start" else a - 1
    return 0 <= at < len(keys) and _pooled(place, [keys[at]])


def _pooled(place: Place, keys: Sequence[str]) -> bool:
    return all(blocks.shape(place.field, key) in place.pool for key in keys)


def _token(place: Place, old: str, new: str) -> bool:
    """Whether a word that nobody writes was replaced, where it stands in the other entries."""
    old_words, new_words = blocks.words_apart(place.field, old, new)
    start, end = blocks.common(old_words, new_words)
    return blocks.token_like(old_words, new_words) and (start == place.start or end == place.end)


def _own_words_stay(place: Place, span: Span, old: str, new: str) -> bool:
    """Whether the words of a block stay that stayed whenever it changed; a few in common are chance."""
    if not place.manner.own and span.start + span.end < OWN_WORDS:
        return True
    start, end = blocks.common(*blocks.words_apart(place.field, old, new))
    return start >= span.start and end >= span.end
