"""Short ways to write looks and entries."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Literal

import msgspec

from deltawire.differ.state import Policy
from deltawire.events import EntryData, Event
from deltawire.model import (
    CacheInfo,
    Coverage,
    Document,
    Entry,
    Failed,
    FeedMeta,
    FeedRef,
    Observation,
    Reading,
    Retired,
    Tombstone,
    Unchanged,
)
from support.one_feed import OneFeed

START = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)


def entry(name: str, text: str = "", *, minute: int | None = None, **fields: Any) -> Entry:
    """An entry with the source id ``name``, published at 12:``minute``."""
    text = text or f"Text of {name}."
    fields.setdefault("source_id", name)
    if minute is not None:
        fields |= {"published_at": START + timedelta(minutes=minute), "published_precision": "minute"}
    return Entry(content_text=text, content_html=f"<p>{text}</p>", **fields)


class Desk(OneFeed):
    """A differ with its memory: feed it looks, get events. ``dated``: answers carry an honest Date."""

    def __init__(self, policy: Policy | None = None, *, dated: bool = False) -> None:
        super().__init__(policy)
        self.dated = dated
        self.events: list[Event] = []
        self.tick = 0
        self.generation = "g1"
        self.links: dict[str, Any] = {}
        self.digest = ""

    def look(self, observation: Observation) -> list[Event]:
        events = self.decided(observation).events
        self.events += events
        return list(events)

    def moment(self) -> dict[str, Any]:
        """The fields that every look of the next tick has."""
        self.tick += 1
        began = START + timedelta(hours=1, seconds=self.tick)
        return {
            "poll_id": hashlib.sha256(str(self.tick).encode()).hexdigest()[:32],
            "feed": FeedRef(id="blog", url="https://blog.test/", generation=self.generation, **self.links),
            "poller": "p1",
            "began_at": began,
            "fetched_at": began + timedelta(milliseconds=200),
        }

    def document(
        self,
        entries: Sequence[Entry],
        *,
        coverage: Coverage = "full",
        live: bool | None = None,
        title: str | None = "Blog",
        language: str | None = None,
        version: int = 1,
        cache: CacheInfo | None = None,
        aside: tuple[int, ...] = (),
        tombstones: tuple[Tombstone, ...] = (),
        order: Literal["newest-first", "oldest-first", "unordered"] = "newest-first",
        unstated: tuple[str, ...] = (),
    ) -> Document:
        """A look whose document shows the entries, newest first."""
        reading = Reading(
            format="test",
            version=version,
            feed=FeedMeta(title=title, language=language, live=live, order=order),
            coverage=coverage,
            entries=tuple(entries),
            aside=aside,
            tombstones=tombstones,
            unstated=unstated,
        )
        self.digest = hashlib.sha256(msgspec.json.encode(reading)).hexdigest()
        common = self.moment()
        return Document(**common, reading=reading, digest=self.digest, cache=cache or self._cache(common))

    def show(self, *entries: Entry, **options: Any) -> list[Event]:
        return self.look(self.document(entries, **options))

    def again(self, *, cache: CacheInfo | None = None) -> list[Event]:
        """An unchanged look."""
        common = self.moment()
        return self.look(Unchanged(**common, digest=self.digest, cache=cache or self._cache(common)))

    def _cache(self, common: dict[str, Any]) -> CacheInfo:
        return CacheInfo(date=common["fetched_at"].replace(microsecond=0)) if self.dated else CacheInfo()

    def fail(self, attempts: int, *, ever_read: bool = True) -> list[Event]:
        common = self.moment()
        return self.look(
            Failed(
                **common,
                cause="timeout",
                detail="no answer within 30 s",
                attempts=attempts,
                since=common["began_at"],
                ever_read=ever_read,
            )
        )

    def retire(self, cause: str) -> list[Event]:
        return self.look(msgspec.convert({**self.moment(), "kind": "retired", "cause": cause}, Retired))

    def reasons(self) -> list[str]:
        """Why the last look led to no event."""
        assert self.outcome is not None
        return [note.reason for note in self.outcome.notes]


def kinds(events: Sequence[Event]) -> list[str]:
    return [event.type.removeprefix("deltawire.") for event in events]


def fold(events: Sequence[Event]) -> dict[str, Entry]:
    """What entry events add up to: the entries that are not removed."""
    entries: dict[str, Entry] = {}
    for event in events:
        if isinstance(event.data, EntryData):
            if event.type.endswith(".removed"):
                del entries[event.subject]
            else:
                entries[event.subject] = event.data.entry
    return entries
