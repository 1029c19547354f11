"""The SQL of the PostgreSQL engine; the tables are in ``postgres_schema``.

Rows come as one array for each column, so that a batch is one statement. Times and JSON come as texts.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import Any

_ENTRY = {
    "feed_id": "text",
    "entry_id": "text",
    "revision": "bigint",
    "removed_at": "timestamptz",
    "title": "text",
    "content_text": "text",
    "content_html": "text",
    "url": "text",
    "published_at": "timestamptz",
    "published_precision": "text",
    "updated_at": "timestamptz",
    "first_seen_at": "timestamptz",
    "seen_at": "timestamptz",
    "sequence": "bigint",
    "epoch": "text",
    "source_id": "text",
    "language": "text",
    "authors": "jsonb",
    "labels": "jsonb",
    "links": "jsonb",
    "media": "jsonb",
    "search": "tsvector",
}
_REVISION = {
    "feed_id": "text",
    "entry_id": "text",
    "revision": "bigint",
    "event_id": "text",
    "sequence": "bigint",
    "epoch": "text",
    "type": "text",
    "seen_at": "timestamptz",
    "significance": "text",
    "backfill": "boolean",
    "data": "jsonb",
}
_ALERT = {
    "id": "text",
    "rule_id": "text",
    "feed_id": "text",
    "entry_id": "text",
    "revision": "bigint",
    "event_id": "text",
    "poll_id": "text",
    "raised_at": "timestamptz",
    "payload": "jsonb",
}
_DELIVERY = {"alert_id": "text", "channel_id": "text", "next_attempt_at": "timestamptz"}

_SENT = {"text": "text", "bigint": "bigint", "boolean": "integer"}


class Insert:
    """An INSERT of many rows. ``arguments`` makes its parameters of rows; ``fixed`` are columns that all share."""

    def __init__(
        self, table: str, columns: Mapping[str, str], *, fixed: Mapping[str, str] = MappingProxyType({}), then: str
    ) -> None:
        sent = [f"${place}::{_SENT.get(type_, 'text')}[]" for place, type_ in enumerate(columns.values(), start=1)]
        values = [f"{name}::{type_}" for name, type_ in columns.items()] + list(fixed.values())
        self._columns = tuple(columns)
        self.sql = f"""
            INSERT INTO deltawire.{table} ({", ".join([*columns, *fixed])})
            SELECT {", ".join(values)} FROM unnest({", ".join(sent)}) AS given ({", ".join(columns)})
            {then}
        """  # noqa: S608 all parts are constants

    def arguments(self, rows: Iterable[Mapping[str, Any]]) -> list[list[Any]]:
        taken = list(rows)
        return [[row[column] for row in taken] for column in self._columns]


MOVE_FROM_NOTHING = """
    INSERT INTO deltawire.positions (consumer, partition, position) VALUES ($1, $2, $3)
    ON CONFLICT DO NOTHING RETURNING position
"""
MOVE = """
    UPDATE deltawire.positions SET position = $3 WHERE consumer = $1 AND partition = $2 AND position = $4
    RETURNING position
"""
POSITION = "SELECT position FROM deltawire.positions WHERE consumer = $1 AND partition = $2 FOR UPDATE"
POSITIONS = "SELECT partition, position FROM deltawire.positions WHERE consumer = $1"

FOLDS = "SELECT feed_id, epoch FROM deltawire.folds WHERE feed_id = ANY($1::text[]) ORDER BY feed_id FOR UPDATE"
# So that there is a row to lock.
MEET_FEEDS = "INSERT INTO deltawire.folds SELECT unnest($1::text[]), '' ON CONFLICT DO NOTHING"
EPOCHS = "SELECT feed_id, epoch FROM deltawire.epochs WHERE feed_id = ANY($1::text[])"
LEARN_EPOCHS = """
    INSERT INTO deltawire.epochs (feed_id, epoch) SELECT * FROM unnest($1::text[], $2::text[]) ON CONFLICT DO NOTHING
"""
BEGIN_EPOCHS = """
    INSERT INTO deltawire.folds (feed_id, epoch) SELECT * FROM unnest($1::text[], $2::text[])
    ON CONFLICT (feed_id) DO UPDATE SET epoch = excluded.epoch
"""
DROP_ENTRIES = "DELETE FROM deltawire.entries WHERE feed_id = ANY($1::text[])"

_REPLACED = ", ".join(f"{c} = excluded.{c}" for c in _ENTRY if c not in ("feed_id", "entry_id", "first_seen_at"))
UPSERT_ENTRIES = Insert(
    "entries",
    _ENTRY,
    then=f"""
        ON CONFLICT (feed_id, entry_id) DO UPDATE SET
          {_REPLACED}, first_seen_at = least(entries.first_seen_at, excluded.first_seen_at)
        WHERE excluded.sequence >= entries.sequence
        RETURNING feed_id, entry_id
    """,
)
SEEN_EARLIER = """
    UPDATE deltawire.entries SET first_seen_at = given.at::timestamptz
    FROM unnest($1::text[], $2::text[], $3::text[]) AS given (feed, entry, at)
    WHERE feed_id = feed AND entry_id = entry AND first_seen_at > given.at::timestamptz
