"""``deltawire feeds``: the feeds of a running deployment. Changes go through the log, to the running process."""

from __future__ import annotations

import argparse
from datetime import UTC, datetime

import msgspec

from deltawire import config_rules, telemetry, wanted
from deltawire.cli.feeds_import import import_feeds
from deltawire.cli.main import Failure, Misuse
from deltawire.health import health
from deltawire.log.engines import open_log
from deltawire.log.port import Log, snapshot
from deltawire.log.topics import Topics
from deltawire.model import Feed, FetchState, LookSummary, SeriesState
from deltawire.settings import Settings


async def main(arguments: argparse.Namespace, settings: Settings) -> None:
    topics = Topics(settings.config.kafka.topic_prefix)
    log = await open_log(settings.config.log.url, topics, role="guest", kafka=settings.config.kafka)
    try:
        feeds = await wanted.read(log, topics)
        match arguments.action:
            case "list":
                await _list(log, topics, feeds, arguments)
            case "add":
                await _add(log, topics, feeds, arguments)
            case "import":
                await import_feeds(log, topics, feeds, arguments, datetime.now(UTC))
            case "remove":
                await _remove(log, topics, _one(feeds, arguments.id), settings)
            case action:
                await _pause(log, topics, _one(feeds, arguments.id), paused=action == "pause")
    finally:
        await log.close()


def _one(feeds: dict[str, Feed], feed_id: str) -> Feed:
    if feed_id not in feeds:
        raise Failure(f"there is no feed {feed_id!r}; known: {', '.join(feeds) or 'none'}")
    return feeds[feed_id]


async def _list(log: Log, topics: Topics, feeds: dict[str, Feed], arguments: argparse.Namespace) -> None:
    states: dict[str, FetchState] = {}
    async for record in snapshot(log, topics.fetch_state):
        if record.key is not None and record.value is not None:
            states[record.key] = msgspec.json.decode(record.value, type=FetchState)
    now = datetime.now(UTC)
    for feed in feeds.values():
        state = states.get(feed.id)
        name = "paused" if feed.paused else state.state if state else "new"
        found = health(feed, state, now)
        if arguments.json:
            shown = {
                "id": feed.id,
                "url": telemetry.redact(feed.url),
                "format": feed.format,
                "tags": feed.tags,
                "series": feed.series,
                "continues": feed.continues,
                "continued_by": feed.continued_by,
                "paused": feed.paused,
                "state": name,
                "health": found.word,
                "detail": found.detail and telemetry.redact_text(found.detail),
                "since": state and state.since,
                "last_read_at": state and state.last_read_at,
                "next_poll_at": state and state.next_poll_at,
                "looks": [_shown(look) for look in state.looks] if state else [],
            }
            print(msgspec.json.encode(shown).decode())
        else:
            why = f"  {telemetry.redact_text(found.detail)}" if found.detail else ""
            print(f"{feed.id:<32}  {found.word:<10}  {telemetry.redact(feed.url)}{why}")
    if not arguments.json:
        await _list_series(log, topics, feeds)


async def _list_series(log: Log, topics: Topics, feeds: dict[str, Feed]) -> None:
    states: dict[str, SeriesState] = {}
    async for record in snapshot(log, topics.series):
        if record.key is not None and record.value is not None:
            states[record.key] = msgspec.json.decode(record.value, type=SeriesState)
    for name, state in sorted(states.items()):
        followed = [feed.id for feed in feeds.values() if feed.series == name]
        newest = [feed_id for feed_id in followed if feeds[feed_id].continued_by not in feeds]
        blogs = f"{len(followed)} blogs, the newest {', '.join(newest)}" if followed else "no blogs"
        detail = f"; {telemetry.redact_text(state.detail)}" if state.detail else ""
        print(f"{name:<32}  {'series':<10}  {telemetry.redact(state.url)}  {state.outcome}: {blogs}{detail}")


def _shown(look: LookSummary) -> LookSummary:
    return msgspec.structs.replace(look, detail=look.detail and telemetry.redact_text(look.detail))


async def _add(log: Log, topics: Topics, feeds: dict[str, Feed], arguments: argparse.Namespace) -> None:
    feed_id = arguments.id or wanted.named(arguments.url, feeds)
    for mistake in (
        config_rules.feed_id_mistake(feed_id),
        config_rules.url_mistake(arguments.url),
        config_rules.interval_mistake(arguments.min_interval, arguments.max_interval),
    ):
        if mistake:
            raise Misuse(f"feeds add: {mistake}")
    if feed_id in feeds:
        raise Failure(f"feed {feed_id} is already followed; remove it first, or give this one another --id")
    feed = Feed(
        id=feed_id,
        url=arguments.url,
        format=arguments.format,
        min_interval=arguments.min_interval,
        max_interval=arguments.max_interval,
        tags=tuple(arguments.tags),
        generation=wanted.generation(datetime.now(UTC)),
    )
    await wanted.write(log, topics, [feed])
    print(feed_id)


async def _remove(log: Log, topics: Topics, feed: Feed, settings: Settings) -> None:
    await wanted.forget(log, topics, feed.id)
    if any(configured.id == feed.id for configured in settings.config.feeds):
        print(
            f"{feed.id} is removed, but {settings.path} names it too: remove it there, or the next start adds it again"
        )


async def _pause(log: Log, topics: Topics, feed: Feed, *, paused: bool) -> None:
    await wanted.write(log, topics, [msgspec.structs.replace(feed, paused=paused)])
