"""``deltawire tail``."""

from __future__ import annotations

import argparse
import sys

from deltawire import events, wanted
from deltawire.cli.words import describe
from deltawire.log.engines import open_log
from deltawire.log.port import Log, Record
from deltawire.log.topics import Topics
from deltawire.settings import Settings


async def main(arguments: argparse.Namespace, settings: Settings) -> None:
    topics = Topics(settings.config.kafka.topic_prefix)
    log = await open_log(settings.config.log.url, topics, role="guest", kafka=settings.config.kafka)
    try:
        await _say_what_is_missing(log, topics, settings, arguments.feed)
        bounds = await log.bounds(topics.events)
        ends = {p: end for p, (_, end) in bounds.items()}
        start = {p: begin for p, (begin, _) in bounds.items()} if arguments.from_beginning else ends
        reader = await log.reader(topics.events, start)
        try:
            while not arguments.no_follow or any(reader.positions[p] < end for p, end in ends.items()):
                for record in await reader.poll():
                    _print(record, arguments)
                sys.stdout.flush()
        finally:
            await reader.close()
    finally:
        await log.close()


async def _say_what_is_missing(log: Log, topics: Topics, settings: Settings, feed: str | None) -> None:
    """Waiting in the wrong folder, or for a feed that nobody follows, looks just like waiting."""
    bounds = await log.bounds(topics.feeds)
    if not any(end for _, end in bounds.values()):
        print(f"nothing has run yet on {settings.config.log.url}", file=sys.stderr)
    elif feed is not None and feed not in (feeds := await wanted.read(log, topics)):
        if any(known.series == feed for known in feeds.values()):
            return
        print(f"no feed {feed!r} is followed now; known: {', '.join(feeds) or 'none'}", file=sys.stderr)


def _print(record: Record, arguments: argparse.Namespace) -> None:
    try:
        event = events.decode(record.headers, record.value)
    except ValueError as error:
        if arguments.feed in (None, record.key):
            print(f"{record.topic}/{record.partition}@{record.offset} is skipped: {error}", file=sys.stderr)
        return
    if arguments.feed not in (None, event.feed_id, event.data.feed.series):
        return
    print(event.structured().decode() if arguments.json else describe(event))
