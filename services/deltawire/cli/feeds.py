"""``deltawire feeds``: the feeds of a running deployment. Changes go through the log, to the running process."""

from __future__ import annotations

import argparse
import sys
from datetime import UTC, datetime

import msgspec

from deltawire import config_rules, telemetry, wanted
from deltawire.cli import documents
from deltawire.cli.feeds_import import import_feeds
from deltawire.cli.main import Failure, Misuse
from deltawire.formats import links
from deltawire.formats.base import Unreadable
from deltawire.grammar import counted
from deltawire.health import health, redacted
from deltawire.log.engines import open_log
from deltawire.log.port import Log, Outgoing, latest
from deltawire.log.topics import Topics
from deltawire.model import Feed
from deltawire.poller.once import FetchFailed, fetch_once
from deltawire.poller_state import FetchState, SeriesState
from deltawire.settings import Settings

LOOK_WITHIN = 10.0
"""Seconds that an address which is added may take to answer; it is followed all the same."""


async def main(arguments: argparse.Namespace, settings: Settings) -> None:
    topics = Topics(settings.config.kafka.topic_prefix)
    log = await open_log(settings.config.log.url, topics, role="guest", kafka=settings.config.kafka)
    try:
        feeds = await wanted.read(log, topics)
        match arguments.action:
            case "list":
                await _list(log, topics, feeds, arguments)
                await _list_series(log, topics, feeds, arguments, settings)
            case "add":
                await _add(log, topics, feeds, arguments, settings)
            case "import":
                await import_feeds(log, topics, feeds, arguments, datetime.now(UTC))
            case "remove":
                await _remove(log, topics, feeds, arguments.id, settings)
            case action:
                await _pause(log, topics, _one(feeds, arguments.id), paused=action == "pause")
    finally:
        await log.close()


def _one(feeds: dict[str, Feed], feed_id: str) -> Feed:
    if feed_id not in feeds:
        raise Failure(f"there is no feed {feed_id!r}; known: {', '.join(feeds) or 'none'}")
    return feeds[feed_id]


async def _list(log: Log, topics: Topics, feeds: dict[str, Feed], arguments: argparse.Namespace) -> None:
    states = await latest(log, topics.fetch_state, FetchState)
    now = datetime.now(UTC)
    for feed in feeds.values():
        state = states.get(feed.id)
        name = "paused" if feed.paused else state.state if state else "new"
        found = health(feed, state, now)
        if arguments.json:
            shown = {
                "id": feed.id,
                "url": telemetry.redact(feed.url),
                "kind": "feed",
                "format": feed.format,
                "tags": feed.tags,
                "series": feed.series,
                "continues": feed.continues,
                "continued_by": feed.continued_by,
                "paused": feed.paused,
                "state": name,
                "health": found.word,
                "detail": found.detail,
                "since": state and state.since,
                "last_read_at": state and state.last_read_at,
                "next_poll_at": state and state.next_poll_at,
                "looks": [redacted(look) for look in state.looks] if state else [],
            }
            print(msgspec.json.encode(shown).decode())
        else:
            why = f"  {found.detail}" if found.detail else ""
            print(f"{feed.id:<32}  {found.word:<10}  {telemetry.redact(feed.url)}{why}")


async def _list_series(
    log: Log, topics: Topics, feeds: dict[str, Feed], arguments: argparse.Namespace, settings: Settings
) -> None:
    configured = {series.id for series in settings.config.series}
    for name, state in (await latest(log, topics.series, SeriesState)).items():
        followed = [feed.id for feed in feeds.values() if feed.series == name]
        newest = [feed_id for feed_id in followed if feeds[feed_id].continued_by not in feeds]
        # Without a file of its own the command does not know what the process is configured with.
        outcome = state.outcome if settings.path is None or name in configured else "unconfigured"
        detail = state.detail and telemetry.redact_text(state.detail)
        if outcome == "unconfigured":
            detail = f"{settings.path} does not name it (any more): deltawire feeds remove {name} forgets it"
        if arguments.json:
            shown = {
                "id": name,
                "url": telemetry.redact(state.url),
                "kind": "series",
                "health": outcome,
                "detail": detail,
                "since": state.since,
                "feeds": followed,
            }
            print(msgspec.json.encode(shown).decode())
            continue
        blogs = f"{counted(len(followed), 'blog')}, the newest {', '.join(newest)}" if followed else "no blogs"
        why = f"; {detail}" if detail else ""
        print(f"{name:<32}  {'series':<10}  {telemetry.redact(state.url)}  {outcome}: {blogs}{why}")


