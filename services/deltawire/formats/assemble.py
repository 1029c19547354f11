"""The last steps that all adapters share: unique identities, newest first, one reading."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from itertools import pairwise
from typing import Literal

import msgspec
from rapidfuzz import fuzz

from deltawire.formats import text as texts
from deltawire.formats.bounds import bounded, bounded_feed
from deltawire.formats.content import CONTENT_VERSION, Content
from deltawire.formats.times import Moment
from deltawire.model import Coverage, Entry, FeedMeta, Link, Media, Problem, Reading, Tombstone

Order = Literal["newest-first", "oldest-first", "unordered"]

Read = tuple[Entry, tuple[Problem, ...]]
"""An entry, and what was odd about it."""

_GUARDIAN_BLOCK = re.compile(r"(?:block-)?([0-9a-f]{24})(?:-pinned)?")
_SHOWN = 3
_OPENING = 300
_ALIKE = 60.0
# Entries of one identity and one time that a further one is compared with: all of them would be quadratic.
_COMPARED = 8
_CROWD = 3


def source_id(value: object) -> str | None:
    """An identity as the source states it: text or a number, without surrounding space; null if there is none.

    The Guardian names one block ``<id>``, ``block-<id>`` and, while it is pinned, ``<id>-pinned`` (formats.md 2.2).
    """
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return None
    text = texts.collapse(str(value))
    block = _GUARDIAN_BLOCK.fullmatch(text)
    return (block[1] if block else text[:1024]) or None


def distinct(values: Iterable[str | None]) -> tuple[str, ...]:
    """The values that there are, each once, in their order."""
    return tuple(dict.fromkeys(value for value in values if value))


def as_entry(
    content: Content,
    published: Moment | None,
    updated: Moment | None = None,
    *,
    source_id: str | None,
    url: str | None = None,
    title: str | None = None,
    authors: tuple[str, ...] = (),
    language: str | None = None,
    labels: tuple[str, ...] = (),
    links: Iterable[Link] = (),
    media: Iterable[Media] = (),
) -> Entry:
    """An entry with this body, published and last changed then. ``links`` and ``media`` follow those of the body."""
    return Entry(
        source_id=source_id,
        url=url,
        title=title,
        content_html=content.html,
        content_text=content.text,
        authors=authors,
        language=language,
        published_at=published.at if published else None,
        published_precision=published.precision if published else "unknown",
        updated_at=updated.at if updated else None,
        labels=labels,
        links=tuple(dict.fromkeys((*content.links, *links))),
        media=tuple(dict.fromkeys((*content.media, *media))),
    )


def reading(
    *,
    format: str,  # noqa: A002 - the field of Reading
    version: int,
    feed: FeedMeta,
    coverage: Coverage,
    entries: Sequence[Entry],
    problems: Iterable[Problem] = (),
    tombstones: Sequence[Tombstone] = (),
    more: Sequence[str] = (),
    within_bounds: bool = False,
) -> Reading:
    """A reading of ``entries`` given in document order.

    Entries come out newest first: by ``published_at`` where every entry has one, else in the document's order. A
    document that is in order but for a few entries is in that order, and those are ``aside``.
    ``version`` is the adapter's; the canonicaliser's is folded in as ``adapter * 100 + canonicaliser``, because a
    change of either makes the same document read differently. ``within_bounds``: the entries have been bounded.
    """
    noted = list(problems)
    feed = bounded_feed(feed, noted)
    if not within_bounds:
        entries = [bounded(entry, entry.source_id or f"entry {n}", noted) for n, entry in enumerate(entries, 1)]
    kept = _one_per_identity(entries, noted)
    order: Order = feed.order
    aside: set[int] = set()
    moments = [entry.published_at for entry in kept if entry.published_at is not None]
    listed = list(range(len(kept)))
    if len(moments) == len(kept) and len(set(moments)) > 1:
        order, aside = _order(moments)
        # Sorting is stable: entries of one minute stay as they stand, the later one first.
        listed.sort(key=lambda index: (moments[index], index if order == "oldest-first" else -index), reverse=True)
    elif order == "oldest-first":
        listed.reverse()
    return Reading(
        format=format,
        version=version * 100 + CONTENT_VERSION,
        feed=msgspec.structs.replace(feed, order=order),
        coverage=coverage,
        entries=tuple(kept[index] for index in listed),
        problems=summarised(noted),
        aside=tuple(place for place, index in enumerate(listed) if index in aside),
        tombstones=tuple(tombstones),
        more=tuple(more),
    )


def merged(first: Reading, further: Sequence[Reading], *, whole: bool) -> Reading:
    """One reading of a document and of further ones that belong to it, in the order in which they were named.

    Of two copies of an entry the newer counts, else the one that came first. ``whole`` says that nothing is missing
    between them. They were not read at one instant, so together they are never ``full``, and a ``window`` only if they
    are whole and none of those that hold entries is a ``delta``.
    """
    noted = [problem for page in (first, *further) for problem in page.problems]
    pages = [page for page in (first, *further) if page.entries or not page.more]
    shown: list[Entry] = []
    aside: set[int] = set()
    nameless: set[str] = set()
    for page in pages:
        words = [entry.content_text for entry in page.entries if entry.source_id is None]
        for place, entry in enumerate(page.entries):
            # Pages overlap when something was published between two requests.
            if entry.source_id is None and entry.content_text in nameless:
                continue
            shown.append(entry)
            aside |= {id(entry)} if place in page.aside else set()
        nameless.update(words)
    kept = _one_per_identity(shown, noted)
    moments = [entry.published_at for entry in kept if entry.published_at is not None]
    if len(moments) == len(kept):
        places = sorted(range(len(kept)), key=moments.__getitem__, reverse=True)
        kept = [kept[place] for place in places]
    return msgspec.structs.replace(
        first,
        coverage="window" if whole and all(page.coverage != "delta" for page in pages) else "delta",
        entries=tuple(kept),
        problems=summarised(noted),
        aside=tuple(place for place, entry in enumerate(kept) if id(entry) in aside),
        tombstones=tuple(dict.fromkeys(grave for page in (first, *further) for grave in page.tombstones)),
        more=(),
        unstated=tuple(dict.fromkeys(name for page in pages for name in page.unstated)),
    )


def _order(moments: Sequence[datetime]) -> tuple[Order, set[int]]:
    """The order of a document, and the indexes of the entries that stand outside of it."""
    if all(later >= earlier for later, earlier in pairwise(moments)):
        return "newest-first", set()
    last = len(moments) - 1
    falling = _longest_fall(moments)
    rising = {last - index for index in _longest_fall(moments[::-1])}
    order: Order = "oldest-first" if len(rising) > len(falling) else "newest-first"
    aside = set(range(len(moments))) - max(falling, rising, key=len)
    return (order, aside) if len(aside) <= max(1, len(moments) // 5) else ("unordered", set())


def _longest_fall(moments: Sequence[datetime]) -> set[int]:
    """The indexes of the longest subsequence that never rises, in O(n log n) (patience sorting).

    Of several it is one that ends late in time: a document must not seem to reach further down than it does.
    """
    ends: list[int] = []
    depths: list[float] = []
    before: list[int] = []
    for index, moment in enumerate(moments):
        depth = -moment.timestamp()
        length = bisect_right(depths, depth)
        before.append(ends[length - 1] if length else -1)
        depths[length : length + 1] = [depth]
        ends[length : length + 1] = [index]
    found = set()
    index = ends[-1]
    while index >= 0:
        found.add(index)
        index = before[index]
    return found


def summarised(problems: Iterable[Problem]) -> tuple[Problem, ...]:
    """The problems with the first few of each kind, so that a bad document of 5,000 entries stays reportable."""
    seen: dict[str, int] = {}
    kept: list[Problem] = []
    for problem in problems:
        seen[problem.code] = seen.get(problem.code, 0) + 1
        if seen[problem.code] <= _SHOWN:
            kept.append(problem)
    kept += [
        Problem(code=code, message=f"{count - _SHOWN} more of the same kind")
        for code, count in seen.items()
        if count > _SHOWN
    ]
    return tuple(kept)


def located(problems: Iterable[Problem], where: str | None) -> list[Problem]:
    """The problems of an entry's body, with the entry they belong to."""
    return [msgspec.structs.replace(problem, where=where) for problem in problems]


