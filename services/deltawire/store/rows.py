"""Events as rows and rows as records: what the store's engines share. Pure."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, Protocol, get_args

import msgspec

from deltawire.entries import EntryRecord
from deltawire.events import EntryData, EntryType, Event
from deltawire.model import Entry, Link, Media
from deltawire.store.port import Alert, Delivery, StoredEntry, StoredRevision


class Row(Protocol):
    """A row of any engine's driver, by column name."""

    def __getitem__(self, column: str, /) -> Any: ...


ENTRY_TYPES = frozenset(get_args(EntryType))
_REMOVED = "deltawire.entry.removed"
_UNSTORABLE = {0: "\ufffd"} | dict.fromkeys(range(0xD800, 0xE000), "\ufffd")


def text(value: str) -> str:
    """The text as every engine can hold it: U+FFFD for NUL (PostgreSQL refuses it) and for lone surrogates."""
    if value.isascii() and "\0" not in value:
        return value
    return value.translate(_UNSTORABLE)


def stamp(moment: datetime) -> str:
    """RFC 3339, UTC, always with microseconds: texts that sort as the moments do."""
    return moment.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")


def moment(value: str) -> datetime:
    return datetime.fromisoformat(value)


def json_text(value: Any) -> str:
    """JSON that every engine can hold: PostgreSQL refuses an escaped NUL too."""
    try:
        encoded = msgspec.json.encode(value).decode()
    except UnicodeEncodeError:  # a lone surrogate somewhere inside
        encoded = r"\u0000"
    if r"\u0000" in encoded:
        return msgspec.json.encode(_storable(msgspec.to_builtins(value))).decode()
    return encoded


