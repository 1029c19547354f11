"""What goes wrong on purpose. Each fault ends healed, and says when nobody may trust a poller's looks meanwhile."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence, Set
from random import Random
from typing import Protocol

from chaos.fleet import Member

Fault = Callable[[], Awaitable[None]]


SERVERS = ("broker", "postgres")


class Deck:
    """Whom a fault hits, and whether roughly, in an order that ``rng`` shuffles anew each time all were dealt.

    So each kind of fault comes once before any comes again: drawn freely, a run of ten minutes may lack one.
    """

    def __init__(self, rng: Random, victims: Sequence[str]) -> None:
        self._rng = rng
        self._cards = [(victim, rough) for victim in victims for rough in (True, False)]
        self._left: list[tuple[str, bool]] = []

    def deal(self, free: Set[str]) -> tuple[str, bool] | None:
        """The next that hits one of these; null when none is left that does."""
        self._left = self._left or self._rng.sample(self._cards, len(self._cards))
        card = next((card for card in self._left if card[0] in free), None)
        if card is not None:
            self._left.remove(card)
        return card


class Server(Protocol):
    """The broker, or PostgreSQL. All of it blocks."""

    def start(self) -> None: ...

    def stop(self) -> None: ...

    def kill(self) -> None: ...


class Nemesis:
    """Faults dealt by ``rng``. ``unsettle`` is called before each that makes looks of a poller doubtful."""

    def __init__(
        self, rng: Random, members: Sequence[Member], broker: Server, postgres: Server, unsettle: Callable[[], None]
    ) -> None:
        self.done: list[str] = []
        self._rng = rng
        self._members = members
        self._deck = Deck(rng, [*sorted({member.kind for member in members}), *SERVERS])
        self._broker = broker
        self._postgres = postgres
        self._unsettle = unsettle

    def burst(self) -> list[Fault]:
        """One to three faults that overlap, of different victims."""
        faults: list[Fault] = []
        hit: set[str] = set()
        for _ in range(self._rng.choice((1, 2, 2, 3))):
            members = [member for member in self._members if member.name not in hit]
            card = self._deck.deal({member.kind for member in members} | (set(SERVERS) - hit))
            if card is None:
                continue
            victim, rough = card
            after = self._rng.uniform(0, 4)
            if victim in SERVERS:
                server = self.broker if victim == "broker" else self.postgres
                faults.append(server(after, self._rng.uniform(0.2, 12), rough=rough))
                hit.add(victim)
            else:
                member = self._rng.choice([member for member in members if member.kind == victim])
                way = self.kill if rough else self.freeze
                faults.append(way(member, after, self._rng.uniform(0.2, 20)))
                hit.add(member.name)
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
