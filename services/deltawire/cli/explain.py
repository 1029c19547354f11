"""``deltawire explain``: the last decisions of the differ, with their evidence."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from contextlib import closing

import msgspec

from deltawire import wanted
from deltawire.cli.main import Failure
from deltawire.differ.memory import Memory
from deltawire.differ.state import Note
from deltawire.log.engines import open_log
from deltawire.log.port import snapshot
from deltawire.log.topics import Topics
from deltawire.settings import Settings


async def main(arguments: argparse.Namespace, settings: Settings) -> None:
    topics = Topics(settings.config.kafka.topic_prefix)
    log = await open_log(settings.config.log.url, topics, role="guest", kafka=settings.config.kafka)
    with closing(Memory()) as memory:
        try:
            async for record in snapshot(log, topics.differ_state):
                memory.apply([record])
            feeds = await wanted.read(log, topics)
        finally:
            await log.close()
        of_series = [feed.id for feed in feeds.values() if feed.series == arguments.feed]
        if of_series and arguments.feed not in feeds:
            raise Failure(f"{arguments.feed} is a series; name one of its feeds: {', '.join(of_series)}")
        for note in notes(memory, arguments.feed, arguments.entry):
            print(msgspec.json.encode(note).decode() if arguments.json else as_text(note))


def notes(memory: Memory, feed_id: str, entry_id: str | None) -> Sequence[Note]:
    """The decisions on a feed, or on one of its entries, oldest first.

    Raises:
        Failure: the differ knows no such feed or entry.
        LogError: its memory of the feed cannot be read.
    """
    recalled = memory.recall(feed_id)
    state = recalled.state
    if state is None:
        known = ", ".join(memory.feeds()) or "none yet"
        raise Failure(f"the differ has seen no feed {feed_id!r}; known: {known}")
    if entry_id is None:
        return state.notes
    entry = recalled.entries.get(entry_id)
    if entry is None:
        raise Failure(
            f"feed {feed_id} has no entry {entry_id!r} in memory; deltawire explain --feed {feed_id} shows the ids"
        )
    return entry.notes


def as_text(note: Note) -> str:
    subject = f"  {note.entry_id}" if note.entry_id else ""
    event = f"  {note.event_id}" if note.event_id else ""
    return f"{note.at:%Y-%m-%d %H:%M:%S}Z  {note.reason}{subject}: {note.detail}{event}  (poll {note.poll_id[:8]})"
