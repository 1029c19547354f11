"""``deltawire demo``: the pipeline on three fictional live blogs that a bundled publisher plays."""

from __future__ import annotations

import argparse
import asyncio
import shutil
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec

from deltawire import telemetry
from deltawire.cli import run
from deltawire.config import (
    Config,
    EventsConfig,
    FeedConfig,
    FetchConfig,
    GatewayConfig,
    LogConfig,
    RuleConfig,
    StoreConfig,
)
from deltawire.log.engines import open_log
from deltawire.log.topics import Topics
from deltawire.press.play import stories
from deltawire.press.server import serve
from deltawire.press.story import STORIES, load
from deltawire.settings import Settings

FOLDER = Path("var/demo")
FEEDS = (
    ("harbour", "/harbour/capi.json", ("weather", "local")),
    ("cup", "/cup.rss", ("sport",)),
    ("rail", "/rail.html", ("travel", "local")),
)
RULES = (
    RuleConfig(id="people-in-danger", any=("rescued", "missing", "injured"), significance=("substantive",)),
    RuleConfig(id="corrections", any=("correction", "corrected"), types=("created", "updated")),
    RuleConfig(id="withdrawn", types=("removed",)),
    RuleConfig(id="goals", regex=r"(?i)\bgoal\b", feeds=("cup",)),
)


async def main(arguments: argparse.Namespace, settings: Settings) -> None:
    # Yesterday, so that none of the day's entries lies in the future, whatever the time is now.
    told = [load(key, datetime.now(UTC).date() - timedelta(days=1)) for key in STORIES]
    minutes = max(story.length for story in told) / arguments.speed / 60
    await _fresh(FOLDER)
    telemetry.configure_logging()
    async with serve(stories(told, speed=arguments.speed)) as address:
        print(f"Three invented live blogs play for {minutes:.1f} minutes.", flush=True)
        print(f"(Their publisher, which deltawire polls, is at {address}/; the page that shows the changes follows.)")
        config = configuration(address, settings.config.gateway)
        ending = asyncio.create_task(_say_when_over(minutes))
        await run.serve(msgspec.structs.replace(settings, config=config), [])
        ending.cancel()
    run.leave()


async def _say_when_over(minutes: float) -> None:
    await asyncio.sleep(minutes * 60)
    print("The story is over: nothing more will change. The page stays, where it is, until Ctrl-C.", flush=True)


def configuration(publisher: str, gateway: GatewayConfig) -> Config:
    """The demo's configuration: three formats at once, fast polling, and rules that fire."""
    return Config(
        log=LogConfig(url=f"sqlite:///{FOLDER}/log.db"),
        store=StoreConfig(url=f"sqlite:///{FOLDER}/store.db"),
        events=EventsConfig(source="urn:deltawire:demo"),
        fetch=FetchConfig(allow_private_networks=True, per_host_rate=0, live_interval=1),
        gateway=gateway,
        feeds=tuple(
            FeedConfig(id=key, url=publisher + path, min_interval=1, max_interval=5, tags=tags)
            for key, path, tags in FEEDS
        ),
        rules=RULES,
    )


async def _fresh(folder: Path) -> None:
    """Begin the show anew.

    Raises:
        LogError: another demo is playing in this folder.
    """
    if await asyncio.to_thread(folder.exists):
        log = await open_log(f"sqlite:///{folder}/log.db", Topics(), role="owner")
        await log.close()
        shutil.rmtree(folder)
