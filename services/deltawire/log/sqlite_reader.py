"""Readers of the SQLite log: what was committed just now from memory, the rest from the file."""

from __future__ import annotations

import asyncio
import functools
from collections.abc import Mapping
from types import MappingProxyType

from deltawire.log import sqlite_rows
from deltawire.log.port import LogError, Record
from deltawire.log.sqlite_connections import Connections
from deltawire.log.sqlite_tail import Tail


class SqliteReader:
    """A ``Reader``. One task at a time may poll it; other readers are independent of it."""

    def __init__(self, connections: Connections, tail: Tail, topic: str, positions: Mapping[int, int]) -> None:
        self._connections = connections
        self._tail = tail
        self._topic = topic
        self._positions = dict(positions)
        self._closed = False
        tail.follow(topic)

    @property
    def positions(self) -> Mapping[int, int]:
        return MappingProxyType(self._positions)

    async def poll(self, *, max_records: int = 500, timeout: float = 1.0) -> list[Record]:
        loop = asyncio.get_running_loop()
        deadline = loop.time() + timeout
        while True:
            if self._closed:
                raise LogError(f"this reader of {self._topic} is closed")
            mark = await self._tail.mark(self._topic)
            found = self._tail.read(self._topic, self._positions, max_records)
            if found is None:
                order = dict(self._positions)
                found = await self._connections.run(
                    functools.partial(sqlite_rows.read, topic=self._topic, positions=order, limit=max_records)
                )
            records, reached = found
            moved = reached != self._positions
            self._positions = self._turn(reached)
            left = deadline - loop.time()
            if records or moved or left <= 0:
                return records
            await self._tail.wait(mark, left)

    async def close(self) -> None:
        if not self._closed:
            self._closed = True
            self._tail.leave(self._topic)

    @staticmethod
    def _turn(positions: dict[int, int]) -> dict[int, int]:
        """The partition that was read first comes last next time, so that a busy one does not starve the others."""
        first = next(iter(positions), None)
        if first is None:
            return positions
        return {partition: at for partition, at in positions.items() if partition != first} | {first: positions[first]}