async def _add(
    log: Log, topics: Topics, feeds: dict[str, Feed], arguments: argparse.Namespace, settings: Settings
) -> None:
    for mistake in (
        config_rules.feed_id_mistake(arguments.id) if arguments.id else None,
        config_rules.url_mistake(arguments.url),
        config_rules.interval_mistake(arguments.min_interval, arguments.max_interval),
        config_rules.tags_mistake(arguments.tags),
    ):
        if mistake:
            raise Misuse(f"feeds add: {mistake}")
    url = arguments.url
    feed_id = _unused(arguments.id or wanted.named(url, feeds), feeds)
    if arguments.format == "auto" and not arguments.as_given:
        url = await _found(url, settings)
        feed_id = _unused(arguments.id or wanted.named(url, feeds), feeds)
    feed = Feed(
        id=feed_id,
        url=url,
        format=arguments.format,
        min_interval=arguments.min_interval,
        max_interval=arguments.max_interval,
        tags=tuple(arguments.tags),
        generation=wanted.generation(datetime.now(UTC)),
    )
    await wanted.write(log, topics, [feed])
    print(feed_id)


def _unused(feed_id: str, feeds: dict[str, Feed]) -> str:
    if feed_id in feeds:
        raise Failure(f"feed {feed_id} is already followed; remove it first, or give this one another --id")
    return feed_id


async def _found(url: str, settings: Settings) -> str:
    """What to follow for an address that somebody gives: itself, or the only feed or blog that its page points to.

    Raises:
        Failure: the page points to several.
    """
    fetch = settings.config.fetch
    try:
        raw = await fetch_once(url, msgspec.structs.replace(fetch, timeout=min(fetch.timeout, LOOK_WITHIN)))
        await documents.read(raw, "auto", settings.config.differ)
    except FetchFailed as failed:
        # It may pass: the poller goes on asking.
        shown, why = telemetry.redact(url), telemetry.redact_text(str(failed))
        print(f"{shown} is followed, but cannot be fetched now: {why}", file=sys.stderr)
        return url
    except Unreadable as refusal:
        offers = links.offers(raw) if refusal.code == "not-a-live-blog" else []
        shown = telemetry.redact(url)
        if not offers:
            print(f"{shown} is followed, but cannot be read now: {refusal}", file=sys.stderr)
            return url
        if len(offers) > 1:
            named = links.described(offers)
            raise Failure(f"{shown} is a page, no live blog; {named}: add the one that is meant") from None
        print(
            f"{shown} is a page, no live blog; {offers[0].url} ({offers[0].kind}) is followed instead", file=sys.stderr
        )
        return offers[0].url
    return url


async def _remove(log: Log, topics: Topics, feeds: dict[str, Feed], name: str, settings: Settings) -> None:
    if name not in feeds and name in await latest(log, topics.series, SeriesState):
        await _remove_series(log, topics, feeds, name, settings)
        return
    feed = _one(feeds, name)
    await wanted.forget(log, topics, feed.id)
    if any(configured.id == feed.id for configured in settings.config.feeds):
        print(
            f"{feed.id} is removed, but {settings.path} names it too: remove it there, or the next start adds it again"
        )


async def _remove_series(log: Log, topics: Topics, feeds: dict[str, Feed], name: str, settings: Settings) -> None:
    if any(configured.id == name for configured in settings.config.series):
        raise Failure(
            f"{name} is a series that {settings.path} names: remove it there, restart, and then remove it here"
        )
    await log.append([Outgoing(topic=topics.series, key=name, value=None)])
    left = [feed.id for feed in feeds.values() if feed.series == name]
    stay = f"; its feeds are followed as before: {', '.join(left)}" if left else ""
    print(f"the series {name} is forgotten{stay}")


async def _pause(log: Log, topics: Topics, feed: Feed, *, paused: bool) -> None:
    await wanted.write(log, topics, [msgspec.structs.replace(feed, paused=paused)])