"""
INSERT_REVISIONS = Insert("revisions", _REVISION, then="ON CONFLICT (event_id) DO NOTHING RETURNING event_id")

_NEWEST = "coalesce(published_at, first_seen_at)"
_COLUMNS = ", ".join(name for name in _ENTRY if name != "search")
ENTRY = f"SELECT {_COLUMNS} FROM deltawire.entries WHERE feed_id = $1 AND entry_id = $2"  # noqa: S608 constants
REVISIONS = "SELECT * FROM deltawire.revisions WHERE feed_id = $1 AND entry_id = $2 ORDER BY id"
COUNTS = "SELECT feed_id, count(*) FROM deltawire.entries WHERE removed_at IS NULL GROUP BY feed_id"
# A match in the title weighs four times as much as one in the text.
SEARCH = f"""
    SELECT {_COLUMNS} FROM deltawire.entries, (SELECT $1::text::tsquery AS wanted) AS query
    WHERE search @@ wanted AND ($2::text IS NULL OR feed_id = $2)
    ORDER BY ts_rank('{{0.25, 0.25, 0.25, 1.0}}', search, wanted, 1) DESC, seen_at DESC, feed_id, entry_id LIMIT $3
"""  # noqa: S608 constants


def entries_page(*, paged: bool) -> str:
    """A page of a feed's entries, newest first: feed id, limit, and with ``paged`` the moment and id before it."""
    return f"""
        SELECT {_COLUMNS} FROM deltawire.entries WHERE feed_id = $1
        {f"AND ({_NEWEST}, entry_id) < ($3, $4)" if paged else ""}
        ORDER BY {_NEWEST} DESC, entry_id DESC LIMIT $2
    """  # noqa: S608 all parts are constants


INSERT_ALERTS = Insert("alerts", _ALERT, then="ON CONFLICT (id) DO NOTHING RETURNING id")
INSERT_DELIVERIES = Insert(
    "deliveries",
    _DELIVERY,
    fixed={"state": "'owed'", "attempts": "0"},
    then="ON CONFLICT (alert_id, channel_id) DO NOTHING",
)
_ALERT_COLUMNS = "id, rule_id, feed_id, entry_id, revision, event_id, poll_id, raised_at, payload"
_DELIVERY_COLUMNS = "channel_id, state, attempts, next_attempt_at, claimed_until, answer"
CLAIM = f"""
    WITH due AS (
      SELECT seq FROM deltawire.deliveries
      WHERE state = 'owed' AND channel_id = $1 AND next_attempt_at <= $2
        AND (claimed_until IS NULL OR claimed_until <= $2)
      ORDER BY next_attempt_at, seq LIMIT $3 FOR UPDATE SKIP LOCKED
    ), claimed AS (
      UPDATE deltawire.deliveries SET claimed_until = $4 FROM due WHERE deliveries.seq = due.seq
      RETURNING deliveries.seq AS place, alert_id, {_DELIVERY_COLUMNS}
    )
    SELECT {_ALERT_COLUMNS}, {_DELIVERY_COLUMNS} FROM claimed JOIN deltawire.alerts ON alerts.id = alert_id
    ORDER BY next_attempt_at, place
"""  # noqa: S608 constants
RELEASE = """
    UPDATE deltawire.deliveries SET claimed_until = NULL
    WHERE alert_id = $1 AND channel_id = $2 AND state = 'owed' AND claimed_until = $3
"""
RECORD_ATTEMPT = """
    UPDATE deltawire.deliveries
    SET state = $3, attempts = greatest(attempts, $4), next_attempt_at = $5, answer = $6, claimed_until = NULL
    WHERE alert_id = $1 AND channel_id = $2 AND state = 'owed'
      AND (claimed_until IS NOT DISTINCT FROM $7 OR $3 = 'delivered')
    RETURNING seq
"""
NEXT_DUE = """
    SELECT min(greatest(next_attempt_at, claimed_until)) FROM deltawire.deliveries
    WHERE state = 'owed' AND ($1::text IS NULL OR channel_id = $1)
"""
BACKLOG = "SELECT channel_id, count(*) FROM deltawire.deliveries WHERE state = 'owed' GROUP BY channel_id"
ALERTS = f"SELECT {_ALERT_COLUMNS} FROM deltawire.alerts ORDER BY seq DESC LIMIT $1"  # noqa: S608 constants
DELIVERIES = f"""
    SELECT alert_id, {_DELIVERY_COLUMNS} FROM deltawire.deliveries WHERE alert_id = ANY($1::text[]) ORDER BY seq
"""  # noqa: S608 constants

# An array is made once. ``IN (SELECT ...)`` may be planned as a join that asks for those rows again and again, and each
# time takes others.
PRUNE_REVISIONS = """
    DELETE FROM deltawire.revisions WHERE id = ANY (ARRAY(
      SELECT id FROM deltawire.revisions WHERE seen_at < $1 ORDER BY seen_at LIMIT $2 FOR UPDATE SKIP LOCKED
    )) RETURNING 1
"""
PRUNE_ALERTS = """
    DELETE FROM deltawire.alerts WHERE seq = ANY (ARRAY(
      SELECT seq FROM deltawire.alerts WHERE raised_at < $1
        AND NOT EXISTS (SELECT 1 FROM deltawire.deliveries WHERE alert_id = alerts.id AND state = 'owed')
      ORDER BY raised_at LIMIT $2 FOR UPDATE SKIP LOCKED
    )) RETURNING 1
"""
