"""What a document does not tell of its entries: known values are carried over, and telling it at last is no edit."""

from __future__ import annotations

from collections.abc import Sequence

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
