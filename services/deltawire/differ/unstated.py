"""What a document does not tell of its entries: known values are carried over, and telling it at last is no edit."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta

import msgspec

from deltawire.differ.state import Known
from deltawire.model import Entry, FeedMeta, Reading

replace = msgspec.structs.replace


def of_feed(before: FeedMeta | None, reading: Reading) -> Reading:
    """The reading with what was told of the blog before, where it is silent.

    Whether the blog is over is carried over only into an answer that tells but what is new: a whole document that
    does not say it any more shows an open blog.
    """
    if before is None:
        return reading
    names = ("title", "url", "language", "live") if reading.coverage == "delta" else ("title", "url", "language")
    silent = [name for name in names if getattr(reading.feed, name) is None]
    return replace(reading, feed=replace(reading.feed, **{name: getattr(before, name) for name in silent}))


def dated(known: Mapping[str, Known], shown: Sequence[Entry]) -> tuple[Entry, ...]:
    """The entries, newest first, each on its day: one that was inferred from the day of a look is another later.

    An entry that is known keeps the time that was inferred first. One that is not known, and stands below one that
    is, was published before it: it is as many days off as that one.
    """
    if not any(entry.published_precision == "inferred" for entry in shown):
        return tuple(shown)
    off = timedelta(0)
    found: list[Entry] = []
    for entry in shown:
        before = known[entry.id].entry if entry.id in known else None
        if entry.published_at is None or entry.published_precision != "inferred":
            found.append(entry)
        elif before is None:
            found.append(replace(entry, published_at=entry.published_at + off) if off else entry)
        elif before.published_at is None or before.published_precision != "inferred":
            found.append(entry)
        else:
            off = timedelta(days=round((before.published_at - entry.published_at) / timedelta(days=1)))
            found.append(replace(entry, published_at=before.published_at))
    return tuple(found)


def carried(known: Known, entry: Entry, fields: Sequence[str]) -> Entry:
    """The entry with its known values in the fields that the document does not tell."""
    before = told(known)
    return replace(entry, **{field: getattr(before, field) for field in fields}) if fields else entry


def told(known: Known) -> Entry:
    """The entry as its last event said it, but for what was told for the first time since."""
    if not known.taken or known.shown is None:
        return known.entry
    return replace(known.entry, **{field: getattr(known.shown, field) for field in known.taken})


def taken_over(known: Known, entry: Entry, fields: Sequence[str]) -> Known:
    """The memory after a document that tells all but ``fields``: what it tells for the first time is remembered."""
    first = [field for field in known.unstated if field not in fields]
    if not first:
        return known
    shown = replace(known.shown or known.entry, **{field: getattr(entry, field) for field in first})
    rest = tuple(field for field in known.unstated if field in fields)
    return replace(known, shown=shown, unstated=rest, taken=(*known.taken, *first))
