"""``deltawire run``: the whole pipeline in one process; ``deltawire poller`` and the others: one service of it."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import gc
import os
import random
import resource
import signal
import socket
import sys
from collections.abc import Collection, Coroutine, Sequence
from contextlib import AsyncExitStack
from datetime import UTC, datetime, timedelta
from types import TracebackType
from typing import Any

import aiohttp
import msgspec
import structlog

from deltawire import config_rules, net, ops, telemetry, wanted
from deltawire.alerting import service as alerting
from deltawire.cli.main import Failure, Misuse
from deltawire.cli.patience import patiently
from deltawire.config import Config, GatewayConfig
from deltawire.differ import service as differ
from deltawire.differ.state import Policy
from deltawire.gateway import service as gateway
from deltawire.listening import CannotListen
from deltawire.log.engines import open_log
from deltawire.log.port import Fenced, Log, Unreachable
from deltawire.log.topics import Topics
from deltawire.model import Feed
from deltawire.poller import service as poller
from deltawire.settings import Settings
from deltawire.storage import service as storage
from deltawire.store.engines import open_store
from deltawire.store.port import Store, StoreUnreachable

logger = structlog.get_logger()

STOP_WITHIN = 6.0
"""Seconds that the services have to end after SIGTERM; the log and the store then close, ten in all."""

SERVICES = ("gateway", "storage", "alerting", "differ", "poller")
STORED = {"gateway", "storage", "alerting"}
SEED_ATTEMPTS = 20
REMEMBERED = 20
"""Feeds of earlier commands that a log line names."""
OPEN_FILES = 65_536
"""Files and sockets that are asked for: each host of a feed may have some connections open, most of them idle."""


SWITCH_INTERVAL = 0.001
"""Seconds for which a thread keeps the interpreter while another wants it. A look gives it away at each of its steps,
and waits as long to get it back while anything is read or compared: at the usual 5 ms, tens of them in all."""


async def main(arguments: argparse.Namespace, settings: Settings) -> None:
    telemetry.configure_logging(arguments.log_level)
    for url in arguments.urls:
        if mistake := config_rules.url_mistake(url):
            raise Misuse(f"{url}: {mistake}")
    await serve(settings, arguments.urls)
    leave()


def leave() -> None:
    """End the process now, with status 0: everything is closed.

    A document that is still being read, in a thread that cannot be stopped, would hold it up; nobody needs the result.
    """
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(0)


async def one(arguments: argparse.Namespace, settings: Settings) -> None:
    """One service, named by the command."""
    telemetry.configure_logging(arguments.log_level)
    url = settings.config.log.url
    if config_rules.kafka_address(url) is None:
        raise Misuse(
            f"log.url {url} is the embedded log, which one process owns: use deltawire run, "
            "or set log.url to kafka://host:9092"
        )
    await serve(settings, [], [arguments.command])
    leave()


async def serve(settings: Settings, urls: Sequence[str], services: Collection[str] = SERVICES) -> None:
    """Run the services until a signal comes, following ``urls`` beside the configured feeds.

    Raises:
        LogError, StoreError: the log or the store cannot be opened.
        Failure: one of them did not answer for ``ops.start_timeout``, or a service ended by itself.
    """
    allow_open_files()
    collect_rarely()
    sys.setswitchinterval(SWITCH_INTERVAL)
    for warning in settings.warnings:
        logger.warning("config.warning", where=warning.where, message=warning.message)
    config = settings.config
    topics = Topics(config.kafka.topic_prefix)
    async with AsyncExitStack() as stack:
        stack.push(_say_stopped)
        log = await patiently(
            lambda: open_log(config.log.url, topics, role="owner", kafka=config.kafka),
            Unreachable,
            "log",
            config.ops.start_timeout,
        )
        stack.push_async_callback(log.close)
        if "poller" in services:
            await seed(log, topics, config, urls)
        logger.info("run.started", services=sorted(services), log=config.log.url)
        session = await stack.enter_async_context(net.make_session(config.fetch))
        ready = asyncio.Event()
        running: dict[str, Coroutine[Any, Any, None]] = {}
        if STORED & set(services):
            store = await patiently(
                lambda: open_store(config.store.url), StoreUnreachable, "store", config.ops.start_timeout
            )
            stack.push_async_callback(store.close)
            running |= _stored(services, log, topics, store, session, settings, ready)
        if "differ" in services:
            running["differ"] = differ.run(
                log, topics, config.events.source, _policy(config), limits=config.dead_letters
            )
        if "poller" in services:
            running["poller"] = poller.run(log, topics, config, session=session)
        if "gateway" not in services:
            ready.set()
        await _until_stopped(running | {"ops": ops.serve(config.ops, ready.is_set)})


def allow_open_files() -> None:
    """Raise the limit of open files to OPEN_FILES, or as far as the system lets us."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = OPEN_FILES if hard == resource.RLIM_INFINITY else min(hard, OPEN_FILES)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


def collect_rarely() -> None:
    """Look for garbage in cycles after 50,000 new objects instead of 700.

    What is known of the feeds are millions of objects that live on, and going through them again and again took a
    tenth and more of the CPU time of a look that finds nothing new.
    """
    gc.set_threshold(50_000, 50, 100)


