"""robots.txt (RFC 9309), for pages. Feeds and APIs are made for machines, and asked for without it.

The file of an origin is asked for once a day at most, through the same safe session as everything else.
"""

from __future__ import annotations

import asyncio
import re
from urllib.parse import urlsplit

import aiohttp
import msgspec
from protego import Protego

from deltawire import variables
from deltawire.clock import utc_now
from deltawire.config import FetchConfig
from deltawire.health import BLOCKED
from deltawire.poller.fetch import fetch
from deltawire.poller.hosts import Gates
from deltawire.poller.outcome import Failure, Fetched

PAGES = frozenset({"jsonld", "microdata", "liveblog-html", "amp", "plain-text"})
"""The formats that are read from pages for people; all others are feeds and APIs, made for machines."""

MAX_BYTES = 500 * 1024
"""Of a robots.txt: what is beyond is not looked at (RFC 9309, 2.5)."""

FRESH_FOR = 86_400.0
"""Seconds for which it is used, or less if its headers say so, but at least SHORTEST (RFC 9309, 2.4)."""

SHORTEST = 3600.0
RETRY = 600.0
"""Seconds after which a robots.txt that could not be had is asked for again."""

REMEMBERED_BYTES = 8 * 1024 * 1024
"""Of all files together; taken apart they need up to thirty times as much. A page that redirects to a host of another
name at each look would else fill the memory in a day.
"""

_MOST_ORIGINS = 10_000
_LEAST_BYTES = 512
_MOST_VERDICTS = 1_000
_token = re.compile(r"[A-Za-z_-]+")


class Rules(msgspec.Struct, frozen=True, kw_only=True):
    """The rules of an origin until ``until`` (seconds of the loop's clock), and what they said of its pages so far.

    Without ``parsed`` everything is allowed, or nothing if ``unreachable`` says why they could not be had. ``size`` is
    that of the file.
    """

    until: float
    size: int = _LEAST_BYTES
    parsed: Protego | None = None
    verdicts: dict[str, bool] = {}
    unreachable: str | None = None


def is_page(format_: str, read_as: str | None) -> bool | None:
    """Whether a feed is a page, by the format it is configured with and the one last read; null if not known yet."""
    known = read_as if format_ == "auto" else format_
    return None if known is None else known in PAGES


class Robots:
    """The rules of the origins asked last, in memory."""

    def __init__(self, session: aiohttp.ClientSession, config: FetchConfig, gates: Gates) -> None:
        self._session = session
        self._config = msgspec.structs.replace(config, max_bytes=MAX_BYTES)
        self._respected = config.respect_robots
        self._gates = gates
        self._rules: dict[str, Rules] = {}
        self._locks: dict[str, asyncio.Lock] = {}
        self._size = 0
        found = _token.match(config.user_agent)
        self._name = found[0] if found else "deltawire"

    async def refusal(self, url: str) -> Failure | None:
        """The failed look at a page that robots.txt forbids; null if it may be asked for."""
        if not self._respected:
            return None
        try:
            page, _ = variables.expand(url)
            parts = urlsplit(page)
            host = parts.hostname
        except (variables.MissingVariable, ValueError):
            return None
        if parts.scheme not in ("http", "https") or not host:
            return None
        rules = await self._of(f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}")
        if rules.unreachable:
            detail = f"the robots.txt of {host} cannot be had, which forbids its pages: {rules.unreachable}"
            return Failure(cause=BLOCKED, detail=detail)
        if rules.parsed is None:
            return None
        self._gates.delay(url, rules.parsed.crawl_delay(self._name) or 0.0)
        if (allowed := rules.verdicts.get(page)) is None:
            # Away from the loop: half a megabyte of patterns takes a tenth of a second for each page.
            allowed = await asyncio.to_thread(rules.parsed.can_fetch, page, self._name)
            if len(rules.verdicts) >= _MOST_VERDICTS:
                rules.verdicts.clear()
            rules.verdicts[page] = allowed
        if allowed:
            return None
        return Failure(cause=BLOCKED, detail=f"the robots.txt of {host} forbids this page to {self._name}")

    async def _of(self, origin: str) -> Rules:
        clock = asyncio.get_running_loop().time
        lock = self._locks.setdefault(origin, asyncio.Lock())
        async with lock:
            known = self._rules.get(origin)
            if known is None or clock() >= known.until:
                known = await self._ask(origin, known)
            self._keep(origin, known)
            return known

    def _keep(self, origin: str, rules: Rules) -> None:
        """Remember them as those needed last; those not needed for longest give way."""
        before = self._rules.pop(origin, None)
        self._rules[origin] = rules
        self._size += rules.size - (before.size if before else 0)
        while len(self._rules) > 1 and (self._size > REMEMBERED_BYTES or len(self._rules) > _MOST_ORIGINS):
            oldest = next(iter(self._rules))
            self._size -= self._rules.pop(oldest).size
            if not self._locks[oldest].locked():
                del self._locks[oldest]

    async def _ask(self, origin: str, known: Rules | None) -> Rules:
        url = f"{origin}/robots.txt"
        async with self._gates.slot(url):
            outcome = await fetch(self._session, self._config, url, cut=True)
        now = asyncio.get_running_loop().time()
        if isinstance(outcome, Fetched):
            until = now + min(max(outcome.fresh_for or FRESH_FOR, SHORTEST), FRESH_FOR)
            # Away from the loop: half a megabyte of rules takes a while.
            parsed = await asyncio.to_thread(Protego.parse, outcome.body.decode("utf-8-sig", "replace"))
            return Rules(until=until, size=max(len(outcome.body), _LEAST_BYTES), parsed=parsed)
        wait = 0.0 if outcome.retry_after is None else (outcome.retry_after - utc_now()).total_seconds()
        self._gates.heed(outcome, utc_now())
        return unavailable(outcome, known, now, wait)


def unavailable(failure: Failure, known: Rules | None, now: float, wait: float = 0.0) -> Rules:
    """What a robots.txt that was not got means (RFC 9309, 2.3.1); it is not asked for within the next ``wait`` seconds.

    Any 4xx but 429, and redirects without an end: there are no rules. The server or the network fails: the rules that
    are known still hold; without any, everything is forbidden until it can be asked.
    """
    status = failure.status or 0
    if (400 <= status < 500 and status != 429) or failure.cause in ("redirect", "gone"):
        return Rules(until=now + FRESH_FOR)
    if known is not None and not known.unreachable:
        return msgspec.structs.replace(known, until=now + max(RETRY, wait))
    return Rules(until=now + max(RETRY, wait), unreachable=failure.detail)
