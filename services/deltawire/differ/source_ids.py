"""What a source's own ids are worth, from what its looks show of them. No knowledge of any publisher is used."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Literal

import msgspec

from deltawire.differ import noise, words
from deltawire.differ.state import COUNTED, Known, SourceIds
from deltawire.model import Entry

replace = msgspec.structs.replace

Trust = Literal["proven", "open", "none"]
"""``proven``: edits left the ids alone, and no entry ever changed its id; ``open``: nothing is known yet."""

Trusting = Callable[[int, str], Trust]
"""What the ids of an entry at a place of the document and of a known entry, by its id, say against their sameness."""

PROVEN_AFTER = 3
"""Edits under an unchanged id that prove ids lasting: one may be silent where the id is the time of the last edit."""

STEMS = ("__", "?", "#", "@", ":", "~", "/", "_", "-", ".")
TELLING_TEXT = 20
"""Characters from which on a text alone, without a time, says which entry it is."""

COUNTING = 3
"""Entries in a document from which on ids that count from the top are recognised at first sight."""

_NUMBERED = re.compile(r"(.*?)(\d{1,6})")
_FIGURES = re.compile(r"\d+")
_POSITIONAL = "positional-ids"
_UNSTABLE = "unstable-ids"
_REPEATED = "repeated-id"


def trust(ids: SourceIds) -> Trust:
    if ids.moved or ids.positional:
        return "none"
    return "proven" if ids.kept >= PROVEN_AFTER else "open"


def text(entry: Entry) -> str:
    """What tells one entry from another: counters and the like do not."""
    return f"{entry.title or ''}\n{noise.text(entry.content_text)}"


def reworded(old: Entry, new: Entry) -> bool:
    """Whether an editor was at work: figures alone may be counters and ages, which prove nothing of ids."""
    if old is new or (old.title, old.content_text) == (new.title, new.content_text):
        return False
    before, after = text(old), text(new)
    start, end = words.same_ends(before, after)
    before, after = before[start : len(before) - end], after[start : len(after) - end]
    return before != after and _FIGURES.sub("", before) != _FIGURES.sub("", after)


def current(known: Known) -> str | None:
    """The source id that the entry was last shown under."""
    return known.source_id or known.entry.source_id


class Keys:
    """Native identities of one document and of what is known: only those that stand for one entry each.

    ``of_known`` finds a known entry's id by its key, ``of_shown`` has each entry's key or null. ``repeated`` are source
    ids that stand on several entries.
    """

    def __init__(self, known: Mapping[str, Known], entries: Sequence[Entry], ids: SourceIds) -> None:
        self._stem = ids.stem
        shown = [entry.source_id for entry in entries]
        held = [k.source_id or k.entry.source_id for k in known.values()]
        if ids.positional:
            shown, held = [None] * len(shown), [None] * len(held)
        elif ids.stem is not None:
            shown, held = list(map(self._key, shown)), list(map(self._key, held))
        several = _repeated(shown) | _repeated(held)
        handed_on: set[str] = set()
        if several:
            asked, there = Counter(shown), zip(held, known.values(), strict=True)
            alive = Counter(key for key, k in there if key is not None and key in several and k.status != "removed")
            # What was withdrawn may have left its id to another: it does not take part then.
            handed_on = {key for key, count in alive.items() if count == 1 and asked[key] < 2}
            several -= handed_on
        self.repeated = frozenset(several)
        self.of_shown = [None if key in several else key for key in shown] if several else shown
        self.of_known = {
            key: i
            for key, i in zip(held, known, strict=True)
            if key is not None and key not in several and not (key in handed_on and known[i].status == "removed")
        }

    def find(self, source_id: str) -> str | None:
        """The known entry of a source id."""
        return self.of_known.get(self._key(source_id) or "")

    def _key(self, source_id: str | None) -> str | None:
        if source_id is None or self._stem is None:
            return source_id
        return source_id.rpartition(self._stem)[0] or source_id


def _repeated(keys: Sequence[str | None]) -> set[str]:
    if len(set(keys)) == len(keys):
        return set()
    return {key for key, count in Counter(keys).items() if count > 1 and key is not None}


def counts_from_the_top(entries: Sequence[Entry]) -> bool:
    """Whether the ids number the entries with the newest first: the next new entry would get the number of this one."""
    if len(entries) < COUNTING:
        return False
    numbered = (_numbered(entry) for entry in entries)
    top = next(numbered)
    if top is None or top[1] not in (0, 1):
        return False
    prefix, first = top
    return all(found == (prefix, number) for number, found in enumerate(numbered, first + 1))


def _numbered(entry: Entry) -> tuple[str, int] | None:
    match = _NUMBERED.fullmatch(entry.source_id or "")
    return match and (match[1], int(match[2]))


def shifted(pairs: Iterable[tuple[Known, Entry]], known: Iterable[Known], entries: Sequence[Entry]) -> bool:
    """Whether an id went to another entry: what is shown under it was known, unchanged, under another id.

    ``pairs`` are known entries and those shown under their ids. That the time differs too tells a shift from an entry
    that was edited to the text of another.
    """
    held: Counter[tuple[datetime | None, str]] | None = None
    shown: Counter[tuple[datetime | None, str]] = Counter()
    reused = total = 0
    for before, entry in pairs:
        total += 1
        if before.entry.published_at == entry.published_at is not None:
            continue
        old, new = _print(before.entry), _print(entry)
        if old[1] == new[1]:
            continue
        if held is None:
            # Not before: entries keep their times as a rule, and then nothing needs to be counted.
            held, shown = Counter(_print(k.entry) for k in known), Counter(map(_print, entries))
        reused += old[0] is not None and new[0] is not None
        if any(
            there[one] == here[one] == 1 and (one[0] is not None or len(one[1]) >= TELLING_TEXT)
            for one, there, here in ((new, held, shown), (old, shown, held))
        ):
            return True
    # Nothing of what stood there is left, time or text, under any of several ids: all of it has moved on.
    return reused == total >= COUNTING


def _print(entry: Entry) -> tuple[datetime | None, str]:
    return (entry.published_at, text(entry))


def learn(ids: SourceIds, moved: Sequence[tuple[str, str]], kept: int, entries: Sequence[Entry]) -> SourceIds:
    """The memory after a look: ``moved`` are (old, new) ids of entries recognised under another; ``kept`` counts."""
    ids = replace(ids, kept=min(ids.kept + kept, COUNTED), moved=min(ids.moved + len(moved), COUNTED))
    if moved and not ids.positional and ids.stem is None:
        ids = replace(ids, stem=_stem(moved, [entry.source_id for entry in entries]))
    return ids


def _stem(moved: Sequence[tuple[str, str]], shown: Sequence[str | None]) -> str | None:
    """The separator before the part that changed, if what stands before it is each entry's own throughout."""
    for stem in STEMS:
        before = [i.rpartition(stem)[0] for i in shown if i is not None]
        if len(before) != len(shown) or len(before) < 2 or not all(before) or len(set(before)) < len(before):
            continue
        if all(old.rpartition(stem)[0] == new.rpartition(stem)[0] for old, new in moved):
            return stem
    return None


def tell(ids: SourceIds, repeated: Iterable[str]) -> tuple[SourceIds, tuple[tuple[str, str], ...]]:
    """(reason, detail) of what was learned, each told once in a feed's life."""
    found: dict[str, str] = {}
    if ids.positional:
        found[_POSITIONAL] = "the source's ids count places, so they are not used: matched by time, place and text"
    if ids.moved:
        part = f"; what stands before the last {ids.stem!r} lasts" if ids.stem else ""
        found[_UNSTABLE] = f"an entry was recognised under another source id{part}"
    for source_id in sorted(repeated)[:1]:
        found[_REPEATED] = f"source id {source_id!r} stands on several entries: matched by content"
    new = tuple((reason, detail) for reason, detail in found.items() if reason not in ids.noted)
    return replace(ids, noted=(*ids.noted, *(reason for reason, _ in new))), new