def _storable(value: Any) -> Any:
    if isinstance(value, str):
        return text(value)
    if isinstance(value, dict):
        return {text(key): _storable(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_storable(item) for item in value]
    return value


def _optional_text(value: str | None) -> str | None:
    return None if value is None else text(value)


def _optional_stamp(value: datetime | None) -> str | None:
    return None if value is None else stamp(value)


def _optional_moment(value: str | None) -> datetime | None:
    return None if value is None else moment(value)


def folds(event: Event) -> bool:
    """Whether the event changes ``entries``; all others are only kept as a revision."""
    return event.type in ENTRY_TYPES and isinstance(event.data, EntryData)


def row_of_event(event: Event, whole: Entry | None) -> dict[str, Any]:
    """The row of ``entries`` right after an entry event; ``whole`` replaces the content of a truncated one."""
    assert isinstance(event.data, EntryData)
    return _entry_row(
        event.feed_id,
        event.data.entry if whole is None else whole,
        revision=event.data.revision,
        removed_at=event.time if event.type == _REMOVED else None,
        seen_at=event.time,
        sequence=event.sequence,
        epoch=event.feedepoch,
    )


def row_of_record(record: EntryRecord, seen_at: datetime) -> dict[str, Any]:
    """The row of ``entries`` that a record of the ``entries`` topic stands for."""
    return _entry_row(
        record.feed.id,
        record.entry,
        revision=record.revision,
        removed_at=record.removed_at,
        seen_at=seen_at,
        sequence=int(record.sequence),
        epoch=record.feedepoch,
    )


def _entry_row(
    feed_id: str,
    entry: Entry,
    *,
    revision: int,
    removed_at: datetime | None,
    seen_at: datetime,
    sequence: int,
    epoch: str,
) -> dict[str, Any]:
    return {
        "feed_id": text(feed_id),
        "entry_id": text(entry.id),
        "revision": revision,
        "removed_at": _optional_stamp(removed_at),
        "title": _optional_text(entry.title),
        "content_text": text(entry.content_text),
        "content_html": text(entry.content_html),
        "url": _optional_text(entry.url),
        "published_at": _optional_stamp(entry.published_at),
        "published_precision": entry.published_precision,
        "updated_at": _optional_stamp(entry.updated_at),
        "first_seen_at": stamp(seen_at),
        "seen_at": stamp(seen_at),
        "sequence": sequence,
        "epoch": text(epoch),
        "source_id": _optional_text(entry.source_id),
        "language": _optional_text(entry.language),
        "authors": json_text(entry.authors),
        "labels": json_text(entry.labels),
        "links": json_text(entry.links),
        "media": json_text(entry.media),
    }


def revision_row(event: Event) -> dict[str, Any]:
    """The row of ``revisions`` of an event, its data as published."""
    entry = event.data if isinstance(event.data, EntryData) else None
    return {
        "feed_id": text(event.feed_id),
        "entry_id": None if entry is None else text(entry.entry.id),
        "revision": None if entry is None else entry.revision,
        "event_id": text(event.id),
        "sequence": event.sequence,
        "epoch": text(event.feedepoch),
        "type": text(event.type),
        "seen_at": stamp(event.time),
        "significance": event.significance,
        "backfill": int(event.backfill),
        "data": json_text(event.data),
    }


def alert_row(alert: Alert) -> dict[str, Any]:
    return {
        "id": text(alert.id),
        "rule_id": text(alert.rule_id),
        "feed_id": text(alert.feed_id),
        "entry_id": text(alert.entry_id),
        "revision": alert.revision,
        "event_id": text(alert.event_id),
        "poll_id": text(alert.poll_id),
        "raised_at": stamp(alert.raised_at),
        "payload": json_text(alert.payload),
    }


def attempt_row(delivery: Delivery) -> dict[str, Any]:
    """What an attempt changes, and under which claim."""
    return {
        "alert_id": text(delivery.alert.id),
        "channel_id": text(delivery.channel_id),
        "state": delivery.state,
        "attempts": delivery.attempts,
        "next_attempt_at": stamp(delivery.next_attempt_at),
        "answer": _optional_text(delivery.answer),
        "claimed_until": _optional_stamp(delivery.claimed_until),
    }


def stored_entry(row: Row) -> StoredEntry:
    return StoredEntry(
        feed_id=row["feed_id"],
        entry=Entry(
            id=row["entry_id"],
            source_id=row["source_id"],
            url=row["url"],
            title=row["title"],
            content_html=row["content_html"],
            content_text=row["content_text"],
            authors=msgspec.json.decode(row["authors"], type=tuple[str, ...]),
            language=row["language"],
            published_at=_optional_moment(row["published_at"]),
            published_precision=row["published_precision"],
            updated_at=_optional_moment(row["updated_at"]),
            labels=msgspec.json.decode(row["labels"], type=tuple[str, ...]),
            links=msgspec.json.decode(row["links"], type=tuple[Link, ...]),
            media=msgspec.json.decode(row["media"], type=tuple[Media, ...]),
        ),
        revision=row["revision"],
        sequence=row["sequence"],
        first_seen_at=moment(row["first_seen_at"]),
        seen_at=moment(row["seen_at"]),
        removed_at=_optional_moment(row["removed_at"]),
    )


def stored_revision(row: Row) -> StoredRevision:
    return StoredRevision(
        feed_id=row["feed_id"],
        entry_id=row["entry_id"],
        revision=row["revision"],
        event_id=row["event_id"],
        sequence=row["sequence"],
        type=row["type"],
        seen_at=moment(row["seen_at"]),
        significance=row["significance"],
        backfill=bool(row["backfill"]),
        data=msgspec.json.decode(row["data"]),
    )


def stored_alert(row: Row) -> Alert:
    return Alert(
        id=row["id"],
        rule_id=row["rule_id"],
        feed_id=row["feed_id"],
        entry_id=row["entry_id"],
        revision=row["revision"],
        event_id=row["event_id"],
        poll_id=row["poll_id"],
        raised_at=moment(row["raised_at"]),
        payload=msgspec.json.decode(row["payload"]),
    )


def stored_delivery(row: Row, alert: Alert) -> Delivery:
    return Delivery(
        alert=alert,
        channel_id=row["channel_id"],
        state=row["state"],
        attempts=row["attempts"],
        next_attempt_at=moment(row["next_attempt_at"]),
        claimed_until=_optional_moment(row["claimed_until"]),
        answer=row["answer"],
    )
