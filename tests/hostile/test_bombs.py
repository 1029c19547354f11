"""Hostile documents on the path that they take in production: none hurts this process, nor the reading of others."""

from __future__ import annotations

import asyncio
import json
import resource
import time

import pytest

from deltawire.formats.base import Raw, Unreadable
from deltawire.poller.guard import Guard
from deltawire.poller.reader import Bounds
from formats.docs import JSON_FEED, RSS, URL
from hostile.bombs import BOMBS, Bomb

WORST = (
    "entities: chain, on the same line",
    "entities: quadratic, on its own line",
    "feed: nested namespaces",
    "sloppy feed: attributes just within the number",
    "sloppy feed: items just within the number",
    "sloppy feed: long name",
    "sloppy feed: unknown elements",
    "markup: divs",
    "encoding: punycode, declared",
    "json: numbers of many digits",
    "page: scripts",
    "text: clocks in one line",
)
OUR_FAULT = {"reader-error", "reader-crashed"}


async def blow_up(guard: Guard, bomb: Bomb) -> str:
    """What became of a bomb: the code of its refusal, or the format that it was read as."""
    raw = Raw(body=await asyncio.to_thread(bomb.make), url=URL, content_type=bomb.content_type)
    try:
        return (await guard.read(raw, "auto", bomb.name)).reading.format
    except Unreadable as refusal:
        return refusal.code


@pytest.mark.timeout(900)
async def test_while_bombs_go_off_healthy_feeds_are_read() -> None:
    sloppy = RSS.replace("<title>", "<title>Fish & chips, ", 1)
    healthy = [Raw(body=body, url=URL) for body in (RSS.encode(), json.dumps(JSON_FEED).encode() + b" " * 10_000)]
    async with Guard(5000, Bounds(cpu=1, wall=600)) as guard:
        bombs = [asyncio.create_task(blow_up(guard, BOMBS[name])) for name in WORST]
        read = 0
        while not all(bomb.done() for bomb in bombs):
            for raw in healthy:
                assert (await guard.read(raw, "auto", "healthy")).reading.entries
                read += 1
            await asyncio.sleep(0.01)
        assert (await guard.read(Raw(body=sloppy.encode(), url=URL), "auto", "sloppy")).reading.entries
        outcomes = dict(zip(WORST, [bomb.result() for bomb in bombs], strict=True))
    assert not OUR_FAULT & set(outcomes.values())
    assert outcomes["text: clocks in one line"] == outcomes["sloppy feed: unknown elements"] == "too-expensive"
    # Several seconds go by; a reading that waited for a bomb each time would come about a dozen times.
    assert read > 60


@pytest.mark.chaos
@pytest.mark.parametrize("name", BOMBS)
async def test_no_bomb_costs_this_process_more_than_its_share(name: str) -> None:
    async with Guard(5000) as guard:
        bomb = BOMBS[name]
        raw = Raw(body=bomb.make(), url=URL, content_type=bomb.content_type)
        before = time.process_time()
        code = ""
        try:
            await guard.read(raw, "auto", "f")
        except Unreadable as refusal:
            code = refusal.code
        assert time.process_time() - before < 4
        assert code not in OUR_FAULT
        assert (await guard.read(Raw(body=RSS.encode(), url=URL), "auto", "g")).reading.entries
    children = resource.getrusage(resource.RUSAGE_CHILDREN)
    assert children.ru_maxrss < 1024 * 1024
