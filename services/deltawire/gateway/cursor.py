"""Opaque tokens: where a subscriber is in the event log, and where a reader is in a list of entries.

Both are base64url JSON. They are validated, not signed: a forged one can only point at what its owner may
read anyway.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from datetime import datetime

import msgspec

from deltawire.store.port import StoredEntry


class BadCursor(ValueError):
    """The token was not made here; one sentence says what to do."""


class Missing(msgspec.Struct, frozen=True, kw_only=True):
    """Offsets of a partition that a subscriber asked for and that are no longer kept: first, and first kept."""

    partition: int
    asked: int
    oldest: int


class PageCursor(msgspec.Struct, frozen=True, kw_only=True, array_like=True):
    """The last entry of a page: lists go on below it. Ordered by time, entry id, feed id, all descending."""

    at: datetime
    entry_id: str
    feed_id: str

    def bound_in(self, feed_id: str) -> tuple[datetime, str]:
        """The exclusive upper bound for entries of a feed, in the store's terms.

        Two feeds may hold the same entry id at the same time; the feed id then decides. U+0001 sorts
        behind the id itself and before every other id, which turns "before" into "up to and with".
        """
        return (self.at, self.entry_id + "\x01") if feed_id < self.feed_id else (self.at, self.entry_id)


_positions = msgspec.json.Decoder(dict[int, int])
_page = msgspec.json.Decoder(PageCursor)


def encode_positions(positions: Mapping[int, int]) -> str:
    return _encode({str(p): positions[p] for p in sorted(positions)})


def decode_positions(token: str) -> dict[int, int]:
    """The next offset by partition.

    Raises:
        BadCursor: it is no token of an event stream.
    """
    try:
        positions = _positions.decode(_unwrap(token))
    except (binascii.Error, ValueError):
        positions = {-1: -1}
    if any(number < 0 for pair in positions.items() for number in pair):
        raise BadCursor("the event id is not one of this stream; connect without Last-Event-ID to start at the end")
    return positions


def resume(asked: Mapping[int, int], bounds: Mapping[int, tuple[int, int]]) -> tuple[dict[int, int], list[Missing]]:
    """Where to go on from, and what lies between that is gone.

    A partition that the token does not name is new since: it is read from its oldest record. A position
    beyond the end means that the log is another one than the token's: that too is a loss, never silence.

    Raises:
        BadCursor: the token names a partition that the topic does not have.
    """
    if unknown := sorted(asked.keys() - bounds.keys()):
        raise BadCursor(f"the event id names partition {unknown[0]}, which the event log does not have")
    start: dict[int, int] = {}
    missing: list[Missing] = []
    for partition, (oldest, end) in bounds.items():
        position = asked.get(partition, oldest)
        if not oldest <= position <= end:
            missing.append(Missing(partition=partition, asked=position, oldest=oldest))
            position = oldest
        start[partition] = position
    return start, missing


def page_cursor(stored: StoredEntry) -> PageCursor:
    at = stored.entry.published_at or stored.first_seen_at
    return PageCursor(at=at, entry_id=stored.entry.id, feed_id=stored.feed_id)


def encode_page(cursor: PageCursor) -> str:
    return _encode(cursor)


def decode_page(token: str) -> PageCursor:
    """The cursor of a list.

    Raises:
        BadCursor: it is none.
    """
    try:
        cursor = _page.decode(_unwrap(token))
    except (binascii.Error, ValueError):
        cursor = None
    if cursor is None or cursor.at.tzinfo is None:
        raise BadCursor("before= takes the cursor of an earlier answer, unchanged; leave it out for the first page")
    return cursor


def _encode(value: object) -> str:
    return base64.urlsafe_b64encode(msgspec.json.encode(value)).rstrip(b"=").decode()


def _unwrap(token: str) -> bytes:
    padded = token + "=" * (-len(token) % 4)
    return base64.b64decode(padded.encode("ascii"), altchars=b"-_", validate=True)
