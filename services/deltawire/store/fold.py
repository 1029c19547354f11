"""Many events at once: what they come to for ``entries``, so that a batch is a few statements. Pure.

The rules are those of ``Store.apply``; one event after another leads to the same.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from deltawire.events import Event
from deltawire.model import Entry
from deltawire.store import rows


class Fold:
    """``rows`` are the entries to be written, by feed and entry id; ``begun`` the feeds that start anew, with their
    epoch: what is stored of them goes first. ``learnt`` are epochs, with their feeds, that were never seen before.
    """

    def __init__(self, known: Iterable[tuple[str, str]], current: Mapping[str, str]) -> None:
        self.rows: dict[tuple[str, str], dict[str, Any]] = {}
        self.begun: dict[str, str] = {}
        self.learnt: list[tuple[str, str]] = []
        self._known = set(known)
        self._current = dict(current)

    def take_event(self, event: Event, whole: Entry | None) -> None:
        """Fold an event that was not stored before."""
        feed_id, epoch = rows.text(event.feed_id), rows.text(event.feedepoch)
        if (feed_id, epoch) not in self._known:
            self._known.add((feed_id, epoch))
            self.learnt.append((feed_id, epoch))
            self._begin(feed_id, epoch)
        if rows.folds(event) and self._current[feed_id] == epoch:
            self._put(rows.row_of_event(event, whole))

    def take_row(self, row: dict[str, Any]) -> None:
        """Fold a row of the ``entries`` topic: its epoch becomes the feed's."""
        self._begin(row["feed_id"], row["epoch"])
        self._put(row)

    def _begin(self, feed_id: str, epoch: str) -> None:
        if self._current.get(feed_id) != epoch:
            self._current[feed_id] = self.begun[feed_id] = epoch
            self.rows = {key: row for key, row in self.rows.items() if key[0] != feed_id}

    def _put(self, row: dict[str, Any]) -> None:
        key = (row["feed_id"], row["entry_id"])
        earlier = self.rows.get(key)
        if earlier is not None:
            latest = row if row["sequence"] >= earlier["sequence"] else earlier
            row = latest | {"first_seen_at": min(row["first_seen_at"], earlier["first_seen_at"])}
        self.rows[key] = row