def unique_or_next(ladder: Sequence[Callable[[int], str | None]], count: int) -> list[str | None]:
    """For each of ``count`` entries the identity from the first rung of the ladder on which it has one to itself."""
    ids: list[str | None] = [None] * count
    for rung in ladder:
        offered = {index: value for index in range(count) if ids[index] is None and (value := rung(index)) is not None}
        taken = Counter(offered.values()) + Counter(value for value in ids if value is not None)
        for index, value in offered.items():
            if taken[value] == 1:
                ids[index] = value
    return ids


def _one_per_identity(entries: Sequence[Entry], noted: list[Problem]) -> list[Entry]:
    """One copy of each entry: of two versions of one the newer.

    Entries that share an identity but neither text, nor a time and most of their words, are not one entry (a feed
    whose every item has the page's address as its guid): all are kept, for the differ to tell apart by what they say.
    """
    identities = [entry.source_id for entry in entries if entry.source_id is not None]
    if len({*identities}) == len(identities):
        return list(entries)
    kept: list[Entry] = []
    index: dict[object, list[int]] = {}
    worthless = _shared_by_many(entries)
    for entry in entries:
        if entry.source_id is None:
            kept.append(entry)
            continue
        identity, words = (entry.source_id,), _words(entry)
        exact, timed = (entry.source_id, words), (entry.source_id, entry.published_at)
        known = list(index.get(exact, ())) if words else []
        if entry.published_at is not None and entry.source_id not in worthless:
            known += (place for place in index.get(timed, ()) if _alike(words, kept[place]))
        same = next(iter(known), None)
        if identity in index and (same is None or entry != kept[same]):
            fate = "both were kept, told apart by what they say" if same is None else "the newer one was kept"
            message = f"two entries have the same identity; {fate}"
            noted.append(Problem(code="duplicate-id", message=message, where=entry.source_id))
        if same is None:
            for sign in (identity, exact, timed):
                places = index.setdefault(sign, [])
                places += [len(kept)] if len(places) < _COMPARED else []
            kept.append(entry)
        elif _is_newer(entry, kept[same]):
            kept[same] = entry
    return kept


def _shared_by_many(entries: Sequence[Entry]) -> set[str]:
    """The identities that stand on several entries of which no two have most words in common."""
    apart: dict[str, list[Entry]] = {}
    for entry in entries:
        if entry.source_id is not None:
            others = apart.setdefault(entry.source_id, [])
            if len(others) < _CROWD and not any(_alike(_words(entry), other) for other in others):
                others.append(entry)
    return {identity for identity, others in apart.items() if len(others) == _CROWD}


def _words(entry: Entry) -> str:
    return entry.content_text or entry.title or ""


def _alike(words: str, known: Entry) -> bool:
    return fuzz.ratio(words[:_OPENING], _words(known)[:_OPENING]) >= _ALIKE


def _is_newer(entry: Entry, known: Entry) -> bool:
    return bool(entry.updated_at and known.updated_at and entry.updated_at > known.updated_at)
