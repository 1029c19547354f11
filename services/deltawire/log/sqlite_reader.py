"""Reading the SQLite log: read-only connections in a few threads, and readers that wait without asking the disk."""

from __future__ import annotations

import asyncio
import functools
import sqlite3
import threading
from collections.abc import Callable, Collection, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from types import MappingProxyType
from typing import Protocol, TypeVar

from deltawire.log import sqlite_rows
from deltawire.log.port import LogError, Record
from deltawire.log.sqlite_schema import empty, explain, open_for_reading

T = TypeVar("T")

LOOK_INTERVAL = 0.1
"""Seconds between two looks of a guest for commits of the owner. One look reads a counter in shared memory (4 µs)."""


class Connections:
    """Read-only connections to a log, one for each thread. A log that is not there yet reads as an empty one."""

    def __init__(self, path: Path, threads: int) -> None:
        self._path = path
        self._threads = ThreadPoolExecutor(threads, thread_name_prefix="deltawire-log-reader")
        self._local = threading.local()
        self._opened: list[sqlite3.Connection] = []
        self._closed = False

    async def run(self, read: Callable[[sqlite3.Connection], T]) -> T:
        if self._closed:
            raise LogError("the log is closed")
        return await asyncio.get_running_loop().run_in_executor(self._threads, self._run, read)

    async def close(self) -> None:
        self._closed = True
        await asyncio.to_thread(self._threads.shutdown)
        for connection in self._opened:
            connection.close()

    def _run(self, read: Callable[[sqlite3.Connection], T]) -> T:
        connection: sqlite3.Connection | None = getattr(self._local, "connection", None)
        if connection is None:
            connection = open_for_reading(self._path)
            if connection is None:
                with closing(empty()) as nothing:
                    return read(nothing)
            self._local.connection = connection
            self._opened.append(connection)
        try:
            return read(connection)
        except sqlite3.Error as error:
            raise explain(error, self._path) from error


class Tail(Protocol):
    """How a reader learns of commits. A commit after ``mark`` ends the ``wait`` for that mark: none is missed."""

    async def mark(self, topic: str) -> object: ...

    async def wait(self, mark: object, timeout: float) -> None: ...


class OwnTail:
    """In the process that writes: told of each commit."""

    def __init__(self) -> None:
        self._events: dict[str, asyncio.Event] = {}

    async def mark(self, topic: str) -> object:
        return self._events.setdefault(topic, asyncio.Event())

    async def wait(self, mark: object, timeout: float) -> None:
        assert isinstance(mark, asyncio.Event)
        try:
            async with asyncio.timeout(timeout):
                await mark.wait()
        except TimeoutError:
            pass

    def notify(self, topics: Collection[str]) -> None:
        for topic in topics:
            if event := self._events.pop(topic, None):
                event.set()


class GuestTail:
    """In any other process: looks at the file's change counter. The connections must have one thread."""

    def __init__(self, connections: Connections) -> None:
        self._connections = connections

    async def mark(self, topic: str) -> object:  # noqa: ARG002 - the counter is that of the file
        return await self._connections.run(_data_version)

    async def wait(self, mark: object, timeout: float) -> None:
        loop = asyncio.get_running_loop()
        deadline = loop.time() + timeout
        while (left := deadline - loop.time()) > 0:
            await asyncio.sleep(min(left, LOOK_INTERVAL))
            if await self._connections.run(_data_version) != mark:
                return


def _data_version(connection: sqlite3.Connection) -> tuple[str, int]:
    """The change counter, which is the connection's own: the file's name tells the empty stand-in from the log."""
    (version,) = connection.execute("PRAGMA data_version").fetchone()
    (_, _, file) = connection.execute("PRAGMA database_list").fetchone()
    return str(file), int(version)


class SqliteReader:
    """A ``Reader``. One task at a time may poll it; other readers are independent of it."""

    def __init__(self, connections: Connections, tail: Tail, topic: str, positions: Mapping[int, int]) -> None:
        self._connections = connections
        self._tail = tail
        self._topic = topic
        self._positions = dict(positions)
        self._closed = False

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
            order = dict(self._positions)
            records, reached = await self._connections.run(
                functools.partial(sqlite_rows.read, topic=self._topic, positions=order, limit=max_records)
            )
            moved = reached != self._positions
            self._positions = self._turn(reached)
            left = deadline - loop.time()
            if records or moved or left <= 0:
                return records
            await self._tail.wait(mark, left)

    async def close(self) -> None:
        self._closed = True

    @staticmethod
    def _turn(positions: dict[int, int]) -> dict[int, int]:
        """The partition that was read first comes last next time, so that a busy one does not starve the others."""
        first = next(iter(positions), None)
        if first is None:
            return positions
        return {partition: at for partition, at in positions.items() if partition != first} | {first: positions[first]}
