"""The store port: entries, revisions, alerts, deliveries, and the positions of those who write them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from types import MappingProxyType
from typing import Any, Literal, Protocol

import msgspec

from deltawire.entries import EntryRecord
from deltawire.events import Event
from deltawire.model import Entry


class StoreError(Exception):
    """The store cannot be used; one sentence says what, where and the mend."""


class StoreUnreachable(StoreError):
    """The store does not answer: it may, later."""


class PositionMoved(StoreError):
    """Somebody else wrote from this position first: nothing was written, read the position again."""


class StoredEntry(msgspec.Struct, frozen=True, kw_only=True):
    """A row of ``entries``: the latest state of an entry. ``removed_at`` is set exactly while it is removed."""

    feed_id: str
    entry: Entry
    revision: int
    sequence: int
    first_seen_at: datetime
    seen_at: datetime
    removed_at: datetime | None


class StoredRevision(msgspec.Struct, frozen=True, kw_only=True):
    """A row of ``revisions``: one event. ``data`` is the event's data as it was published."""

    feed_id: str
    entry_id: str | None
    revision: int | None
    event_id: str
    sequence: int
    type: str
    seen_at: datetime
    significance: str
    backfill: bool
    data: dict[str, Any]


class Alert(msgspec.Struct, frozen=True, kw_only=True):
    """An alert that was raised: at most one for each rule, entry and revision. ``id`` is stable across retries."""

    id: str
    rule_id: str
    feed_id: str
    entry_id: str
    revision: int
    event_id: str
    poll_id: str
    raised_at: datetime
    payload: dict[str, Any]


class Delivery(msgspec.Struct, frozen=True, kw_only=True):
    """An alert on its way to one channel. ``attempts`` counts the tries so far; ``answer`` is the last answer.

    ``claimed_until`` is the end of the claim under which it was read; no two claims of a delivery end at once.
    """

    alert: Alert
    channel_id: str
    state: Literal["owed", "delivered", "dead"]
    attempts: int
    next_attempt_at: datetime
    claimed_until: datetime | None = None
    answer: str | None = None


class Store(Protocol):
    async def positions(self, consumer: str) -> dict[int, int]:
        """The next offset that ``consumer`` has to read, by partition; empty before its first write."""

    async def apply(
        self,
        partition: int,
        expected: int | None,
        position: int,
        events: Sequence[Event],
        whole: Mapping[str, Entry] = MappingProxyType({}),
    ) -> int:
        """Fold events into ``entries`` and ``revisions`` and move storage's position, in one transaction.

        ``expected`` is the position the caller read from (null: none was stored). ``whole`` has the whole entries
        of truncated events, by event id. Returns how many events were new: one already stored changes nothing.

        An event never overwrites what a later one of its epoch wrote. The first event of an epoch that was never
        seen starts the feed anew: its entries of older epochs are dropped, since no event will speak of them
        again; their revisions stay. An event of an older epoch is only kept as a revision.

        Raises:
            PositionMoved: the stored position is not ``expected``; nothing was written.
        """

    async def restore(
        self,
        partition: int,
        expected: int | None,
        position: int | None,
        records: Sequence[tuple[EntryRecord, datetime]],
    ) -> None:
        """Take entries from records of the ``entries`` topic, with the moments they were written, in one transaction.

        For a store that cannot read all events: they were deleted before it came. What the store holds newer
        stays. ``position`` moves storage's position too; null leaves it, so that a restoration in several steps
        that breaks off is begun again.

        Raises:
            PositionMoved: as for ``apply``.
        """

    async def raise_alerts(
        self,
        partition: int,
        expected: int | None,
        position: int | None,
        alerts: Sequence[tuple[Alert, Sequence[str]]],
    ) -> frozenset[str]:
        """Store alerts with the channels they are owed to, and move alerting's position, in one transaction.

        ``position`` null leaves the position, as for ``restore``. Returns the ids of the alerts that were new: one
        whose id is already stored changes nothing.

        Raises:
            PositionMoved: as for ``apply``.
        """

    async def claim(self, channel_id: str, now: datetime, limit: int, lease: timedelta) -> list[Delivery]:
        """Take deliveries of a channel whose next attempt is due, oldest first, for ``lease`` from ``now`` on.

        Nobody else can claim them until they are recorded or released, or the lease is over.
        """

    async def release(self, delivery: Delivery) -> None:
        """Give a claim back without an attempt; one that is no longer held is left alone."""

    async def record_attempt(self, delivery: Delivery) -> bool:
        """Store the state of a delivery after an attempt, and give its claim back.

        False, with nothing stored, where it is settled already or another claim has followed; but that it was
        delivered is stored all the same while it is owed.
        """

    async def next_due(self, *, channel_id: str | None = None) -> datetime | None:
        """When the next owed delivery can be claimed: of one channel, or of all."""

    async def backlog(self) -> dict[str, int]:
        """Deliveries that are owed, by channel id."""

    async def entries(
        self, feed_id: str, *, limit: int, before: tuple[datetime, str] | None = None
    ) -> list[StoredEntry]:
        """Entries of a feed, newest first by (published_at, else first_seen_at; entry id); ``before`` pages on."""

    async def entry(self, feed_id: str, entry_id: str) -> StoredEntry | None: ...

    async def revisions(self, feed_id: str, entry_id: str) -> list[StoredRevision]:
        """All events of an entry, oldest first."""

    async def counts(self) -> dict[str, int]:
        """Entries that are not removed, by feed id."""

    async def search(self, query: str, *, feed_id: str | None = None, limit: int = 50) -> list[StoredEntry]:
        """Entries that match all words (quoted phrases, trailing ``*``), best first.

        Raises:
            ValueError: the query holds no word, or too many.
        """

    async def alerts(self, *, limit: int = 100) -> list[tuple[Alert, list[Delivery]]]:
        """The latest alerts with their deliveries, newest first."""

    async def prune(self, before: datetime, limit: int) -> int:
        """Delete up to ``limit`` revisions seen before that moment, and as many alerts raised before it of which
        nothing is owed; returns how many went. ``entries`` stays as it is.
        """

    async def close(self) -> None: ...
