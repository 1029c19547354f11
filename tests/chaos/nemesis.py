"""What goes wrong on purpose. Each fault ends healed, and says when nobody may trust a poller's looks meanwhile."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from random import Random
from typing import Protocol

from chaos.fleet import Member

Fault = Callable[[], Awaitable[None]]


class Server(Protocol):
    """The broker, or PostgreSQL. All of it blocks."""

    def start(self) -> None: ...

    def stop(self) -> None: ...

    def kill(self) -> None: ...


class Nemesis:
    """Faults drawn from ``rng``. ``unsettle`` is called before each that makes looks of a poller doubtful."""

    def __init__(
        self, rng: Random, members: Sequence[Member], broker: Server, postgres: Server, unsettle: Callable[[], None]
    ) -> None:
        self.done: list[str] = []
        self._rng = rng
        self._members = members
        self._broker = broker
        self._postgres = postgres
        self._unsettle = unsettle

    def burst(self) -> list[Fault]:
        """One to three faults that overlap, of different victims."""
        faults: list[Fault] = []
        members = self._rng.sample(list(self._members), 3)
        servers = self._rng.sample([self.broker, self.postgres], 2)
        for _ in range(self._rng.choice((1, 2, 2, 3))):
            if self._rng.random() < 0.7:
                way = self._rng.choice((self.kill, self.freeze))
                faults.append(way(members.pop(), self._rng.uniform(0, 4), self._rng.uniform(0.2, 20)))
            elif servers:
                server = servers.pop()
                rough = self._rng.random() < 0.5
                faults.append(server(self._rng.uniform(0, 4), self._rng.uniform(0.2, 12), rough=rough))
        return faults

    def kill(self, member: Member, after: float, down: float) -> Fault:
        async def fault() -> None:
            await self._begin(f"kill -9 {member.name} for {down:.1f} s", after, doubtful=member.kind == "poller")
            await member.kill()
            await asyncio.sleep(down)
            member.revive()

        return fault

    def freeze(self, member: Member, after: float, down: float) -> Fault:
        down = max(down, 2.0)

        async def fault() -> None:
            await self._begin(f"stop {member.name} for {down:.1f} s", after, doubtful=member.kind == "poller")
            await member.freeze()
            await asyncio.sleep(down)
            await member.thaw()

        return fault

    def broker(self, after: float, down: float, *, rough: bool) -> Fault:
        return self._bounce("broker", self._broker, after, down, rough=rough)

    def postgres(self, after: float, down: float, *, rough: bool) -> Fault:
        return self._bounce("postgres", self._postgres, after, down, rough=rough)

    def _bounce(self, name: str, server: Server, after: float, down: float, *, rough: bool) -> Fault:
        async def fault() -> None:
            how = "kill -9" if rough else "restart"
            await self._begin(f"{how} {name} for {down:.1f} s", after, doubtful=name == "broker")
            await asyncio.to_thread(server.kill if rough else server.stop)
            await asyncio.sleep(down)
            await asyncio.to_thread(server.start)

        return fault

    async def _begin(self, what: str, after: float, *, doubtful: bool) -> None:
        # The moment of a fault is the point here; it is drawn, not waited for.
        await asyncio.sleep(after)
        if doubtful:
            self._unsettle()
        self.done.append(what)
