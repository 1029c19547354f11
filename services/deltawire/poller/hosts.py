"""Politeness: how many fetches run at once, in all and to one host, and how many each gets a second.

A host that refuses is slowed down for all of its feeds: each refusal doubles the pause between requests to it, and calm
takes that back. Once it refuses two of its feeds for a while (Retry-After) it means all of them: the others wait too.
"""

from __future__ import annotations

import asyncio
from collections import deque
from datetime import datetime
from urllib.parse import urlsplit

from deltawire.config import FetchConfig
from deltawire.poller.outcome import Failure
from deltawire.poller.remembered import remembered

CONCURRENT_FETCHES = 128
"""Fetches under way at once that are not slow yet."""

SLOW_AFTER = 2.0
"""Seconds after which a fetch leaves its place to another: hosts that drip must not use up the places of all."""

OPEN_FETCHES = 768
"""Fetches under way at once, slow ones included: below the usual limit of open files."""

LONGEST_HOLD = 3600.0
"""Seconds for which the Retry-After of some feeds holds up the other feeds of their host."""

REFUSED_FEEDS = 2
"""So many feeds that are to wait mean the whole host: one alone can have a quota of its own."""

LONGEST_GAP = 60.0
"""Seconds between two requests to a host, whatever its robots.txt or its refusals ask for."""

CALM = 300.0
"""Seconds without a refusal that take one doubling of the pause back."""

_FIRST_GAP = 0.5
_MOST_STRIKES = 10


class _Room:
    """Room for so many at once, in the order they come: a semaphore that is passed without a coroutine while any is
    free. Three of ``asyncio.Semaphore`` were a twentieth of a look that finds nothing new.
    """

    def __init__(self, free: int) -> None:
        self.free = free
        self._waiting: deque[asyncio.Future[None]] = deque()

    async def enter(self) -> None:
        if self.free:
            self.free -= 1
            return
        turn = asyncio.get_running_loop().create_future()
        self._waiting.append(turn)
        try:
            await turn
        except BaseException:
            if turn.done() and not turn.cancelled():
                self.leave()
            raise

    def leave(self) -> None:
        """Hand the place on: nobody who comes now is before those that wait."""
        while self._waiting:
            turn = self._waiting.popleft()
            if not turn.done():
                turn.set_result(None)
                return
        self.free += 1


class _Host:
    def __init__(self, connections: int) -> None:
        self.connections = _Room(connections)
        self.next_start = 0.0
        self.users = 0
        self.waiting: dict[str, float] = {}
        self.delay = 0.0
        self.strikes = 0
        self.struck_at = 0.0

    def standing(self, now: float) -> int:
        """The refusals that calm has not taken back."""
        return max(0, self.strikes - int((now - self.struck_at) / CALM)) if self.strikes else 0

    def held_until(self, now: float) -> float:
        self.waiting = {url: until for url, until in self.waiting.items() if until > now}
        return min(self.waiting.values()) if len(self.waiting) >= REFUSED_FEEDS else 0.0

    def gap(self, usual: float, now: float) -> float:
        strikes = self.standing(now)
        if not strikes and self.delay <= usual:
            return usual
        slowed = max(usual, _FIRST_GAP) * 2**strikes if strikes else usual
        return max(usual, min(max(slowed, self.delay), LONGEST_GAP))


class _Places:
    """The places of fetches that are not slow yet. Only while all are taken is there a timer, one for all of them."""

    def __init__(self) -> None:
        self._room = _Room(CONCURRENT_FETCHES)
        self._since: dict[_Slot, float] = {}
        self._timer: asyncio.TimerHandle | None = None

    @property
    def free(self) -> int:
        return self._room.free

    def take_free(self, slot: _Slot, now: float) -> None:
        self._room.free -= 1
        self._since[slot] = now

    async def take(self, slot: _Slot) -> None:
        if not self._room.free:
            self._sweep()
        await self._room.enter()
        self._since[slot] = asyncio.get_running_loop().time()

    def leave(self, slot: _Slot) -> None:
        if self._since.pop(slot, None) is not None:
            self._room.leave()

    def _sweep(self) -> None:
        """Take the places of those that have become slow, the oldest first; again when the next one has."""
        loop = asyncio.get_running_loop()
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        for slot, since in list(self._since.items()):
            if since + SLOW_AFTER > loop.time():
                break
            self.leave(slot)
        if not self._room.free and self._since:
            oldest = next(iter(self._since.values()))
            self._timer = loop.call_at(oldest + SLOW_AFTER, self._sweep)


class _Slot:
    """A context of its own: every look enters one, and a generator as a context costs as much as all that it does."""

    __slots__ = ("_gates", "_host")

    def __init__(self, gates: Gates, host: _Host) -> None:
        self._gates = gates
        self._host = host

    async def __aenter__(self) -> None:
        if not self._gates.enter_at_once(self._host, self):
            await self._gates.enter(self._host, self)

    async def __aexit__(self, *_: object) -> None:
        self._gates.leave(self._host, self)


