"""What changes at every fetch for no editorial reason, and what is made of it. The rules are told in docs/freshness.md.

Two kinds are recognised. Places in an entry that only count or tell the time of rendering are left out when two states
are compared: a line that is nothing but a counter or a render time, a parameter that only defeats caches. And whole
entries that stand without a time among entries that have one (adverts, appeals) are no entries until they stay.
"""

from __future__ import annotations

import hashlib
import html
import re
from collections.abc import Mapping, Sequence

import msgspec

from deltawire.differ.state import Known, Newcomer
from deltawire.model import Entry, Reading

MOST_NEWCOMERS = 20
TIMED = 3
"""Entries with a time that a document must show, before one without is odd."""

_LONGEST_LINE = 80
_NUMBER = r"\d[\d,.]*(?: ?[km]\b)?"
_COUNTED = (
    r"(?:(?:page ?)?views?|reads?|hits?|shares?|comments?|likes?|reactions?|retweets?|reposts?|replies|claps|upvotes"
    r"|(?:people|readers|users)(?: are)?(?: currently| now)? (?:reading|watching|online|here)(?: this| now| here)*)"
)
_COUNT = rf"(?:{_NUMBER} ?{_COUNTED}|{_COUNTED}[: (]+{_NUMBER}\)?)"
_CLOCK_WORD = (
    r"(?:\d[\d.:/-]*|am|pm|at|on|gmt|bst|utc|c?est|e[sd]t|p[sd]t|cet"
    r"|(?:jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec|mon|tue|wed|thu|fri|sat|sun)[a-z]*)"
)
_RENDERED = rf"(?:last )?(?:updated|refreshed|generated|rendered)\W+{_CLOCK_WORD}(?:\W+{_CLOCK_WORD})*"
_NOISE = re.compile(rf"\W*(?:{_COUNT}(?:\W+{_COUNT})*|{_RENDERED})\W*", re.IGNORECASE)
_TEXT = re.compile(rf">([^<>]{{1,{_LONGEST_LINE}}}+)<")
_BUSTER = re.compile(
    r"([?&](?:_|cb|cache|cache_?bust(?:er)?|bust|nocache|rnd|rand|random|ts|timestamp|nonce)=)"
    r"(?:1\d{9}(?:\d{3})?|[0-9a-f]{8,}|0?\.\d+|\d{6,})(?=[&#\"'\s]|$)",
    re.IGNORECASE,
)


def is_noise(line: str) -> bool:
    """Whether a line says nothing but how often, or when it was rendered: "1,204 views · 31 shares"."""
    return len(line) <= _LONGEST_LINE and _NOISE.fullmatch(line) is not None


def text(value: str) -> str:
    """The text without the lines that are noise."""
    if "\n" not in value and len(value) > _LONGEST_LINE:
        return value
    return "\n".join([line for line in value.split("\n") if len(line) > _LONGEST_LINE or not is_noise(line)])


def markup(value: str) -> str:
    """The HTML without such lines, and without what its addresses hold against caches."""
    return url(_TEXT.sub(lambda found: "><" if is_noise(html.unescape(found[1])) else found[0], value))


def url(value: str) -> str:
    """The address without the values of parameters that only defeat caches."""
    if "?" not in value and "&" not in value:
        return value
    return _BUSTER.sub(r"\1", value)


def admit(
    newcomers: Sequence[Newcomer], known: Mapping[str, Known], reading: Reading, stays: int, *, backfill: bool
) -> tuple[Reading, tuple[Newcomer, ...], int]:
    """The reading without what does not count as an entry yet, the newcomers after this look, how many were left out.

    An entry that has a time, or is known, or was shown in ``stays`` looks on end, is none of
    them. ``backfill``: this is the first sight of the feed.
    """
    untimed = [i for i, e in enumerate(reading.entries) if e.published_at is None]
    timed = len(reading.entries) - len(untimed)
    if not untimed or timed < max(TIMED, len(untimed)):
        return reading, (), 0
    bare = [k.entry for k in known.values() if k.entry.published_at is None]
    ids = {e.source_id for e in bare if e.source_id is not None}
    forms = {_form(e) for e in bare}
    before = {n.form: n for n in newcomers}
    after: dict[str, Newcomer] = {}
    left: set[int] = set()
    for i in untimed:
        entry = reading.entries[i]
        form = _form(entry)
        if entry.source_id in ids or form in forms:
            continue
        old = before.get(form, Newcomer(form=form, entry=entry, place=i, backfill=backfill))
        new = msgspec.structs.replace(old, looks=old.looks + 1, place=i)
        if new.looks < stays:
            left.add(i)
            after[form] = new
    kept = [i for i in range(len(reading.entries)) if i not in left]
    places = {old: new for new, old in enumerate(kept)}
    reading = msgspec.structs.replace(
        reading,
        entries=tuple(reading.entries[i] for i in kept),
        aside=tuple(places[i] for i in reading.aside if i in places),
    )
    return reading, tuple(after.values())[-MOST_NEWCOMERS:], len(left)


def stay(newcomers: Sequence[Newcomer], stays: int) -> tuple[tuple[Newcomer, ...], tuple[Newcomer, ...]]:
    """The same document once more: those that still are newcomers, and those that stayed long enough."""
    counted = [msgspec.structs.replace(n, looks=n.looks + 1) for n in newcomers]
    return tuple(n for n in counted if n.looks < stays), tuple(n for n in counted if n.looks >= stays)


def _form(entry: Entry) -> str:
    return hashlib.blake2b(f"{entry.title or ''}\n{entry.content_text}".encode(), digest_size=8).hexdigest()