def _say_stopped(_: type[BaseException] | None, error: BaseException | None, __: TracebackType | None) -> None:
    logger.info("run.stopped", outcome="failed" if isinstance(error, Exception) else "ok")


def _stored(
    services: Collection[str],
    log: Log,
    topics: Topics,
    store: Store,
    session: aiohttp.ClientSession,
    settings: Settings,
    ready: asyncio.Event,
) -> dict[str, Coroutine[Any, Any, None]]:
    """Those of the services that work on the store. The gateway is ready when it listens."""
    config = settings.config
    running: dict[str, Coroutine[Any, Any, None]] = {}

    def started(address: str) -> None:
        ready.set()
        print(f"The page is at {address}", flush=True)

    if "gateway" in services:
        running["gateway"] = gateway.run(log, topics, store, _listening(settings), started=started)
    if "storage" in services:
        days = config.store.history_days
        running["storage"] = storage.run(log, topics, store, history=timedelta(days=days) if days else None)
    if "alerting" in services:
        running["alerting"] = alerting.run(
            log, topics, store, config.rules, config.channels, session, limits=config.dead_letters
        )
    return running


def _listening(settings: Settings) -> GatewayConfig:
    """The gateway's configuration; a port that nobody asked for gives way to any free one."""
    gateway = settings.config.gateway
    if "gateway.port" not in settings.origins:
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((gateway.host, gateway.port))
            except OSError:
                logger.warning("gateway.port_taken", port=gateway.port, outcome="any free one is taken instead")
                return msgspec.structs.replace(gateway, port=0)
    return gateway


def _policy(config: Config) -> Policy:
    return Policy(removal_looks=config.differ.removal_looks, max_entries=config.differ.max_entries)


async def seed(log: Log, topics: Topics, config: Config, urls: Sequence[str]) -> None:
    """Want what the configuration and the command line name.

    Several pollers start at once, and each feed is to be added once: whoever looks and then writes does both as the
    only writer of this name, or looks again.
    """
    for attempt in range(SEED_ATTEMPTS):
        writer = await log.writer(f"{topics.prefix}.seed")
        try:
            feeds, changed = await _changes(log, topics, config, urls)
            await writer.commit(wanted.records(topics, changed))
        except Fenced:
            await asyncio.sleep(random.uniform(0, 0.1 * attempt))  # noqa: S311
        else:
            break
        finally:
            await writer.close()
    else:
        raise Failure("many processes are adding feeds at once: start them one after the other")
    configured = {feed.id for feed in config.feeds}
    if kept := [feed.id for feed in feeds.values() if feed.origin == "config" and feed.id not in configured]:
        logger.info("feeds.kept", feeds=kept, what_to_do="followed though no longer configured: deltawire feeds remove")
    if urls and (
        others := [f.id for f in feeds.values() if f.origin == "command" and not f.series and f.url not in urls]
    ):
        logger.info(
            "feeds.remembered",
            count=len(others),
            feeds=others[:REMEMBERED],
            what_to_do="given to run or feeds add before, and followed until: deltawire feeds remove",
        )
    hint = {} if feeds else {"what_to_do": "nothing is followed yet: deltawire feeds add URL"}
    logger.info("feeds.seeded", feeds=len(feeds), seeded=[feed.id for feed in changed], **hint)


async def _changes(log: Log, topics: Topics, config: Config, urls: Sequence[str]) -> tuple[dict[str, Feed], list[Feed]]:
    """All wanted feeds, and those of them that are to be written."""
    now = datetime.now(UTC)
    feeds = await wanted.read(log, topics)
    changed = wanted.seeded(feeds, config.feeds, now)
    feeds |= {feed.id: feed for feed in changed}
    for url in urls:
        if (feed_id := wanted.named(url, feeds)) not in feeds:
            feeds[feed_id] = Feed(id=feed_id, url=url, generation=wanted.generation(now))
            changed.append(feeds[feed_id])
    return feeds, changed


async def _until_stopped(services: dict[str, Coroutine[Any, Any, None]]) -> None:
    """Run the services until a signal comes or one of them ends.

    Raises:
        Failure: a service ended by itself, and why.
    """
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    with contextlib.ExitStack() as handlers:
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, stop.set)
            handlers.callback(loop.remove_signal_handler, number)
        tasks = {asyncio.create_task(coroutine, name=name) for name, coroutine in services.items()}
        stopped = asyncio.create_task(stop.wait())
        done, _ = await asyncio.wait({*tasks, stopped}, return_when=asyncio.FIRST_COMPLETED)
        stopped.cancel()
        await _cancel(tasks - done)
    for task in done & tasks:
        error = task.exception()
        if isinstance(error, CannotListen):
            raise Failure(str(error))
        logger.error("service.ended", service=task.get_name(), exc_info=error)
        raise Failure(f"{task.get_name()}: {error or 'ended by itself'}")


async def _cancel(tasks: set[asyncio.Task[None]]) -> None:
    for task in tasks:
        task.cancel()
    done, pending = await asyncio.wait(tasks, timeout=STOP_WITHIN)
    for task in done:
        if not task.cancelled() and (error := task.exception()) is not None:
            logger.warning("service.ended", service=task.get_name(), outcome="while stopping", error=str(error))
    for task in pending:
        logger.error("service.stuck", service=task.get_name(), outcome="abandoned")