class Gates:
    """Every fetch passes the gate of its host first: those that wait for a slow host keep no other host waiting."""

    def __init__(self, fetch: FetchConfig) -> None:
        self._connections = fetch.per_host_connections
        self._gap = 1 / fetch.per_host_rate if fetch.per_host_rate else 0.0
        self._total_gap = 1 / fetch.max_requests_per_second if fetch.max_requests_per_second else 0.0
        self._next_start = 0.0
        self._places = _Places()
        self._open = _Room(OPEN_FETCHES)
        self._hosts: dict[str, _Host] = {}

    def slot(self, url: str) -> _Slot:
        """The right to fetch the URL now, for as long as the context lasts."""
        return _Slot(self, self._host(url))

    def enter_at_once(self, host: _Host, slot: _Slot) -> bool:
        """Whether nobody and nothing had to be waited for."""
        now = asyncio.get_running_loop().time()
        if not (host.connections.free and self._open.free and self._places.free):
            return False
        if host.next_start > now or self._next_start > now:
            return False
        self._turn(host, now)
        host.users += 1
        host.connections.free -= 1
        self._open.free -= 1
        self._places.take_free(slot, now)
        return True

    async def enter(self, host: _Host, slot: _Slot) -> None:
        """Wait for the turn of a host."""
        host.users += 1
        try:
            await host.connections.enter()
            try:
                await self._wait_for_turn(host)
                await self._open.enter()
                try:
                    await self._places.take(slot)
                except BaseException:
                    self._open.leave()
                    raise
            except BaseException:
                host.connections.leave()
                raise
        except BaseException:
            host.users -= 1
            raise

    async def pass_by(self, url: str) -> None:
        """Wait for the turn of a host to which a redirect will lead: it sees its requests, not where they come from."""
        host = self._host(url)
        host.users += 1
        try:
            # As those that ask it directly: few have a turn at once, so that the pauses of all of them do not add up.
            await host.connections.enter()
            try:
                await self._wait_for_turn(host)
            finally:
                host.connections.leave()
        finally:
            host.users -= 1

    def leave(self, host: _Host, slot: _Slot) -> None:
        self._places.leave(slot)
        self._open.leave()
        host.connections.leave()
        host.users -= 1

    async def _wait_for_turn(self, host: _Host) -> None:
        now = asyncio.get_running_loop().time()
        if (start := self._turn(host, now)) > now:
            await asyncio.sleep(start - now)

    def _turn(self, host: _Host, now: float) -> float:
        """When the next request to the host may start."""
        start = max(now, host.next_start, self._next_start)
        host.next_start = start + host.gap(self._gap, now)
        # The budget is counted from now on, not from a host's own queue: nobody else waits for that.
        self._next_start = max(now, self._next_start) + self._total_gap
        return start

    def heed(self, failure: Failure, now: datetime) -> None:
        """Slow down the host that refused, if the failure is a refusal: a 503 that does not say for how long is a fault
        of the server, which each feed meets with its own pauses.
        """
        until = failure.retry_after
        if failure.refused_by is not None and (failure.status == 429 or until is not None):
            self.refused(failure.refused_by, None if until is None else (until - now).total_seconds())

    def refused(self, url: str, wait: float | None) -> None:
        """Note that the host refused a request, for ``wait`` seconds if it said so."""
        now = asyncio.get_running_loop().time()
        host = self._host(url)
        if wait is not None:
            host.waiting[url] = now + min(wait, LONGEST_HOLD)
        host.strikes = min(host.standing(now) + 1, _MOST_STRIKES)
        host.struck_at = now

    def held(self, url: str) -> float:
        """For how many more seconds the host does not want to be asked."""
        now = asyncio.get_running_loop().time()
        host = self._hosts.get(host_of(url))
        return max(0.0, host.held_until(now) - now) if host else 0.0

    def delay(self, url: str, seconds: float) -> None:
        """Leave so many seconds between two requests to the host, as its robots.txt asks."""
        self._host(url).delay = seconds

    def prune(self) -> None:
        """Forget the hosts that nobody waits for, that allow a fetch now and that have nothing to be remembered."""
        now = asyncio.get_running_loop().time()
        self._hosts = {
            name: host
            for name, host in self._hosts.items()
            if host.users or max(host.next_start, host.held_until(now)) > now or host.standing(now) or host.waiting
        }

    def _host(self, url: str) -> _Host:
        name = host_of(url)
        host = self._hosts.get(name)
        if host is None:
            host = self._hosts[name] = _Host(self._connections)
        return host


@remembered()
def host_of(url: str) -> str:
    """The host and port of a URL, which stand for the site; the whole URL where it has none."""
    try:
        return urlsplit(url).netloc.rpartition("@")[2].lower() or url
    except ValueError:
        return url


def elsewhere(asked: str, answered: str | None) -> str | None:
    """The URL that answered, if another host did than the one asked."""
    return answered if answered is not None and host_of(answered) != host_of(asked) else None
