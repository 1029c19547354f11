"""Events of an invented live blog, for the tests of those who consume them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from deltawire.entries import EntryRecord, encode, record_key
from deltawire.events import Change, EntryData, Event, Evidence, FeedData, FeedInfo, Observed
from deltawire.log.port import Outgoing
from deltawire.log.topics import Topics
from deltawire.model import Entry, Significance
from deltawire.store.port import Alert

START = datetime(2025, 11, 25, 9, 0, tzinfo=UTC)
POLL = "0af7651916cd43dd8448eb211c80319c"


def feed_info(feed: str = "harbour", **fields: Any) -> FeedInfo:
    return FeedInfo(id=feed, url=f"https://example.org/{feed}", title="Harbour fire", **fields)


def _event(kind: str, subject: str, sequence: int, epoch: str, significance: Significance, data: Any) -> Event:
    feed = data.feed.id
    return Event(
        id=f"{feed}/{epoch}/{sequence}",
        source=f"urn:deltawire:test/feeds/{feed}",
        type=f"deltawire.{kind}",
        subject=subject,
        time=START + timedelta(seconds=sequence),
        sequence=sequence,
        feedepoch=epoch,
        significance=significance,
        backfill=getattr(data, "backfill", False),
        partitionkey=feed,
        traceparent=f"00-{POLL}-b7ad6b7169203331-01",
        data=data,
    )


def entry_event(
    tail: str,
    sequence: int,
    entry_id: str = "e1",
    *,
    feed: FeedInfo | str = "harbour",
    epoch: str = "a",
    revision: int = 1,
    text: str = "The quay is closed",
    title: str | None = None,
    significance: Significance = "unclassified",
    backfill: bool = False,
    cause: Any = "edit",
    truncated: bool = False,
    changes: tuple[Change, ...] = (),
    **entry: Any,
) -> Event:
    """``deltawire.entry.<tail>`` with that sequence; it happened ``sequence`` seconds after START."""
    info = feed_info(feed) if isinstance(feed, str) else feed
    fields: dict[str, Any] = {"content_html": f"<p>{text}</p>", "published_at": START, "published_precision": "minute"}
    seen = START + timedelta(seconds=sequence)
    data = EntryData(
        feed=info,
        entry=Entry(id=entry_id, source_id=entry_id, title=title, content_text=text, **(fields | entry)),
        revision=revision,
        backfill=backfill,
        observed=Observed(not_before=None, fetched_at=seen),
        changes=changes,
        significance=significance,
        cause=cause,
        evidence=Evidence(kind="missing", looks=2) if tail == "removed" else None,
        truncated=truncated,
    )
    return _event(f"entry.{tail}", entry_id, sequence, epoch, significance, data)


def feed_event(tail: str, sequence: int, *, feed: str = "harbour", epoch: str = "a") -> Event:
    data = FeedData(feed=feed_info(feed), state="open", since=START, cause="first look")
    return _event(f"feed.{tail}", feed, sequence, epoch, "unclassified", data)


def record_of(event: Event, entry: Entry | None = None) -> EntryRecord:
    """The record of the ``entries`` topic after an entry event; ``entry`` is the whole one of a truncated event."""
    assert isinstance(event.data, EntryData)
    return EntryRecord(
        feed=event.data.feed,
        entry=entry or event.data.entry,
        revision=event.data.revision,
        sequence=f"{event.sequence:020d}",
        feedepoch=event.feedepoch,
        event_id=event.id,
        removed_at=event.time if event.type.endswith("removed") else None,
    )


def event_out(topics: Topics, event: Event) -> Outgoing:
    return Outgoing(topic=topics.events, key=event.feed_id, value=event.value(), headers=event.headers())


def entry_out(topics: Topics, record: EntryRecord) -> Outgoing:
    key = record_key(record.feed.id, record.entry.id)
    return Outgoing(topic=topics.entries, key=key, value=encode(record), partition_key=record.feed.id)


def an_alert(number: int) -> Alert:
    """An alert raised ``number`` microseconds after START, with a payload that no engine can hold as it is."""
    return Alert(
        id=f"toll-{number}",
        rule_id="toll",
        feed_id="harbour",
        entry_id=f"e{number}",
        revision=1,
        event_id=f"harbour/a/{number}",
        poll_id=POLL,
        raised_at=START + timedelta(microseconds=number),
        payload={"data": {"text": "nul \0 and \ud800"}},
    )
