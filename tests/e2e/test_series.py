"""A series that a real ``deltawire run`` follows, killed while it does."""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from pathlib import Path
from typing import Any

from e2e.deployment import DEADLINE, HEAD, deployed
from support.origin import Answer, Origin
from support.polling import page

DAYS = [f"europe-2026-03-{day:02}" for day in range(1, 5)]
CONFIG = (
    HEAD
    + """
[[series]]
id = "europe"
url = "{url}"
match = "europe live"
interval = 0.02
min_interval = 0.02
max_interval = 0.1
keep = 100

[[rules]]
id = "all-of-the-series"
feeds = ["europe"]
backfill = true
"""
)


def section(count: int) -> Answer:
    """The blogs of so many days, the newest first."""
    links = "".join(f'<a href="/2026/03/{day:02}/europe-live">Europe live</a>' for day in range(count, 0, -1))
    return Answer(body=f"<html><body>{links}</body></html>".encode(), content_type="text/html")


def feed_events(events: list[dict[str, Any]], kind: str) -> dict[str, dict[str, Any]]:
    return {e["data"]["feed"]["id"]: e["data"] for e in events if e["type"] == f"deltawire.feed.{kind}"}


async def test_over_midnights_and_a_kill_each_blog_is_started_once_and_the_chain_has_no_gap(tmp_path: Path) -> None:
    rng = random.Random(5)
    async with Origin() as origin:
        for day in range(1, len(DAYS) + 1):
            origin.serve(f"/2026/03/{day:02}/europe-live", page(f"day {day}"))
        origin.serve("/europe", section(0))
        async with deployed(tmp_path, CONFIG.format(url=origin.url("/europe"))) as run:
            await run.start()
            for midnight in range(1, len(DAYS) + 1):
                origin.serve("/europe", section(midnight))
                if midnight == 2:
                    await origin.wait_for("/europe", len(origin.asked("/europe")) + 1)
                    await asyncio.sleep(rng.uniform(0, 0.03))
                    await run.kill()
                    await run.start()
                await origin.wait_for(f"/2026/03/{midnight:02}/europe-live", 1, timeout=DEADLINE)
            loop = asyncio.get_running_loop()
            deadline = loop.time() + DEADLINE
            while len(feed_events(events := await run.events(), "updated")) < len(DAYS) - 1:
                assert loop.time() < deadline, run.log()[-3000:]
            assert await run.stop() == 0
            _, listing, _ = await run.command("feeds", "list")
            alerts = run.stored("SELECT feed_id FROM alerts")
    started = Counter(e["data"]["feed"]["id"] for e in events if e["type"] == "deltawire.feed.started")
    assert started == Counter(DAYS)
    links = feed_events(events, "started")
    assert [links[name]["continues"] for name in DAYS] == [None, *DAYS[:-1]]
    updates = feed_events(events, "updated")
    assert [updates[name]["continued_by"] for name in DAYS[:-1]] == DAYS[1:]
    assert {event["data"]["feed"]["series"] for event in events} == {"europe"}
    assert Counter(feed for (feed,) in alerts) == Counter(DAYS)
    assert listing.splitlines()[-1].endswith(f"ok: {len(DAYS)} blogs, the newest {DAYS[-1]}")
