"""The SQLite log at its worst: what Kafka may do to a consumer, from a seed. For the tests of every service.

Several partitions; holes in the offsets after each commit, as transaction markers leave them; polls that return
early or little; partitions that are taken away at any await and given back, to whichever member of the group;
commits whose outcome is unknown: written, not written, or written only when the next writer of the name is opened.
A seed repeats the choices, not the moments at which threads finish.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import datetime
from pathlib import Path

from deltawire.clock import Clock, utc_now
from deltawire.log.port import Assignment, LogError, Membership, OutcomeUnknown, Outgoing, Reader, Record, Writer
from deltawire.log.sqlite import SqliteLog
from deltawire.log.topics import Topic

COALESCE_RATE = 0.3
"""How often a member that has several assignments waiting is only shown the last."""


class FlakyLog:
    """A ``Log``. The rates are chances, from 0 to 1, at each call; 0 leaves the partitions and the holes."""

    def __init__(
        self, inner: SqliteLog, rng: random.Random, unknown_rate: float, revoke_rate: float, short_poll_rate: float
    ) -> None:
        self.inner = inner
        self.rng = rng
        self._unknown_rate = unknown_rate
        self._revoke_rate = revoke_rate
        self._short_poll_rate = short_poll_rate
        self._groups: dict[tuple[str, str], _Group] = {}
        self._late: dict[str, list[Callable[[], Awaitable[None]]]] = {}

    @classmethod
    async def open(
        cls,
        path: Path | str,
        topics: Iterable[Topic],
        *,
        seed: int,
        partitions: int = 3,
        unknown_rate: float = 0.1,
        revoke_rate: float = 0.02,
        short_poll_rate: float = 0.3,
        now: Clock = utc_now,
    ) -> FlakyLog:
        """Own the log in the file ``path``; errors as those of ``SqliteLog.open``."""
        inner = await SqliteLog.open(path, topics, partitions=partitions, now=now, maintenance_interval=None, gap=1)
        return cls(inner, random.Random(seed), unknown_rate, revoke_rate, short_poll_rate)

    async def append(self, records: Sequence[Outgoing]) -> Sequence[int]:
        await self.disturb()
        if not self._chance(self._unknown_rate):
            return await self.inner.append(records)
        if self._chance(0.5):
            await self.inner.append(records)
        raise OutcomeUnknown("append: the connection was lost (flaky)")

    async def writer(self, name: str) -> Writer:
        await self.disturb()
        for commit in self._late.pop(name, ()):
            with contextlib.suppress(LogError):  # its writer is long gone
                await commit()
        return _FlakyWriter(self, name, await self.inner.writer(name))

    async def reader(self, topic: str, positions: Mapping[int, int]) -> Reader:
        await self.disturb()
        return _FlakyReader(self, await self.inner.reader(topic, positions))

    async def bounds(self, topic: str) -> dict[int, tuple[int, int]]:
        await self.disturb()
        return await self.inner.bounds(topic)

    @asynccontextmanager
    async def member(self, group: str, topic: str) -> AsyncIterator[Membership]:
        """Join a group whose members share the partitions, in a new way at each rebalance."""
        await self.inner.bounds(topic)
        shared = self._groups.setdefault((group, topic), _Group(self.rng, self.inner.partitions))
        member = _FlakyMember(self.rng)
        shared.join(member)
        try:
            yield member
        finally:
            shared.leave(member)

    def rebalance(self) -> None:
        """Take partitions away from their members, in every group, and give them all out again."""
        for group in self._groups.values():
            group.rebalance()

    async def maintain(self, now: datetime) -> None:
        await self.inner.maintain(now)

    async def close(self) -> None:
        await self.inner.close()

    async def disturb(self) -> None:
        """What may happen at any await: other tasks run, and partitions are taken away."""
        if self._chance(self._revoke_rate):
            self.rebalance()
        for _ in range(self.rng.randrange(3)):
            await asyncio.sleep(0)

    def draw_fate(self) -> str | None:
        """What becomes of a commit whose outcome its writer will not know; null for one that goes well."""
        return self.rng.choice(("written", "lost", "late")) if self._chance(self._unknown_rate) else None

    def draw_limit(self, max_records: int) -> int:
        """How many records a poll may return: 0 for one that returns at once, without any."""
        return self.rng.randint(0, min(3, max_records)) if self._chance(self._short_poll_rate) else max_records

    def postpone(self, name: str, commit: Callable[[], Awaitable[None]]) -> None:
        self._late.setdefault(name, []).append(commit)

    def _chance(self, rate: float) -> bool:
        return self.rng.random() < rate


class _FlakyWriter:
    def __init__(self, log: FlakyLog, name: str, inner: Writer) -> None:
        self._log = log
        self._name = name
        self._inner = inner
        self._broken = False

    async def commit(self, records: Sequence[Outgoing]) -> None:
        if self._broken:
            raise LogError(f"writer {self._name} was used again after a commit with unknown outcome")
        await self._log.disturb()
        fate = self._log.draw_fate()
        self._broken = fate is not None
        if fate in (None, "written"):
            await self._inner.commit(records)
        if fate == "late":
            self._log.postpone(self._name, lambda: self._inner.commit(records))
        if fate is not None:
            raise OutcomeUnknown(f"writer {self._name}: the coordinator did not answer (flaky)")

    async def close(self) -> None:
        self._broken = True


class _FlakyReader:
    def __init__(self, log: FlakyLog, inner: Reader) -> None:
        self._log = log
        self._inner = inner

    @property
    def positions(self) -> Mapping[int, int]:
        return self._inner.positions

    async def poll(self, *, max_records: int = 500, timeout: float = 1.0) -> list[Record]:
        await self._log.disturb()
        limit = self._log.draw_limit(max_records)
        return await self._inner.poll(max_records=limit, timeout=timeout) if limit else []

    async def close(self) -> None:
        await self._inner.close()


class _Group:
    def __init__(self, rng: random.Random, partitions: int) -> None:
        self._rng = rng
        self._partitions = range(partitions)
        self._members: list[_FlakyMember] = []
        self._generation = 0

    def join(self, member: _FlakyMember) -> None:
        self._members.append(member)
        self._assign([])

    def leave(self, member: _FlakyMember) -> None:
        self._members.remove(member)
        self._assign([])

    def rebalance(self) -> None:
        self._assign([partition for partition in self._partitions if self._rng.random() < 0.5])
        self._assign([])

    def _assign(self, nobody: Sequence[int]) -> None:
        """A new generation: each partition goes to a random member, except those that go to nobody."""
        self._generation += 1
        shares: dict[int, set[int]] = {number: set() for number in range(len(self._members))}
        for partition in self._partitions:
            if shares and partition not in nobody:
                shares[self._rng.randrange(len(shares))].add(partition)
        for number, share in shares.items():
            self._members[number].give(Assignment(generation=self._generation, partitions=frozenset(share)))


class _FlakyMember:
    def __init__(self, rng: random.Random) -> None:
        self._rng = rng
        self._waiting: asyncio.Queue[Assignment] = asyncio.Queue()

    def give(self, assignment: Assignment) -> None:
        self._waiting.put_nowait(assignment)

    async def changed(self) -> Assignment:
        assignment = await self._waiting.get()
        if self._rng.random() < COALESCE_RATE:
            while not self._waiting.empty():
                assignment = self._waiting.get_nowait()
        return assignment
