"""The shapes of the API's answers (schemas/openapi.yaml describes them for outsiders)."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal

import msgspec

from deltawire.gateway.cursor import encode_page, page_cursor
from deltawire.health import Word
from deltawire.model import Entry, Problem
from deltawire.poller_state import LookSummary
from deltawire.store.port import Alert, Delivery, StoredEntry, StoredRevision

HEADLINE = 140
"""Characters of an entry's text that stand for a missing title."""


class FeedView(msgspec.Struct, frozen=True, kw_only=True):
    """``since`` is when the state began; for a failing feed, when the first of the failed looks began.

    ``health`` is the state in a word for people, ``health_detail`` the sentence to it.
    """

    id: str
    url: str
    title: str | None
    format: str
    tags: tuple[str, ...]
    series: str | None
    paused: bool
    state: Literal["new", "ok", "retrying", "failing", "ended", "gone"]
    health: Word
    health_detail: str | None
    moved_to: str | None
    since: datetime | None
    attempts: int
    live: bool | None
    last_read_at: datetime | None
    last_change_at: datetime | None
    next_poll_at: datetime | None
    interval_s: float
    problems: tuple[Problem, ...]
    looks: tuple[LookSummary, ...]
    entries: int


class FeedList(msgspec.Struct, frozen=True, kw_only=True):
    """``position`` is an event id: a stream from there misses nothing that is not in this answer."""

    feeds: list[FeedView]
    position: str


class EntryView(msgspec.Struct, frozen=True, kw_only=True):
    """An entry as it is now. ``type``, ``significance`` and ``backfill`` are those of its last event.

    ``cursor`` is what ``before=`` takes for the entries below this one.
    """

    feed_id: str
    entry: Entry
    revision: int
    sequence: int
    first_seen_at: datetime
    seen_at: datetime
    removed_at: datetime | None
    type: str
    significance: str
    backfill: bool
    cursor: str


class EntryList(msgspec.Struct, frozen=True, kw_only=True):
    """``next`` is the cursor of the next page, null on the last; ``position`` as for feeds."""

    entries: list[EntryView]
    next: str | None
    position: str


class SearchResult(msgspec.Struct, frozen=True, kw_only=True):
    entries: list[EntryView]


class RevisionList(msgspec.Struct, frozen=True, kw_only=True):
    revisions: list[StoredRevision]


class DeliveryView(msgspec.Struct, frozen=True, kw_only=True):
    channel_id: str
    state: Literal["owed", "delivered", "dead"]
    attempts: int
    next_attempt_at: datetime
    answer: str | None


class AlertView(msgspec.Struct, frozen=True, kw_only=True):
    id: str
    rule_id: str
    feed_id: str
    entry_id: str
    revision: int
    event_id: str
    raised_at: datetime
    headline: str | None
    payload: dict[str, Any]
    deliveries: list[DeliveryView]


class AlertList(msgspec.Struct, frozen=True, kw_only=True):
    alerts: list[AlertView]


def entry_view(stored: StoredEntry, last: StoredRevision | None) -> EntryView:
    return EntryView(
        feed_id=stored.feed_id,
        entry=stored.entry,
        revision=stored.revision,
        sequence=stored.sequence,
        first_seen_at=stored.first_seen_at,
        seen_at=stored.seen_at,
        removed_at=stored.removed_at,
        type=last.type if last else "deltawire.entry.created",
        significance=last.significance if last else "unclassified",
        backfill=last.backfill if last else False,
        cursor=encode_page(page_cursor(stored)),
    )


def alert_view(alert: Alert, deliveries: list[Delivery], headline: str | None) -> AlertView:
    return AlertView(
        id=alert.id,
        rule_id=alert.rule_id,
        feed_id=alert.feed_id,
        entry_id=alert.entry_id,
        revision=alert.revision,
        event_id=alert.event_id,
        raised_at=alert.raised_at,
        headline=headline,
        payload=alert.payload,
        deliveries=[
            DeliveryView(
                channel_id=d.channel_id,
                state=d.state,
                attempts=d.attempts,
                next_attempt_at=d.next_attempt_at,
                answer=d.answer,
            )
            for d in deliveries
        ],
    )


def headline(entry: Entry) -> str:
    """The title, or the beginning of the text, cut at a word."""
    text = " ".join((entry.title or entry.content_text).split())
    if len(text) <= HEADLINE:
        return text
    return text[:HEADLINE].rsplit(" ", 1)[0] + "…"
