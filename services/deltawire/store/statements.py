"""The SQL of the SQLite engine; the tables are in ``schema``."""

from __future__ import annotations

_COLUMNS = (
    "feed_id",
    "entry_id",
    "revision",
    "removed_at",
    "title",
    "content_text",
    "content_html",
    "url",
    "published_at",
    "published_precision",
    "updated_at",
    "first_seen_at",
    "seen_at",
    "sequence",
    "epoch",
    "source_id",
    "language",
    "authors",
    "labels",
    "links",
    "media",
)
_REPLACED = [column for column in _COLUMNS if column not in ("feed_id", "entry_id", "first_seen_at")]

POSITION = "SELECT position FROM positions WHERE consumer = ? AND partition = ?"
POSITIONS = "SELECT partition, position FROM positions WHERE consumer = ?"
MOVE = """
    INSERT INTO positions (consumer, partition, position) VALUES (?, ?, ?)
    ON CONFLICT (consumer, partition) DO UPDATE SET position = excluded.position
"""

UPSERT_ENTRY = f"""
    INSERT INTO entries ({", ".join(_COLUMNS)}) VALUES ({", ".join(f":{column}" for column in _COLUMNS)})
    ON CONFLICT (feed_id, entry_id) DO UPDATE SET
      {", ".join(f"{column} = excluded.{column}" for column in _REPLACED)},
      first_seen_at = min(first_seen_at, excluded.first_seen_at)
    WHERE excluded.sequence >= entries.sequence
"""  # noqa: S608 the columns are constants
SEEN_EARLIER = """
    UPDATE entries SET first_seen_at = :first_seen_at
    WHERE feed_id = :feed_id AND entry_id = :entry_id AND first_seen_at > :first_seen_at
"""
INSERT_REVISION = """
    INSERT INTO revisions (feed_id, entry_id, revision, event_id, sequence, epoch, type, seen_at, significance,
      backfill, data)
    VALUES (:feed_id, :entry_id, :revision, :event_id, :sequence, :epoch, :type, :seen_at, :significance,
      :backfill, :data)
    ON CONFLICT (event_id) DO NOTHING
"""
LEARN_EPOCH = "INSERT INTO epochs (feed_id, epoch) VALUES (?, ?) ON CONFLICT DO NOTHING"
CURRENT_EPOCH = "SELECT epoch FROM folds WHERE feed_id = ?"
BEGIN_EPOCH = """
    INSERT INTO folds (feed_id, epoch) VALUES (?, ?)
    ON CONFLICT (feed_id) DO UPDATE SET epoch = excluded.epoch WHERE excluded.epoch <> folds.epoch
"""
DROP_OTHER_EPOCHS = "DELETE FROM entries WHERE feed_id = ? AND epoch <> ?"

_NEWEST = "coalesce(published_at, first_seen_at)"
ENTRY = "SELECT * FROM entries WHERE feed_id = ? AND entry_id = ?"
REVISIONS = "SELECT * FROM revisions WHERE feed_id = ? AND entry_id = ? ORDER BY id"
COUNTS = "SELECT feed_id, count(*) FROM entries WHERE removed_at IS NULL GROUP BY feed_id"
# A match in the title weighs four times as much as one in the text.
_SEARCH = """
    SELECT entries.* FROM entries_fts JOIN entries ON entries.id = entries_fts.rowid
    WHERE entries_fts MATCH :match {also}
    ORDER BY bm25(entries_fts, 4.0, 1.0), seen_at DESC, entries.id DESC LIMIT :limit
"""
SEARCH = _SEARCH.format(also="")
SEARCH_IN_FEED = _SEARCH.format(also="AND feed_id = :feed_id")


def entries_page(*, paged: bool) -> str:
    """A page of a feed's entries, newest first."""
    return f"""
        SELECT * FROM entries WHERE feed_id = :feed_id
        {f"AND ({_NEWEST}, entry_id) < (:before_at, :before_id)" if paged else ""}
        ORDER BY {_NEWEST} DESC, entry_id DESC LIMIT :limit
    """  # noqa: S608 all parts are constants


INSERT_ALERT = """
    INSERT INTO alerts (id, rule_id, feed_id, entry_id, revision, event_id, poll_id, raised_at, payload)
    VALUES (:id, :rule_id, :feed_id, :entry_id, :revision, :event_id, :poll_id, :raised_at, :payload)
    ON CONFLICT (id) DO NOTHING
"""
INSERT_DELIVERY = """
    INSERT INTO deliveries (alert_id, channel_id, state, attempts, next_attempt_at) VALUES (?, ?, 'owed', 0, ?)
    ON CONFLICT (alert_id, channel_id) DO NOTHING
"""
RECORD_ATTEMPT = """
    UPDATE deliveries
    SET state = :state, attempts = max(attempts, :attempts), next_attempt_at = :next_attempt_at, answer = :answer,
      claimed_until = NULL
    WHERE alert_id = :alert_id AND channel_id = :channel_id AND state = 'owed'
      AND (claimed_until IS :claimed_until OR :state = 'delivered')
"""
CLAIM = """
    UPDATE deliveries SET claimed_until = :until WHERE seq IN (
      SELECT seq FROM deliveries
      WHERE state = 'owed' AND channel_id = :channel_id AND next_attempt_at <= :now
        AND (claimed_until IS NULL OR claimed_until <= :now)
      ORDER BY next_attempt_at, seq LIMIT :limit
    ) RETURNING seq
"""
CLAIMED = """
    SELECT * FROM deliveries JOIN alerts ON alerts.id = deliveries.alert_id WHERE deliveries.seq = ?
"""
RELEASE = """
    UPDATE deliveries SET claimed_until = NULL
    WHERE alert_id = ? AND channel_id = ? AND state = 'owed' AND claimed_until = ?
"""
NEXT_DUE = """
    SELECT min(max(next_attempt_at, coalesce(claimed_until, next_attempt_at))) FROM deliveries
    WHERE state = 'owed' AND (:channel_id IS NULL OR channel_id = :channel_id)
"""
BACKLOG = "SELECT channel_id, count(*) FROM deliveries WHERE state = 'owed' GROUP BY channel_id"
ALERTS = "SELECT * FROM alerts ORDER BY seq DESC LIMIT ?"
DELIVERIES = "SELECT * FROM deliveries WHERE alert_id = ? ORDER BY seq"

PRUNE_REVISIONS = "DELETE FROM revisions WHERE id IN (SELECT id FROM revisions WHERE seen_at < ? LIMIT ?)"
PRUNE_ALERTS = """
    DELETE FROM alerts WHERE seq IN (
      SELECT seq FROM alerts WHERE raised_at < ?
        AND NOT EXISTS (SELECT 1 FROM deliveries WHERE alert_id = alerts.id AND state = 'owed')
      LIMIT ?
    )
"""
