"""Politeness: how many fetches run at once, in all and to one host, and how many a host gets a second."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from urllib.parse import urlsplit

from deltawire.config import FetchConfig

CONCURRENT_FETCHES = 128


class _Host:
    def __init__(self, connections: int) -> None:
        self.connections = asyncio.Semaphore(connections)
        self.next_start = 0.0
        self.users = 0


class Gates:
    """Every fetch passes the gate of its host first: those that wait for a slow host keep no other host waiting."""

    def __init__(self, fetch: FetchConfig) -> None:
        self._connections = fetch.per_host_connections
        self._gap = 1 / fetch.per_host_rate if fetch.per_host_rate else 0.0
        self._all = asyncio.Semaphore(CONCURRENT_FETCHES)
        self._hosts: dict[str, _Host] = {}

    @asynccontextmanager
    async def slot(self, url: str) -> AsyncIterator[None]:
        """The right to fetch the URL now, for as long as the context lasts."""
        host = self._hosts.setdefault(host_of(url), _Host(self._connections))
        host.users += 1
        try:
            async with host.connections:
                await self._turn(host)
                async with self._all:
                    yield
        finally:
            host.users -= 1

    async def _turn(self, host: _Host) -> None:
        now = asyncio.get_running_loop().time()
        start = max(now, host.next_start)
        host.next_start = start + self._gap
        if start > now:
            await asyncio.sleep(start - now)

    def prune(self) -> None:
        """Forget the hosts that nobody waits for and whose rate allows a fetch now."""
        now = asyncio.get_running_loop().time()
        self._hosts = {name: host for name, host in self._hosts.items() if host.users or host.next_start > now}


def host_of(url: str) -> str:
    """The host and port of a URL, which stand for the site; the whole URL where it has none."""
    try:
        return urlsplit(url).netloc.rpartition("@")[2].lower() or url
    except ValueError:
        return url
