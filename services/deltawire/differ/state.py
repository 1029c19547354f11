"""What the differ remembers, and what it decides. All immutable: an abort simply forgets the new values."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Literal

import msgspec

from deltawire.differ.places import Place, Span
from deltawire.events import Change, Evidence
from deltawire.model import REVERSAL_LOOKS, Document, Entry, FeedMeta, FeedRef, Significance

NOTES_PER_FEED = 100
NOTES_PER_ENTRY = 10
PAST_VERSIONS = 8
"""Earlier versions of one entry, and of the feed's own facts, that are recognised when a copy shows them again."""
COUNTED = 1000
UNKNOWN_TOMBSTONES = 100


class Policy(msgspec.Struct, frozen=True, kw_only=True):
    """``removal_looks``: fresh looks without an entry before it is removed. ``max_entries``: remembered per feed.

    ``reversal_looks``: looks at one earlier state before it is believed that the source went back to it; 1 believes
    every look.
    """

    removal_looks: int = 2
    reversal_looks: int = REVERSAL_LOOKS
    max_entries: int = 5000


class Note(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One decision with its evidence, for ``deltawire explain``. ``reason`` is a stable code."""

    at: datetime
    poll_id: str
    reason: str
    detail: str
    entry_id: str | None = None
    event_id: str | None = None


class SourceIds(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What the looks at a feed showed of its source ids.

    ``kept``: edits that left the id alone, ``moved``: entries that were recognised under another id (neither counts
    on past ``COUNTED``). ``positional``: the ids count places. ``stem``: what stands between the lasting part of each
    id and the part that changes. ``noted``: the reason codes that ``explain`` has been told.
    """

    kept: int = 0
    moved: int = 0
    positional: bool = False
    stem: str | None = None
    noted: tuple[str, ...] = ()


class Clock(msgspec.Struct, frozen=True, kw_only=True):
    """A clock behind a feed's ``Date`` headers: ``skew`` seconds ahead of ours, first read then at ``since``.

    ``live`` once it was read twice with time in between: a kept copy's Date would have stood still.
    """

    skew: float
    since: datetime
    live: bool = False


class Newcomer(msgspec.Struct, frozen=True, kw_only=True):
    """What stands among the entries without a time, and has done so for ``looks`` looks: an advert, or an entry."""

    form: str
    entry: Entry
    place: int
    looks: int = 0
    backfill: bool = False


class Known(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The memory of one entry.

    ``entry`` is as the last event said it. ``shown`` is what the source shows where that differs only by what
    is no change. ``status``: ``missing`` was inside the covered range for ``looks`` looks without being there, the
    last at a copy dated ``missed_copy``; ``left`` fell off the end of a window. ``last_seen`` is kept once the entry
    is no longer shown. ``source_id`` is the one it was last shown under, where that is not the entry's. ``unstated``
    are fields that no document told yet, ``taken`` those that one told since the last event: ``shown`` has them.
    """

    entry: Entry
    revision: int
    status: Literal["present", "missing", "left", "removed"] = "present"
    shown: Entry | None = None
    looks: int = 0
    last_seen: datetime | None = None
    missed_copy: datetime | None = None
    born: int = 0
    turned: int = 0
    past: tuple[str, ...] = ()
    held: Entry | None = None
    held_looks: int = 0
    event_id: str = ""
    notes: tuple[Note, ...] = ()
    source_id: str | None = None
    unstated: tuple[str, ...] = ()
    taken: tuple[str, ...] = ()
    volatile: dict[str, Span] = {}


class FeedState(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The memory of one feed, without its entries.

    ``order`` holds the entry ids newest first as last shown, the missing ones kept at their old places.
    ``horizon`` is the oldest publication time at first sight: what is older and turns up later is backfill.
    ``looks`` counts the looks at its documents. ``copy_time`` is when the accepted copy was made, by our clock as far
    as its caches told; ``copy_date`` and ``last_modified`` are its headers; ``newest`` the latest publication or
    modification time seen. ``clocks`` are those its Dates come from. ``past`` are fingerprints of earlier facts of the
    feed, ``turned`` the look at which the present ones came. ``refused`` is the last document that was not accepted:
    it may turn out to be what the source really shows, once its state (``refused_form``) was shown in enough looks on
    end (``refused_looks``; more are needed where one of them was ``refused_doubtful``). ``refused_time`` is when its
    copy was made, where that is not in doubt.
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
    looks: int = 0
    copy_time: datetime | None = None
    copy_date: datetime | None = None
    last_modified: datetime | None = None
    newest: datetime | None = None
    clocks: tuple[Clock, ...] = ()
    past: tuple[str, ...] = ()
    turned: int = 0
    newcomers: tuple[Newcomer, ...] = ()
    refused: Document | None = None
    refused_form: str = ""
    refused_looks: int = 0
    refused_doubtful: bool = False
    refused_time: datetime | None = None
    ids: SourceIds = SourceIds()
    unknown_tombstones: tuple[str, ...] = ()
    volatile: tuple[Place, ...] = ()
    notes: tuple[Note, ...] = ()


class EntryChange(msgspec.Struct, frozen=True, kw_only=True):
    """An entry event to be: ``kind`` is the tail of its type, ``rule`` the one that an update's significance is by."""

    kind: Literal["created", "updated", "removed", "restored"]
    entry: Entry
    revision: int
    not_before: datetime | None
    backfill: bool = False
    changes: tuple[Change, ...] = ()
    significance: Significance = "substantive"
    rule: str = ""
    cause: Literal["edit", "reparse"] = "edit"
    evidence: Evidence | None = None


FeedChangeKind = Literal["started", "updated", "ended", "failing", "recovered"]


class FeedChange(msgspec.Struct, frozen=True, kw_only=True):
    """A feed event to be: ``kind`` is the tail of its type."""

    kind: FeedChangeKind
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
