"""What the differ remembers, and what it decides. All immutable: an abort simply forgets the new values."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Literal

import msgspec

from deltawire.events import Change, Evidence
from deltawire.model import Document, Entry, FeedMeta, FeedRef, Significance

NOTES_PER_FEED = 100
NOTES_PER_ENTRY = 10


class Policy(msgspec.Struct, frozen=True, kw_only=True):
    """``removal_looks``: fresh looks without an entry before it is removed. ``max_entries``: remembered per feed."""

    removal_looks: int = 2
    max_entries: int = 5000


class Note(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One decision with its evidence, for ``deltawire explain``. ``reason`` is a stable code."""

    at: datetime
    poll_id: str
    reason: str
    detail: str
    entry_id: str | None = None
    event_id: str | None = None


class Known(msgspec.Struct, frozen=True, kw_only=True):
    """The memory of one entry.

    ``entry`` is as the last event said it. ``shown`` is what the source shows where that differs only by what
    is no change. ``status``: ``missing`` was inside the covered range for ``looks`` looks without being there, the
    last at a copy dated ``missed_copy``; ``left`` fell off the end of a window. ``last_seen`` is kept once the entry
    is no longer shown.
    """

    entry: Entry
    revision: int
    status: Literal["present", "missing", "left", "removed"] = "present"
    shown: Entry | None = None
    looks: int = 0
    last_seen: datetime | None = None
    missed_copy: datetime | None = None
    event_id: str = ""
    notes: tuple[Note, ...] = ()


class FeedState(msgspec.Struct, frozen=True, kw_only=True):
    """The memory of one feed, without its entries.

    ``order`` holds the entry ids newest first as last shown, the missing ones kept at their old places.
    ``horizon`` is the oldest publication time at first sight: what is older and turns up later is backfill.
    ``copy_time`` is when the accepted copy was made, as far as its caches told; ``newest`` the latest
    publication or modification time in it. ``refused`` is the last document that was not accepted: it may turn out
    to be what the source really shows.
    """

    feed: FeedRef
    epoch: str
    sequence: int = 0
    meta: FeedMeta | None = None
    ended: bool = False
    failing: bool = False
    since: datetime
    began_at: datetime
    fetched_at: datetime
    source_age_s: float | None = None
    digest: str | None = None
    reader: str | None = None
    order: tuple[str, ...] = ()
    horizon: datetime | None = None
    copy_time: datetime | None = None
    newest: datetime | None = None
    refused: Document | None = None
    notes: tuple[Note, ...] = ()


class EntryChange(msgspec.Struct, frozen=True, kw_only=True):
    """An entry event to be: ``kind`` is the tail of its type."""

    kind: Literal["created", "updated", "removed", "restored"]
    entry: Entry
    revision: int
    not_before: datetime | None
    backfill: bool = False
    changes: tuple[Change, ...] = ()
    significance: Significance = "substantive"
    cause: Literal["edit", "reparse"] = "edit"
    evidence: Evidence | None = None


class FeedChange(msgspec.Struct, frozen=True, kw_only=True):
    """A feed event to be: ``kind`` is the tail of its type."""

    kind: Literal["started", "updated", "ended", "failing", "recovered"]
    state: Literal["open", "ended", "failing"]
    since: datetime
    cause: str
    changes: tuple[Change, ...] = ()


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """What a look led to: the feed's new memory (null: forget it), the entries' changed ones, events, notes."""

    state: FeedState | None
    entries: Mapping[str, Known | None] = {}
    changes: tuple[EntryChange | FeedChange, ...] = ()
    notes: tuple[Note, ...] = ()
