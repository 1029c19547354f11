"""Is a copy of a document older than one already accepted?"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from deltawire.differ.state import FeedState
from deltawire.model import COPY_TOLERANCE, Document, Entry


def newest(entries: Iterable[Entry]) -> datetime | None:
    """The latest publication or modification time in a document."""
    return max((t for e in entries for t in (e.published_at, e.updated_at) if t), default=None)


def stale(state: FeedState, look: Document) -> str | None:
    """Why the look shows an older copy than the accepted one; null when it does not.

    Both its caches and its content must say so: a server whose clock runs behind serves new content too.
    """
    made, latest = look.cache.copy_time(look.fetched_at), newest(look.reading.entries)
    if made is None or state.copy_time is None or made >= state.copy_time - COPY_TOLERANCE:
        return None
    if state.newest is not None and latest is not None and latest > state.newest:
        return None
    return (
        f"made {made:%H:%M:%S}, older than the accepted copy of {state.copy_time:%H:%M:%S}, and nothing in it is newer"
    )
