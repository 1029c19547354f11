"""The topics of an installation: the table of docs/architecture.md, as data."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

DAY = 86_400.0
DEAD_LETTER_ROOM = 16 * 1024
"""For the headers that say why: the largest record must fit into the dead letters too."""


class Topic(msgspec.Struct, frozen=True, kw_only=True):
    """``retention`` is in seconds, null for compacted topics, which keep the last record of each key.

    ``room``: bytes by which a record may be larger than in other topics.
    """

    name: str
    compact: bool
    public: bool
    retention: float | None
    room: int = 0


class Topics:
    """The topic names under one prefix."""

    def __init__(self, prefix: str = "deltawire") -> None:
        def topic(name: str, *, retention: float | None = None, public: bool = False, room: int = 0) -> Topic:
            name = f"{prefix}.{name}.v1"
            return Topic(name=name, compact=retention is None, public=public, retention=retention, room=room)

        self.prefix = prefix
        self.table = {
            "feeds": topic("feeds"),
            "fetch_state": topic("fetch-state"),
            "series": topic("series"),
            "observations": topic("observations", retention=3 * DAY),
            "differ_state": topic("differ-state"),
            "events": topic("events", retention=30 * DAY, public=True),
            "entries": topic("entries", public=True),
            "dead_letters": topic("dead-letters", retention=30 * DAY, room=DEAD_LETTER_ROOM),
        }
        self.feeds = self.table["feeds"].name
        self.fetch_state = self.table["fetch_state"].name
        self.series = self.table["series"].name
        self.observations = self.table["observations"].name
        self.differ_state = self.table["differ_state"].name
        self.events = self.table["events"].name
        self.entries = self.table["entries"].name
        self.dead_letters = self.table["dead_letters"].name

    def __iter__(self) -> Iterator[Topic]:
        return iter(self.table.values())
