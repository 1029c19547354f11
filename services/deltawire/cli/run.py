"""``deltawire run``: the whole pipeline in one process."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import os
import signal
import socket
import sys
from collections.abc import Coroutine, Sequence
from datetime import UTC, datetime
from typing import Any

import msgspec
import structlog

from deltawire import config_rules, net, ops, telemetry, wanted
from deltawire.alerting import service as alerting
from deltawire.cli.main import Failure, Misuse
from deltawire.config import Config, GatewayConfig
from deltawire.differ import service as differ
from deltawire.differ.state import Policy
from deltawire.gateway import service as gateway
from deltawire.listening import CannotListen
from deltawire.log.engines import open_log
from deltawire.log.port import Log
from deltawire.log.topics import Topics
from deltawire.model import Feed
from deltawire.poller import service as poller
from deltawire.settings import Settings
from deltawire.storage import service as storage
from deltawire.store.engines import open_store

logger = structlog.get_logger()

STOP_WITHIN = 10.0
"""Seconds from SIGTERM to the end."""


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


async def serve(settings: Settings, urls: Sequence[str]) -> None:
    """Run all services until a signal comes, following ``urls`` beside the configured feeds.

    Raises:
        LogError, StoreError: the log or the store cannot be opened.
        Failure: a service ended by itself.
    """
    for warning in settings.warnings:
        logger.warning("config.warning", where=warning.where, message=warning.message)
    config = settings.config
    topics = Topics(config.kafka.topic_prefix)
    log = await open_log(config.log.url, topics, role="owner")
    try:
        await _seed(log, topics, config, urls)
        store = await open_store(config.store.url)
        try:
            async with net.make_session(config.fetch) as session:
                ready = asyncio.Event()

                def started(address: str) -> None:
                    ready.set()
                    print(f"The page is at {address}", flush=True)

                await _until_stopped(
                    {
                        "gateway": gateway.run(log, topics, store, _listening(settings), started=started),
                        "storage": storage.run(log, topics, store),
                        "alerting": alerting.run(log, topics, store, config.rules, config.channels, session),
                        "differ": differ.run(log, topics, config.events.source, _policy(config)),
                        "poller": poller.run(log, topics, config, session=session),
                        "ops": ops.serve(config.ops, ready.is_set),
                    }
                )
        finally:
            await store.close()
    except Exception:
        logger.info("run.stopped", outcome="failed")
        raise
    else:
        logger.info("run.stopped", outcome="ok")
    finally:
        await log.close()


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


async def _seed(log: Log, topics: Topics, config: Config, urls: Sequence[str]) -> None:
    """Want what the configuration and the command line name."""
    now = datetime.now(UTC)
    feeds = await wanted.read(log, topics)
    changed = wanted.seeded(feeds, config.feeds, now)
    feeds |= {feed.id: feed for feed in changed}
    for url in urls:
        if (feed_id := wanted.named(url, feeds)) not in feeds:
            feeds[feed_id] = Feed(id=feed_id, url=url, generation=wanted.generation(now))
            changed.append(feeds[feed_id])
    await wanted.write(log, topics, changed)
    configured = {feed.id for feed in config.feeds}
    if kept := [feed.id for feed in feeds.values() if feed.origin == "config" and feed.id not in configured]:
        logger.info("feeds.kept", feeds=kept, what_to_do="followed though no longer configured: deltawire feeds remove")
    hint = {} if feeds else {"what_to_do": "nothing is followed yet: deltawire feeds add URL"}
    logger.info("run.started", feeds=len(feeds), seeded=[feed.id for feed in changed], **hint)


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
    done, pending = await asyncio.wait(tasks, timeout=STOP_WITHIN - 2)
    for task in done:
        if not task.cancelled() and (error := task.exception()) is not None:
            logger.warning("service.ended", service=task.get_name(), outcome="while stopping", error=str(error))
    for task in pending:
        logger.error("service.stuck", service=task.get_name(), outcome="abandoned")
